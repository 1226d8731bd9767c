package rules_test

import (
	"reflect"
	"testing"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/rules"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

func shop(workstream string) *configv1.Page {
	return &configv1.Page{Meta: meta("shop"), PageId: "10", Workstream: workstream}
}

func stream(id, queue, fallback string) *configv1.Workstream {
	return &configv1.Workstream{Meta: meta(id), Queue: queue, FallbackQueue: fallback}
}

func served(id string, agents ...string) *configv1.Queue {
	return &configv1.Queue{Meta: meta(id), Agents: agents}
}

// Which workstream counts, and where a conversation goes that no rule takes.
func TestDefaultRoutes(t *testing.T) {
	type world = []directory.Resource
	for _, c := range []struct {
		name   string
		opened string // workstream the conversation opened with
		world  world
		want   rules.Outcome
	}{
		{"its queue", "ws", world{shop("ws"), stream("ws", "front", "back"), served("front", "mila"), served("back", "orlin")},
			rules.Outcome{Queue: "front", Rule: "workstream ws"}},
		{"the page has moved on, the conversation has not", "ws", world{shop("new"), stream("ws", "front", ""), stream("new", "back", ""), served("front", "mila"), served("back", "orlin")},
			rules.Outcome{Queue: "front", Rule: "workstream ws"}},
		{"its workstream is gone", "ws", world{shop("new"), stream("new", "back", ""), served("back", "orlin")},
			rules.Outcome{Queue: "back", Rule: "workstream new"}},
		{"opened without, has one now", "", world{shop("ws"), stream("ws", "front", ""), served("front", "mila")},
			rules.Outcome{Queue: "front", Rule: "workstream ws"}},
		{"queue is gone", "ws", world{shop("ws"), stream("ws", "front", "back"), served("back")},
			rules.Outcome{Queue: "back", Rule: "fallback: queue front is gone"}},
		{"no queue named", "ws", world{shop("ws"), stream("ws", "", "back"), served("back", "orlin")},
			rules.Outcome{Queue: "back", Rule: "fallback: workstream has no queue"}},
		{"nobody in the queue", "ws", world{shop("ws"), stream("ws", "front", "back"), served("front"), served("back", "orlin")},
			rules.Outcome{Queue: "back", Rule: "fallback: queue front has no agents"}},
		{"nobody in either", "ws", world{shop("ws"), stream("ws", "front", "back"), served("front"), served("back")},
			rules.Outcome{Queue: "front", Rule: "workstream ws"}},
		{"nobody, no fallback", "ws", world{shop("ws"), stream("ws", "front", ""), served("front")},
			rules.Outcome{Queue: "front", Rule: "workstream ws"}},
		{"both are gone", "ws", world{shop("ws"), stream("ws", "front", "back")},
			rules.Outcome{Rule: "fallback: queue front is gone"}},
		{"page without workstream", "", world{shop(""), served("front", "mila")},
			rules.Outcome{Rule: "fallback: page has no workstream"}},
		{"page is gone", "", world{served("front", "mila")},
			rules.Outcome{Rule: "fallback: page is not connected"}},
	} {
		d := directory.NewSnapshot(c.world...)
		s := &threadv1.State{Page: "10", Psid: "70", Conversation: &threadv1.Conversation{Id: "c1", Phase: threadv1.Phase_PHASE_OPEN, Workstream: c.opened}}
		got := rules.New(d).Route(rules.NewContext(d, s, nil, friday), "c1", friday, nil).Settle(rules.Room{})
		got.Passed = nil
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
