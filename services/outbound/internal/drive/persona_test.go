package drive_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// called is a house in which customers see mila under a nickname.
func called(t *testing.T, box *secret.Box, nickname string) *directory.Directory {
	t.Helper()
	all := resources(t, box, "1")
	page := all[1].(*configv1.Page)
	page.Workstream = "facebook"
	return directory.Fixed(directory.NewSnapshot(append(all, &configv1.Workstream{Meta: &configv1.Meta{Id: "facebook"}, Persona: true},
		&configv1.Agent{Meta: &configv1.Meta{Id: "mila"}, Nickname: nickname})...))
}

func made(n int, _ string) (string, error) { return "p_" + strconv.Itoa(n), nil }

// said is each message with the persona that said it.
func said(m *meta) (all []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.posts {
		all = append(all, p.Text+" "+p.Persona)
	}
	return all
}

// A name is made once, whoever sends by it and after every restart; another name
// takes its place at Meta. What no person wrote has none, nor has a utility template.
func TestNamesAreMadeOnceAndKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, notes := keys(t), &shelf{entries: map[string]bus.Entry{}}
		log := newMemory(greeted([]string{"one", "two"}, []string{"three"})...)
		meta := &meta{answer: delivered, named: made}
		stop := processWith(t, log, meta, called(t, box, "Mimi"), box, notes)
		time.Sleep(time.Minute)
		stop()
		log.say(thread.Of(&threadv1.SendRequested{Id: "s8", ClientId: "s8", Agent: "mila", Parts: []string{"four"}, Human: true}),
			thread.Of(&threadv1.SendRequested{Id: "u", ClientId: "u", Agent: "mila", Parts: []string{"A-17 is here"}, Human: true,
				Template: &threadv1.Template{Utility: &threadv1.UtilityTemplate{Name: "order_update", Language: "en", Text: "A-17 is here"}}}),
			thread.Of(&threadv1.SendRequested{Id: "r", ClientId: "r", Agent: "mila", Parts: []string{"by rule"}}))
		stop = processWith(t, log, meta, called(t, box, "Mimi"), box, notes)
		time.Sleep(time.Minute)
		stop()
		long := strings.Repeat("ж", 60)
		log.say(thread.Of(&threadv1.SendRequested{Id: "s9", ClientId: "s9", Agent: "mila", Parts: []string{"five"}, Human: true}))
		stop = processWith(t, log, meta, called(t, box, long), box, notes)
		time.Sleep(time.Minute)
		stop()
		if want := []string{"Hello! ", "one p_1", "two p_1", "three p_1", "four p_1", "A-17 is here ", "by rule ", "five p_2"}; !slices.Equal(said(meta), want) {
			t.Errorf("said %q, want %q", said(meta), want)
		}
		if want := []string{"Mimi", long[:100]}; !slices.Equal(meta.names, want) || !slices.Equal(meta.gone, []string{"p_1"}) {
			t.Errorf("made %q, took away %q", meta.names, meta.gone)
		}
	})
}

// Names that cannot be had in time are left out, and are not asked for with every
// message.
func TestAMessageDoesNotWaitLongForAName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := keys(t)
		log := newMemory(asked([]string{"one", "two"}, []string{"three"})...)
		meta := &meta{answer: delivered, named: func(n int, name string) (string, error) {
			time.Sleep(2 * time.Second) // as a call does whose time is over
			return "", unavailable()
		}}
		start := time.Now()
		stop := process(t, log, meta, called(t, box, "Mimi"), box)
		synctest.Wait()
		time.Sleep(10 * time.Second)
		if want := []string{"one ", "two ", "three "}; !slices.Equal(said(meta), want) || len(meta.names) != 1 {
			t.Errorf("after %s said %q, asked %d times", time.Since(start), said(meta), len(meta.names))
		}
		time.Sleep(time.Minute)
		log.say(thread.Of(&threadv1.SendRequested{Id: "s9", ClientId: "s9", Agent: "mila", Parts: []string{"four"}, Human: true}))
		time.Sleep(10 * time.Second)
		stop()
		if len(meta.names) != 2 {
			t.Errorf("asked %d times, want once more after a minute", len(meta.names))
		}
	})
}

