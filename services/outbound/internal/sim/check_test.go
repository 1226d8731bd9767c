package sim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// part is one part of one send.
type part struct {
	id    string
	index int32
}

// verdict is what a run came to. It is found by holding the log, which is what
// agents see, against what Meta did; the code under test has no say in it.
type verdict struct {
	Sends, Posts int
	Duplicates   int // parts that the customer has more than once
	Blind        int // POSTs after one that was not answered by a definite no
	FalselySent  int // parts shown as sent that the customer does not have
	FalselyNot   int // parts shown as refused that the customer has
	Unordered    int // POSTs before that of an earlier send
	Open         int // sends that have no end

	Doubts     int // POSTs whose sender could not know
	Delivered  int // of those, delivered
	Settled    int // of those, shown as sent
	Unknown    int // parts left to the agent
	UnknownHad int // of those, with the customer
}

func (v verdict) String() string {
	return fmt.Sprintf("%d sends, %d POSTs: %d duplicates, %d posted blindly, %d falsely sent, %d falsely refused, %d out of order, %d without an end; %d in doubt, %d of them delivered, %d of those settled; %d left to the agent, %d of them delivered",
		v.Sends, v.Posts, v.Duplicates, v.Blind, v.FalselySent, v.FalselyNot, v.Unordered, v.Open, v.Doubts, v.Delivered, v.Settled, v.Unknown, v.UnknownHad)
}

// broken lists the promises that were not kept.
func (v verdict) broken() []string {
	var out []string
	for _, p := range []struct {
		n    int
		what string
	}{{v.Duplicates, "duplicates"}, {v.Blind, "posted blindly"}, {v.FalselySent, "falsely sent"}, {v.FalselyNot, "falsely refused"}, {v.Unordered, "out of order"}, {v.Open, "without an end"}} {
		if p.n > 0 {
			out = append(out, p.what)
		}
	}
	return out
}

// truth is what happened to a part.
type truth struct {
	posts     []*post
	delivered []string // mids
	shown     []string // mids that the log proves
	refused   bool
	unknown   bool
	doubted   bool // it was unknown once, or its agent did not wait for proof
}

// judge holds the log against what Meta did.
func judge(threads map[subject.Thread]*story, posts []*post) verdict {
	v := verdict{Posts: len(posts)}
	parts := map[part]*truth{}
	of := func(id string, index int32) *truth {
		k := part{id, index}
		if parts[k] == nil {
			parts[k] = &truth{}
		}
		return parts[k]
	}
	place := map[string]int{} // of a send in its thread
	for _, s := range threads {
		v.Sends += read(s, place, of)
		if thread.NextSend(s.state) != nil {
			v.Open++
		}
	}
	newest := map[subject.Thread]int{}
	for _, p := range posts {
		t := of(p.id, p.part)
		t.posts = append(t.posts, p)
		if p.mid != "" {
			t.delivered = append(t.delivered, p.mid)
		}
		// A part may come behind later sends when the one before it was in doubt
		// for so long that those did not wait, or its agent did not, and then proved
		// sent.
		healed := p.part > 0 && of(p.id, p.part-1).doubted
		if !p.late && !healed && place[p.id] < newest[p.thread] {
			v.Unordered++
		}
		newest[p.thread] = max(newest[p.thread], place[p.id])
	}
	for _, t := range parts {
		v.add(t)
	}
	return v
}

// read takes what the log says of a thread's sends.
func read(s *story, place map[string]int, of func(string, int32) *truth) (sends int) {
	doubt := map[string]*truth{} // the part in doubt, by its send
	for _, c := range s.commits {
		for _, f := range c.GetFacts() {
			switch k := f.GetKind().(type) {
			case *threadv1.Fact_SendRequested:
				sends++
				place[k.SendRequested.GetId()] = sends
			case *threadv1.Fact_SendSucceeded:
				t := of(k.SendSucceeded.GetId(), k.SendSucceeded.GetPart())
				t.shown, t.unknown = append(t.shown, k.SendSucceeded.GetMid()), false
			case *threadv1.Fact_SendEchoed:
				t := of(k.SendEchoed.GetId(), k.SendEchoed.GetPart())
				t.shown, t.unknown = append(t.shown, k.SendEchoed.GetMid()), false
			case *threadv1.Fact_SendRefused:
				of(k.SendRefused.GetId(), k.SendRefused.GetPart()).refused = true
			case *threadv1.Fact_SendUncertain:
				doubt[k.SendUncertain.GetId()] = of(k.SendUncertain.GetId(), k.SendUncertain.GetPart())
			case *threadv1.Fact_SendAbandoned:
				if t := doubt[k.SendAbandoned.GetId()]; t != nil { // a log by hand may have none
					t.doubted = true
				}
			case *threadv1.Fact_SendUnconfirmed:
				t := of(k.SendUnconfirmed.GetId(), k.SendUnconfirmed.GetPart())
				t.unknown, t.doubted = true, true
			}
		}
	}
	return sends
}

