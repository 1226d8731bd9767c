package check

import (
	"cmp"
	"strings"
	"unicode"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/sandbox"
)

// Reply is a message of an agent that the desk's API acknowledged: from then on
// the agent relies on it.
type Reply struct {
	Thread   sandbox.Thread `json:"thread"`
	ClientID string         `json:"client_id"`
	Text     string         `json:"text"`
}

// shown is a reply as the export shows it.
type shown struct {
	id      string
	parts   []string
	stopped int  // the first part that is shown as failed or unconfirmed: no later one is on its way
	open    bool // it has not reached a final state, or was left to the agent
}

// replies looks for what became of the acknowledged replies: each part reached
// the customer in the words of the agent, or is shown as one that did not, or
// not surely, or not yet.
func (r *Report) replies(in Input, log map[sandbox.Thread]history) {
	reached := map[part]string{}
	for _, rec := range in.Journal {
		if rec.Kind == sandbox.SendReceived && rec.Send.Delivered {
			if p, ok := partOf(rec.Send.Metadata); ok {
				reached[p] = rec.Text
			}
		}
	}
	byClient := map[sandbox.Thread]map[string]*shown{}
	done := map[Reply]bool{}
	for _, reply := range in.Replies {
		if done[reply] {
			continue
		}
		done[reply] = true
		r.Counts["replies acknowledged"]++
		if byClient[reply.Thread] == nil {
			byClient[reply.Thread] = shownReplies(log[reply.Thread])
		}
		if why := byClient[reply.Thread][reply.ClientID].lost(reply.Text, reached); why != "" {
			r.add(ReplyLost, reply.Thread, "command %s: %s", reply.ClientID, why)
		}
	}
}

// shownReplies reads the replies of a thread by their client ids.
func shownReplies(h history) map[string]*shown {
	byClient, byID := map[string]*shown{}, map[string]*shown{}
	stop := func(id string, part int32) {
		if s := byID[id]; s != nil {
			s.stopped = min(s.stopped, int(part))
		}
	}
	for _, c := range h {
		for _, f := range c.GetCommit().GetFacts() {
			switch k := f.GetKind().(type) {
			case *threadv1.Fact_SendRequested:
				q := k.SendRequested
				s := &shown{id: q.GetId(), parts: q.GetParts(), stopped: len(q.GetParts())}
				byID[q.GetId()] = s
				byClient[q.GetClientId()] = cmp.Or(byClient[q.GetClientId()], s)
			case *threadv1.Fact_SendRefused:
				stop(k.SendRefused.GetId(), k.SendRefused.GetPart())
			case *threadv1.Fact_SendUnconfirmed:
				stop(k.SendUnconfirmed.GetId(), k.SendUnconfirmed.GetPart())
			}
		}
	}
	if len(h) == 0 {
		return byClient
	}
	for _, one := range h[len(h)-1].GetCommit().GetState().GetSends() {
		if s := byID[one.GetId()]; s != nil {
			s.open = true
		}
	}
	return byClient
}

// lost says how a reply was lost; s is nil when the thread does not show it.
func (s *shown) lost(text string, reached map[part]string) string {
	switch {
	case s == nil:
		return "is not in the log"
	case words(strings.Join(s.parts, "")) != words(text):
		return "is in the log in other words"
	}
	for i, text := range s.parts {
		switch got, ok := reached[part{s.id, int32(i)}]; {
		case ok && got != text:
			return "reached the customer in other words"
		case !ok && !s.open && i < s.stopped:
			return "did not reach the customer, and nothing says so"
		}
	}
	return ""
}

// words is a text without white space: a long one is cut where there is some.
func words(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
}
