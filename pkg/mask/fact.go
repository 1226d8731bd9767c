package mask

import (
	"google.golang.org/protobuf/proto"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Event hides in the message of a fact what the page's rules say: of what the
// customer wrote by those for customers, of what the page wrote elsewhere by
// those for agents. Ids, payloads and marks stay.
func (b Both) Event(what any) {
	switch f := what.(type) {
	case *threadv1.MessageReceived:
		f.Text = b.Customer.Hide(f.GetText())
		b.Customer.attachments(f.GetAttachments())
	case *threadv1.MessageEdited:
		f.Text = b.Customer.Hide(f.GetText())
	case *threadv1.EventKept:
		f.Summary, f.Raw = b.Customer.Hide(f.GetSummary()), b.Customer.Hide(f.GetRaw())
	case *threadv1.ExternalMessageSent:
		f.Text = b.Agent.Hide(f.GetText())
		b.Agent.attachments(f.GetAttachments())
	}
}

// attachments hides in what is read of attachments; links stay, for files come by
// them.
func (s *Set) attachments(all []*threadv1.Attachment) {
	for _, a := range all {
		a.Title, a.Raw = s.Hide(a.GetTitle()), s.Hide(a.GetRaw())
	}
}

// Replies gives the quick replies with what customers read of them masked.
func (s *Set) Replies(all []*threadv1.QuickReply) []*threadv1.QuickReply {
	var out []*threadv1.QuickReply
	for _, q := range all {
		q = proto.CloneOf(q)
		q.Title = s.Hide(q.GetTitle())
		out = append(out, q)
	}
	return out
}

// Template gives the template with what customers read of it masked. Addresses
// and payloads stay, or nothing would work that is pressed.
func (s *Set) Template(t *threadv1.Template) *threadv1.Template {
	if t == nil {
		return nil
	}
	t = proto.CloneOf(t)
	if b := t.GetButton(); b != nil {
		b.Text = s.Hide(b.GetText())
		s.buttons(b.GetButtons())
	}
	for _, p := range t.GetUtility().GetParameters() { // the rest are the page's approved words
		p.Text = s.Hide(p.GetText())
	}
	for _, c := range t.GetGeneric().GetElements() {
		c.Title, c.Subtitle = s.Hide(c.GetTitle()), s.Hide(c.GetSubtitle())
		s.buttons(c.GetButtons())
	}
	return t
}

func (s *Set) buttons(all []*threadv1.Button) {
	for _, b := range all {
		b.Title = s.Hide(b.GetTitle())
	}
}
