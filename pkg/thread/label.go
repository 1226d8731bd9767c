package thread

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Limits of labels: so many of a conversation, each of so many characters.
const (
	MostLabels = 10
	MostLabel  = 40
)

// Label is text as a label is written, with one space between words and none around
// them; empty when it can be no label: nothing of it is seen, it is too long, or it
// has characters that steer how text is shown.
func Label(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	steers := func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }
	if !strings.ContainsFunc(text, unicode.IsGraphic) || !utf8.ValidString(text) || utf8.RuneCountInString(text) > MostLabel || strings.ContainsFunc(text, steers) {
		return ""
	}
	return text
}

// HasLabel tells whether label is among labels, whatever its case.
func HasLabel(labels []string, label string) bool {
	return slices.ContainsFunc(labels, func(one string) bool { return strings.EqualFold(one, label) })
}

// ChangeLabels gives a conversation labels and takes some away: whoever may write a
// note on it may. What changes nothing is no fact.
func ChangeLabels(s *threadv1.State, conversation string, change *threadv1.LabelsChanged) ([]*threadv1.Fact, error) {
	by := change.GetBy()
	if Done(s, change.GetClientId()) {
		return nil, nil
	}
	c, err := current(s, conversation, by)
	if err == nil && !slices.Contains(Allowed(s, by), "note") {
		_, err = held(s, conversation, by, noted...)
	}
	if err != nil {
		return nil, err
	}
	after := labelled(c.GetLabels(), change)
	switch {
	case slices.Equal(c.GetLabels(), after):
		return nil, nil
	case len(after) > MostLabels:
		return nil, refuse(s, TooManyLabels, by)
	}
	return one(change), nil
}

// noted are the phases in which notes are written.
var noted = []threadv1.Phase{threadv1.Phase_PHASE_ACTIVE, threadv1.Phase_PHASE_WAITING, threadv1.Phase_PHASE_WRAP_UP}

// labelled are the labels after a change.
func labelled(before []string, change *threadv1.LabelsChanged) (after []string) {
	for _, label := range before {
		if !HasLabel(change.GetRemoved(), label) {
			after = append(after, label)
		}
	}
	for _, label := range change.GetAdded() {
		if !HasLabel(after, label) {
			after = append(after, label)
		}
	}
	return after
}

func applyLabels(s *threadv1.State, change *threadv1.LabelsChanged) error {
	c, by := s.GetConversation(), change.GetBy()
	after := labelled(c.GetLabels(), change)
	switch {
	case c == nil:
		return refuse(s, Unanswerable, by)
	case !slices.Contains(noted, c.GetPhase()):
		return refuse(s, WrongPhase, by)
	case by == "" || len(change.GetAdded())+len(change.GetRemoved()) == 0:
		return refuse(s, BadFact, by)
	case slices.ContainsFunc(change.GetAdded(), func(label string) bool { return label == "" || Label(label) != label }):
		return refuse(s, BadFact, by)
	case len(after) > MostLabels:
		return refuse(s, TooManyLabels, by)
	}
	c.Labels = after
	s.Commands = remember(s.Commands, change.GetClientId(), keptCommands)
	return nil
}
