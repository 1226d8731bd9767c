package validate_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/slug"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/validate"
)

type template = configv1.NotificationTemplate

// notice is a good template of notifications after a change of it.
func notice(change func(*template)) *template {
	t := &template{Meta: meta("quick"), Texts: []*configv1.NotificationTexts{
		{Language: "bg", Title: "Нов разговор в {QueueName}", Accept: "Поеми", Reject: "Не сега",
			Rows: []*configv1.NotificationRow{{Label: "Поръчка", Text: "{$Tier_1$}"}, {Label: "Език", Text: "{CustomerLanguage}"}}},
		{Language: "en-GB"}}}
	change(t)
	return t
}

func first(change func(*configv1.NotificationTexts)) directory.Resource {
	return notice(func(t *template) { change(t.Texts[0]) })
}

func TestMistakesOfTemplates(t *testing.T) {
	type texts = configv1.NotificationTexts
	row := func(label, text string) directory.Resource {
		return first(func(x *texts) { x.Rows[1] = &configv1.NotificationRow{Label: label, Text: text} })
	}
	for _, m := range []mistake{
		{"L91", "too short", notice(func(t *template) { t.Seconds = 4 }), "seconds", "4 is out of range; use 5 to 600"},
		{"L91", "too long", notice(func(t *template) { t.Seconds = 601 }), "seconds", "601 is out of range"},
		{"L91", "desktop of another version", notice(func(t *template) { t.Desktop = 9 }), "desktop", "9 is not a value this version knows"},
		{"L91", "given, and cannot be rejected", notice(func(t *template) { t.Texts, t.AutoAssign, t.NoReject = nil, true, true }), "no_reject", "true says nothing more with auto_assign"},
		{"L91", "given, and a word to reject with", notice(func(t *template) { t.AutoAssign = true }), "texts[0].reject", "has no effect with auto_assign, where nobody is asked; leave it out"},
		{"L91", "no rejecting, and a word for it", notice(func(t *template) { t.NoReject = true }), "texts[0].reject", "has no effect with no_reject; leave out one of the two"},
		{"L91", "no language", first(func(x *texts) { x.Language = "" }), "texts[0].language", "is missing; write a BCP 47 tag"},
		{"L91", "language that is none", first(func(x *texts) { x.Language = "bg_BG" }), "texts[0].language", "is not a language"},
		{"L91", "language twice", notice(func(t *template) { t.Texts[1].Language = "bg" }), "texts[1].language", `"bg" stands in texts[0] already; remove one`},
		{"L91", "long title", first(func(x *texts) { x.Title = strings.Repeat("ж", 101) }), "texts[0].title", "has 101 characters; use at most 100"},
		{"L91", "title of two lines", first(func(x *texts) { x.Title = "a\nb" }), "texts[0].title", "holds control characters; write one line"},
		{"L91", "long word to accept with", first(func(x *texts) { x.Accept = strings.Repeat("ж", 31) }), "texts[0].accept", "has 31 characters; use at most 30"},
		{"L91", "slug in a word to press", first(func(x *texts) { x.Accept = "{QueueName}" }), "texts[0].accept", "has a brace, and nothing is filled in here; leave braces out"},
		{"L91", "nothing to press", first(func(x *texts) { x.Reject = " " }), "texts[0].reject", "is white space; write what it does, or leave it out"},
		{"L91", "too many rows", first(func(x *texts) { x.Rows = some(11, func(int) *configv1.NotificationRow { return x.Rows[0] }) }), "texts[0].rows", "has 11 rows; use at most 10"},
		{"L91", "row of no name", row("", "x"), "texts[0].rows[1].label", "is missing; write 1 to 50 characters"},
		{"L91", "row of a long name", row(strings.Repeat("ж", 51), "x"), "texts[0].rows[1].label", "has 51 characters; use at most 50"},
		{"L91", "row of nothing", row("x", " "), "texts[0].rows[1].text", "is missing; write 1 to 200 characters, such as {QueueName}"},
		{"L91", "row of a long text", row("x", strings.Repeat("ж", 201)), "texts[0].rows[1].text", "has 201 characters; use at most 200"},
		{"L92", "slug that there is not", row("x", "{caseTitle}"), "texts[0].rows[1].text", "holds {caseTitle}, which nothing is put in place of here; use {CustomerFullName}, "},
		{"L92", "slug that there is not in the title", first(func(x *texts) { x.Title = "{queueName}" }), "texts[0].title", "holds {queueName}"},
		{"L92", "half a slug", row("x", "{QueueName"), "texts[0].rows[1].text", "a brace without its other one"},
		{"S40", "title with a slug that there is not", broken(func(w *workstream) { w.SessionTitle = "{Name}" }), "session_title", "holds {Name}, which nothing is put in place of here; use {CustomerFullName}"},
		{"S40", "title with a variable that there is not", broken(func(w *workstream) { w.SessionTitle = "{$Gone$}" }), "session_title", `names the variable "Gone", which is none of the workstream's variables`},
		{"S40", "long title", broken(func(w *workstream) { w.SessionTitle = strings.Repeat("ж", 101) }), "session_title", "has 101 characters; use at most 100"},
		{"L90", "template gone", broken(func(w *workstream) { w.Notifications = &configv1.Notifications{Transfer: "gone"} }), "notifications.transfer", `there is no template of notifications "gone"; create it first`},
	} {
		m.check(t)
	}
}