// A name that Meta does not take any more costs a message one more attempt, in
// which it goes without; so do those that follow, for an hour.
func TestANameThatMetaRefuses(t *testing.T) {
	for name, no := range map[string]graph.Outcome{
		"as no good":     {Class: graph.Refused, Reason: graph.ReasonInvalidRequest, Code: 100},
		"as not allowed": {Class: graph.Parked, Reason: graph.ReasonPermissionMissing, Code: 10},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				box := keys(t)
				log := newMemory(asked([]string{"one"}, []string{"two"})...)
				meta := &meta{named: made, answer: func(n int, m graph.Message) graph.Outcome {
					if m.Persona != "" {
						return no
					}
					return delivered(n, m)
				}}
				stop := process(t, log, meta, called(t, box, "Mimi"), box)
				time.Sleep(59 * time.Minute)
				log.say(thread.Of(&threadv1.SendRequested{Id: "s8", ClientId: "s8", Agent: "mila", Parts: []string{"three"}, Human: true}))
				time.Sleep(2 * time.Minute)
				expect(t, log, "attempted", "deferred PERSONA_REFUSED", "attempted", "succeeded answer", "attempted", "succeeded answer", "attempted", "succeeded answer")
				log.say(thread.Of(&threadv1.SendRequested{Id: "s9", ClientId: "s9", Agent: "mila", Parts: []string{"four"}, Human: true}))
				time.Sleep(time.Minute)
				stop()
				if want := []string{"one p_1", "one ", "two ", "three ", "four p_2", "four "}; !slices.Equal(said(meta), want) {
					t.Errorf("said %q, want %q", said(meta), want)
				}
			})
		})
	}
}

// Names of agents end with them: Meta is told to forget the name of one who is
// called otherwise, has no nickname any more or was deleted, and again until it
// has; one that is shown stays.
func TestNamesEndWithTheirAgents(t *testing.T) {
	for name, c := range map[string]struct {
		then func(t *testing.T, box *secret.Box) *directory.Directory
		want []string
	}{
		"one who is called otherwise": {func(t *testing.T, box *secret.Box) *directory.Directory { t.Helper(); return called(t, box, "Mila") }, []string{"p_1", "p_1"}},
		"one who is not shown":        {func(t *testing.T, box *secret.Box) *directory.Directory { t.Helper(); return called(t, box, "") }, []string{"p_1", "p_1"}},
		"one who is gone":             {connected, []string{"p_1", "p_1"}},
		"one who is shown":            {func(t *testing.T, box *secret.Box) *directory.Directory { t.Helper(); return called(t, box, "Mimi") }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				box, notes := keys(t), &shelf{entries: map[string]bus.Entry{}}
				meta := &meta{answer: delivered, named: made, forget: func(n int) error {
					if n == 1 {
						return unavailable()
					}
					return nil
				}}
				stop := processWith(t, newMemory(asked([]string{"one"})...), meta, called(t, box, "Mimi"), box, notes)
				time.Sleep(time.Hour)
				stop()
				if len(meta.gone) > 0 {
					t.Fatalf("took away %q", meta.gone)
				}
				stop = processWith(t, newMemory(&threadv1.Fact{Kind: &threadv1.Fact_ReadReported{ReadReported: &threadv1.ReadReported{WatermarkMs: 1}}}), meta, c.then(t, box), box, notes)
				time.Sleep(3 * time.Hour)
				stop()
				if !slices.Equal(meta.gone, c.want) {
					t.Errorf("took away %q, want %q", meta.gone, c.want)
				}
				if _, err := notes.Get(t.Context(), subject.PersonaKey(customer.Page, "mila")); (err == nil) != (c.want == nil) {
					t.Errorf("what is written down of it: %v", err)
				}
			})
		})
	}
}

// A name that cannot be written down is not left at Meta, and the message goes
// without.
func TestANameThatCannotBeWrittenDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, notes := keys(t), &shelf{entries: map[string]bus.Entry{}}
		meta := &meta{answer: delivered}
		meta.named = func(n int, name string) (string, error) {
			notes.mu.Lock()
			defer notes.mu.Unlock()
			notes.away = true
			return made(n, name)
		}
		stop := processWith(t, newMemory(asked([]string{"one"})...), meta, called(t, box, "Mimi"), box, notes)
		time.Sleep(10 * time.Second)
		notes.mu.Lock()
		notes.away = false
		notes.mu.Unlock()
		stop()
		if want := []string{"one "}; !slices.Equal(said(meta), want) || !slices.Equal(meta.gone, []string{"p_1"}) {
			t.Errorf("said %q, took away %q", said(meta), meta.gone)
		}
	})
}

// What is in doubt stays in doubt: a message with a name is not repeated for it.
func TestAnUncertainMessageWithANameIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := keys(t)
		log := newMemory(asked([]string{"one"})...)
		meta := &meta{named: made, answer: func(int, graph.Message) graph.Outcome {
			return graph.Outcome{Class: graph.Uncertain, Reason: graph.ReasonServerError, Code: 100}
		}}
		stop := process(t, log, meta, called(t, box, "Mimi"), box)
		time.Sleep(10 * time.Minute)
		stop()
		if len(meta.posts) != 1 {
			t.Errorf("posted %q", said(meta))
		}
	})
}