func (v *verdict) add(t *truth) {
	if len(t.delivered) > 1 {
		v.Duplicates++
	}
	for i, p := range t.posts {
		if i > 0 && !t.posts[i-1].no {
			v.Blind++
		}
		if p.doubt {
			v.Doubts++
		}
		if p.doubt && p.mid != "" {
			v.Delivered++
			if len(t.shown) > 0 {
				v.Settled++
			}
		}
	}
	if slices.ContainsFunc(t.shown, func(mid string) bool { return !slices.Contains(t.delivered, mid) }) {
		v.FalselySent++
	}
	if t.refused && len(t.delivered) > 0 && len(t.shown) == 0 {
		v.FalselyNot++
	}
	if t.unknown {
		v.Unknown++
		if len(t.delivered) > 0 {
			v.UnknownHad++
		}
	}
}

// A checker that finds nothing proves nothing: each promise is broken here once,
// in a log and a record of Meta's written by hand.
func TestTheCheckerSeesEveryBrokenPromise(t *testing.T) {
	at := subject.Thread{Page: "1", PSID: "2"}
	sent := func(id, mid string) *threadv1.Fact {
		return thread.Of(&threadv1.SendSucceeded{Id: id, Mid: mid, Proof: thread.ProofAnswer})
	}
	refused := func(id string) *threadv1.Fact {
		return thread.Of(&threadv1.SendRefused{Id: id, Reason: "INVALID_REQUEST"})
	}
	for _, c := range []struct {
		name  string
		facts []*threadv1.Fact
		posts []*post
		open  bool
		want  string
	}{
		{"nothing is wrong", []*threadv1.Fact{sent("a", "m1"), sent("b", "m2")},
			[]*post{{id: "a", no: true}, {id: "a", mid: "m1"}, {id: "b", mid: "m2"}}, false, ""},
		{"the customer has it twice", []*threadv1.Fact{sent("a", "m1")}, []*post{{id: "a", mid: "m1"}, {id: "a", mid: "m2"}}, false, "duplicates, posted blindly"},
		{"a blind second POST, without harm", []*threadv1.Fact{sent("a", "m2")}, []*post{{id: "a"}, {id: "a", mid: "m2"}}, false, "posted blindly"},
		{"shown as sent", []*threadv1.Fact{sent("a", "m1")}, []*post{{id: "a"}}, false, "falsely sent"},
		{"another's message for ours", []*threadv1.Fact{sent("a", "m9")}, []*post{{id: "a", mid: "m1"}}, false, "falsely sent"},
		{"shown as refused", []*threadv1.Fact{refused("a")}, []*post{{id: "a", mid: "m1"}}, false, "falsely refused"},
		{"refused, and healed by an echo", []*threadv1.Fact{refused("a"), thread.Of(&threadv1.SendEchoed{Id: "a", Mid: "m1"})}, []*post{{id: "a", mid: "m1"}}, false, ""},
		{"the second first", []*threadv1.Fact{sent("b", "m2"), sent("a", "m1")}, []*post{{id: "b", mid: "m2"}, {id: "a", mid: "m1"}}, false, "out of order"},
		{"forgotten", nil, nil, true, "without an end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			facts := append([]*threadv1.Fact{thread.Of(&threadv1.SendRequested{Id: "a"}), thread.Of(&threadv1.SendRequested{Id: "b"})}, c.facts...)
			state := &threadv1.State{}
			if c.open {
				state.Sends = []*threadv1.Send{{Id: "a", Status: threadv1.SendStatus_SEND_STATUS_REQUESTED}}
			}
			for _, p := range c.posts {
				p.thread, p.at = at, time.Unix(1, 0)
			}
			v := judge(map[subject.Thread]*story{at: {commits: []*threadv1.Commit{{Facts: facts}}, state: state}}, c.posts)
			if got := strings.Join(v.broken(), ", "); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}