func TestTheLimitsOfTemplatesAreGood(t *testing.T) {
	var all []string
	for _, s := range slug.Notices() {
		all = append(all, "{"+s+"}")
	}
	for name, r := range map[string]directory.Resource{
		"L91 the whole":    notice(func(*template) {}),
		"L91 nothing said": notice(func(t *template) { t.Texts = nil }),
		"L91 shortest":     notice(func(t *template) { t.Seconds, t.HideCountdown = 5, true }),
		"L91 longest": notice(func(t *template) {
			t.Seconds, t.Desktop = 600, configv1.DesktopNotification_DESKTOP_NOTIFICATION_ALWAYS
		}),
		"L91 given":             notice(func(t *template) { t.Texts[0].Reject, t.AutoAssign = "", true }),
		"L91 no rejecting":      notice(func(t *template) { t.Texts[0].Reject, t.NoReject = "", true }),
		"L91 its usual time":    broken(func(w *workstream) { w.OfferSeconds = 0 }),
		"S40 a title":           broken(func(w *workstream) { w.SessionTitle = "{$Tier_1$} {CustomerFullName}" }),
		"L92 every slug":        first(func(x *configv1.NotificationTexts) { x.Rows[0].Text = strings.Join(all, " ") }),
		"L92 several in titles": first(func(x *configv1.NotificationTexts) { x.Title = "{CustomerFirstName} {CustomerLastName}" }),
	} {
		if found := check(r); len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
	}
}

