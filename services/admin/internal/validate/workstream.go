package validate

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Limits of a workstream.
const (
	maxRulesets  = 10 // of classification (L32)
	maxVariables = 100
	maxValue     = 4000 // characters of a context variable (L116)
	maxDays      = 36500
)

func (p *problems) workstream(w *configv1.Workstream, world *directory.Snapshot) {
	p.reference("queue", directory.Queues, w.GetQueue(), world)
	if w.GetFallbackQueue() != "" {
		p.reference("fallback_queue", directory.Queues, w.GetFallbackQueue(), world)
	}
	p.units(w, world)
	p.picture("persona_picture", w.GetPersonaPicture())
	p.notifications(w, world)
	p.known("wrap_up", w.GetWrapUp().String(), configv1.WrapUp_name, int32(w.GetWrapUp()))
	switch seconds := w.GetWrapUpSeconds(); {
	case w.GetWrapUp() == configv1.WrapUp_WRAP_UP_TIMED:
		p.within("wrap_up_seconds", seconds, 30, 3600)
	case seconds != 0:
		p.add("wrap_up_seconds", "%d has no effect unless wrap_up is WRAP_UP_TIMED; set that, or leave the seconds out", seconds)
	}
	if days := w.GetRetentionDays(); days != 0 {
		p.within("retention_days", days, 1, maxDays)
	}
	p.dispositions(w.GetDispositions())
	p.files(w)
	p.life(w)
	p.bot(w)
	p.masks(w.GetMasks())
	p.terms(w)
	p.rules(w, world)
	p.variables(w.GetVariables())
	p.questions(w)
	p.survey("survey", w.GetSurvey())
	p.survey("bot_survey", w.GetBotSurvey())
	p.knows(w, world)
}

// maxTypes bounds the sorts of files that a workstream names.
const maxTypes = 50

// files checks what a workstream takes of files (L14, L15). The switch may be off
// while the rest is written down.
func (p *problems) files(w *configv1.Workstream) {
	if size := w.GetAttachmentMegabytes(); size != 0 {
		p.within("attachment_megabytes", size, 1, directory.MaxMegabytes)
	}
	if !p.atMost("attachment_types", "sorts of files", len(w.GetAttachmentTypes()), maxTypes) {
		return
	}
	first := map[string]int{}
	for i, extension := range w.GetAttachmentTypes() {
		field := fmt.Sprintf("attachment_types[%d]", i)
		at, twice := first[extension]
		switch {
		case twice:
			p.add(field, "%q stands in attachment_types[%d] already; remove one", clip(extension), at)
		case !slices.Contains(directory.FileTypes(), extension):
			p.add(field, "%q is not a sort of file that can be taken; it is one of %s", clip(extension), strings.Join(directory.FileTypes(), " "))
		}
		first[extension] = i
	}
}

// rules checks the rulesets of a workstream (L32, L35). One without rules does
// for both: it is yet to be filled.
func (p *problems) rules(w *configv1.Workstream, world *directory.Snapshot) {
	if p.atMost("classification", "rulesets", len(w.GetClassification()), maxRulesets) {
		p.references("classification[%d]", directory.Rulesets, w.GetClassification(), world)
		for i, id := range w.GetClassification() {
			p.sort(fmt.Sprintf("classification[%d]", i), id, "classify", world)
		}
	}
	if w.GetRouting() != "" {
		p.reference("routing", directory.Rulesets, w.GetRouting(), world)
		p.sort("routing", w.GetRouting(), "route", world)
	}
}

// sort checks that a ruleset has rules of that sort, or none yet.
func (p *problems) sort(field, ruleset, wanted string, world *directory.Snapshot) {
	does := map[string]struct{ what, where string }{
		"classify":   {"classifies", "name it in classification of a workstream"},
		"route":      {"chooses queues", "name it as routing of a workstream"},
		"prioritise": {"puts conversations in order", "name it as custom.prioritisation of a queue"},
		"assign":     {"finds agents", "name it as custom.assignment of a queue or in its selections"},
	}
	for _, other := range sortsOf(world.Rulesets[ruleset]) {
		if is := does[other.field]; other.field != wanted {
			p.add(field, "ruleset %q %s; %s, and here one with rules in %s", ruleset, is.what, is.where, wanted)
		}
	}
}

// variables checks the context variables of a workstream (L116).
func (p *problems) variables(list []*configv1.Variable) {
	if !p.atMost("variables", "variables", len(list), maxVariables) {
		return
	}
	first, tells := map[string]int{}, map[configv1.Tells]int{}
	for i, v := range list {
		field := fmt.Sprintf("variables[%d]", i)
		p.tells(field, v, i, tells)
		p.variableName(field+".name", v.GetName())
		if at, twice := first[v.GetName()]; twice {
			p.add(field+".name", "%q is the name in variables[%d] already; choose another", clip(v.GetName()), at)
		} else {
			first[v.GetName()] = i
		}
		p.known(field+".type", v.GetType().String(), configv1.VariableType_name, int32(v.GetType()))
		p.variableValue(field+".initial", v.GetInitial())
		if !holds(v, v.GetInitial()) {
			p.add(field+".initial", "%q is not a number; write it in decimal, such as 12 or -0.5, or make the type VARIABLE_TYPE_TEXT", clip(v.GetInitial()))
		}
	}
}

// tells checks what a variable says of who a customer is (L119): a workstream has
// one of each sort, and telephone numbers and the like are no numbers.
func (p *problems) tells(field string, v *configv1.Variable, i int, first map[configv1.Tells]int) {
	what := v.GetTells()
	p.known(field+".tells", what.String(), configv1.Tells_name, int32(what))
	if _, known := configv1.Tells_name[int32(what)]; !known || what == configv1.Tells_TELLS_UNSPECIFIED {
		return
	}
	if at, twice := first[what]; twice {
		p.add(field+".tells", "variables[%d] tells %s already; leave it out of one", at, what)
	} else {
		first[what] = i
	}
	if v.GetType() == configv1.VariableType_VARIABLE_TYPE_NUMBER && what != configv1.Tells_TELLS_EXTERNAL_ID {
		p.add(field+".tells", "%s is no number in decimal; make the type VARIABLE_TYPE_TEXT", what)
	}
}

// holds tells whether v may have that value; every variable may have none.
func holds(v *configv1.Variable, value string) bool {
	return value == "" || v.GetType() != configv1.VariableType_VARIABLE_TYPE_NUMBER || numberShape.MatchString(value)
}

func (p *problems) variableName(field, name string) {
	if !variableShape.MatchString(name) {
		p.add(field, "%q is not the name of a variable; use 1 to %d letters of the Latin alphabet, digits and '_'", clip(name), maxName)
	}
}

func (p *problems) variableValue(field, value string) {
	switch n := utf8.RuneCountInString(value); {
	case !utf8.ValidString(value):
		p.add(field, "is not UTF-8; save the file as UTF-8")
	case n > maxValue:
		p.add(field, "has %d characters; use at most %d", n, maxValue)
	}
}
