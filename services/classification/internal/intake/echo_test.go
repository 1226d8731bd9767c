package intake_test

import (
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/classification/internal/intake"
)

const intent = "0190"

// echo is the echo of a message of ours under mid.
func echo(mid string, own *graph.Metadata) intake.Input {
	i := input(item(`"message":{"mid":"` + mid + `","is_echo":true,"metadata":"x"}`))
	i.Own = own
	return i
}

func TestOwnEcho(t *testing.T) {
	for _, c := range []struct {
		name    string
		status  threadv1.SendStatus
		attempt int32
		own     graph.Metadata
		want    string
	}{
		{"answer on the way", threadv1.SendStatus_SEND_STATUS_ATTEMPTED, 1, graph.Metadata{Intent: intent, Part: 1, Attempt: 1}, "send_succeeded"},
		{"uncertain", threadv1.SendStatus_SEND_STATUS_UNCERTAIN, 1, graph.Metadata{Intent: intent, Part: 1, Attempt: 1}, "send_succeeded"},
		{"not confirmed", threadv1.SendStatus_SEND_STATUS_UNCONFIRMED, 1, graph.Metadata{Intent: intent, Part: 1, Attempt: 1}, "send_succeeded"},
		{"put off", threadv1.SendStatus_SEND_STATUS_REQUESTED, 1, graph.Metadata{Intent: intent, Part: 1, Attempt: 1}, "send_succeeded"},
		{"tried again", threadv1.SendStatus_SEND_STATUS_ATTEMPTED, 2, graph.Metadata{Intent: intent, Part: 1, Attempt: 1}, "send_succeeded"},
		{"not attempted", threadv1.SendStatus_SEND_STATUS_REQUESTED, 0, graph.Metadata{Intent: intent, Part: 1, Attempt: 1}, "send_echoed"},
		{"a part that is sent already", threadv1.SendStatus_SEND_STATUS_ATTEMPTED, 1, graph.Metadata{Intent: intent, Part: 0, Attempt: 1}, "send_echoed"},
		{"a send that is over", threadv1.SendStatus_SEND_STATUS_ATTEMPTED, 1, graph.Metadata{Intent: "0200", Part: 1, Attempt: 1}, "send_echoed"},
	} {
		s := thread.New(page, psid)
		s.Sends = []*threadv1.Send{{Id: intent, Parts: 2, Part: 1, Status: c.status, Attempt: c.attempt}}
		facts := file(t, s, echo("m", &c.own))
		if got := kinds(facts); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
			continue
		}
		if ok := facts[0].GetSendSucceeded(); ok != nil && (ok.GetProof() != "echo" || ok.GetMid() != "m" || ok.GetSentMs() != noon) {
			t.Errorf("%s: %v", c.name, facts[0])
		}
		if e := facts[0].GetSendEchoed(); e != nil && (e.GetId() != c.own.Intent || int(e.GetPart()) != c.own.Part || e.GetAttempt() != 1 || e.GetMid() != "m" || e.GetSentMs() != noon) {
			t.Errorf("%s: %v", c.name, facts[0])
		}
		if again := file(t, s, echo("m", &c.own)); len(again) != 0 {
			t.Errorf("%s, again: %s", c.name, kinds(again))
		}
		if again := file(t, s, echo("m", nil)); len(again) != 0 {
			t.Errorf("%s, again without its metadata: %s", c.name, kinds(again))
		}
	}
}

// The echo after Meta's answer brings Meta's time of the message and is not
// surprising; one that lost its metadata is known by its mid.
func TestEchoAfterTheAnswer(t *testing.T) {
	answered := func() *threadv1.State {
		s := thread.New(page, psid)
		s.Sends = []*threadv1.Send{{Id: intent, Parts: 1, Attempt: 1, Status: threadv1.SendStatus_SEND_STATUS_ATTEMPTED}}
		ok := thread.Of(&threadv1.SendSucceeded{Id: intent, Mid: "m", Proof: "answer"})
		if err := thread.Apply(s, 1, time.UnixMilli(noon), ok); err != nil {
			t.Fatal(err)
		}
		return s
	}
	own := &graph.Metadata{Intent: intent, Attempt: 1}
	s := answered()
	if d := intake.Decide(s, echo("m", own)); d.Doubt || kinds(d.Facts) != "send_echoed" {
		t.Errorf("the echo of an answered send: doubt %v, %s", d.Doubt, kinds(d.Facts))
	}
	file(t, s, echo("m", own))
	if s.GetNewestMs() != noon {
		t.Errorf("newest at %d, want Meta's time of the echo", s.GetNewestMs())
	}
	if facts := file(t, answered(), echo("m", nil)); len(facts) != 0 {
		t.Errorf("shown a second time: %s", kinds(facts))
	}
}

// An echo that nobody expects makes intake look in the log, whatever the state
// remembers; and what it finds there is in the fact.
func TestAnUnexpectedEchoIsDoubted(t *testing.T) {
	in := echo("m2", &graph.Metadata{Intent: intent, Attempt: 1})
	d := intake.Decide(thread.New(page, psid), in)
	if !d.Doubt || !d.Since.IsZero() {
		t.Fatalf("doubt %v since %v, want a search of all", d.Doubt, d.Since)
	}
	for _, c := range []struct {
		past  intake.Past
		want  string
		twice bool
	}{
		{intake.Past{}, "send_echoed", false},
		{intake.Past{Proved: true}, "send_echoed", true},
		{intake.Past{Had: true}, "", false},
	} {
		in.Past = &c.past
		d := intake.Decide(thread.New(page, psid), in)
		if d.Doubt || kinds(d.Facts) != c.want || len(d.Facts) > 0 && d.Facts[0].GetSendEchoed().GetTwice() != c.twice {
			t.Errorf("%+v: doubt %v, %v", c.past, d.Doubt, d.Facts)
		}
	}
}