// A template and the workstreams that name it must agree, whichever of the two is
// changed.
func TestTemplatesAgreeWithWorkstreams(t *testing.T) {
	given := notice(func(t *template) { t.Texts, t.AutoAssign = nil, true })
	asks := notice(func(t *template) { t.Meta = meta("asks") })
	for _, c := range []struct {
		name        string
		use         *configv1.Notifications
		change      func(*workstream)
		field, says string // of the workstream; empty: it is good
		onTheOther  string // of the template
	}{
		{"L90, S40 a template for each use", &configv1.Notifications{IncomingKnown: "quick", IncomingUnknown: "quick", Transfer: "quick", Consult: "asks"}, func(w *workstream) { w.OfferSeconds = 0 }, "", "", ""},
		{"L95 nobody is made to advise", &configv1.Notifications{Consult: "quick"}, nil, "notifications.consult", `template "quick": auto_assign: true does not go with consults`, `workstream "facebook" names the template as notifications.consult`},
		{"L22 nothing is given where agents pick", &configv1.Notifications{IncomingKnown: "quick"}, func(w *workstream) { w.Mode = pick }, "notifications.incoming_known", "true does not go with WORK_MODE_PICK", `workstream "facebook" names the template as notifications.incoming_known`},
		{"L91 a time said in vain", &configv1.Notifications{IncomingKnown: "quick", IncomingUnknown: "quick", Transfer: "asks"}, nil, "offer_seconds", "60 has no effect where templates of notifications say it for all", ""},
		{"L91 given, said in vain", &configv1.Notifications{IncomingKnown: "asks", IncomingUnknown: "asks", Transfer: "asks"}, func(w *workstream) { w.OfferSeconds, w.AutoAssign = 0, true }, "auto_assign", "true has no effect where templates of notifications say it for all", ""},
		{"L91 a time for what has no template", &configv1.Notifications{IncomingKnown: "quick", IncomingUnknown: "quick"}, nil, "", "", ""},
	} {
		w := broken(func(w *workstream) {
			w.Notifications = c.use
			if c.change != nil {
				c.change(w)
			}
		})
		world := directory.NewSnapshot(append(world(), given, asks, w)...)
		say := func(r directory.Resource) (all string) {
			for _, v := range validate.Resource(r, world) {
				all += v.Field + ": " + v.Description + "\n"
			}
			return all
		}
		if got := say(w); c.field == "" && got != "" || c.field != "" && (!strings.HasPrefix(got, c.field+": ") || !strings.Contains(got, c.says)) {
			t.Errorf("%s: the workstream is told %q", c.name, got)
		}
		if got := say(given); c.onTheOther == "" && got != "" || !strings.Contains(got, c.onTheOther) {
			t.Errorf("%s: the template is told %q", c.name, got)
		}
		for _, named := range []string{"quick", "asks"} {
			uses := slices.ContainsFunc(directory.Uses(w.(*workstream)), func(u directory.Use) bool { return u.Template == named })
			if got := strings.Join(validate.Referrers(world, directory.Notifications, named), " "); (got == "workstreams.facebook") != uses {
				t.Errorf("%s: %s is used by %q", c.name, named, got)
			}
		}
	}
}

// L30: who promises that a conversation goes back to one agent only, and then lets
// that agent decline, is told so.
func TestAffinityIsAskedToAgree(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *workstream)
		told   bool
	}{
		"strict, and asked":    {func(w *workstream) { w.Affinity = strict }, true},
		"preferred, and asked": {func(w *workstream) { w.Affinity, w.AffinitySeconds = preferred, 60 }, false},
		"strict, and given":    {func(w *workstream) { w.Affinity, w.AutoAssign = strict, true }, false},
		"strict, and given by template": {func(w *workstream) {
			w.Affinity, w.Notifications = strict, &configv1.Notifications{IncomingKnown: "quick", IncomingUnknown: "quick"}
		}, false},
		"strict, and asked by template": {func(w *workstream) {
			w.Affinity, w.AutoAssign, w.Notifications = strict, true, &configv1.Notifications{IncomingUnknown: "asks"}
		}, true},
	} {
		lines := remarked(func(w *directory.Snapshot) {
			w.Templates["quick"] = notice(func(t *template) { t.Texts, t.AutoAssign = nil, true })
			w.Templates["asks"] = notice(func(t *template) { t.Meta = meta("asks") })
			facebook := proto.CloneOf(w.Workstreams["facebook"])
			c.change(facebook)
			w.Workstreams["facebook"] = facebook
		})
		told := slices.ContainsFunc(lines, func(l string) bool {
			return strings.HasPrefix(l, `workstream "facebook" has affinity AFFINITY_STRICT, and agents are asked`)
		})
		if told != c.told {
			t.Errorf("%s: told %t: %v", name, told, lines)
		}
	}
	lines := remarked(func(w *directory.Snapshot) {
		w.Templates["odd"] = notice(func(t *template) { t.Meta, t.Texts[0].Title = meta("odd"), "{$Gone$}" })
	})
	if all := strings.Join(lines, "\n"); !strings.Contains(all, `"odd" is used by no workstream`) || !strings.Contains(all, `"Gone" (texts[0][title]), which no workstream has`) {
		t.Errorf("of an odd template is said %s", all)
	}
}
