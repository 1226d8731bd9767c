package timeline

import (
	"slices"
	"strconv"
	"strings"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Values of an item whose message waits: until when, or for its page.
const (
	retryMS = "retry_ms"
	parked  = "parked"
)

// send is what folding knows of an agent's message beyond its item.
type send struct {
	asked *threadv1.SendRequested
	mids  []string // by part; empty where none is known
	sent  []int64  // by part, Meta's time, ms since 1970 UTC; 0 where Meta has not told
}

// sending folds the facts of an agent's message; false when fact is none.
func (f *fold) sending(fact *threadv1.Fact) bool {
	switch k := fact.GetKind().(type) {
	case *threadv1.Fact_SendRequested:
		f.requested(k.SendRequested)
	case *threadv1.Fact_SendAttempted:
		f.attempted(k.SendAttempted.GetId())
	case *threadv1.Fact_SendSucceeded:
		f.succeeded(k.SendSucceeded)
	case *threadv1.Fact_SendEchoed:
		f.echoed(k.SendEchoed)
	case *threadv1.Fact_SendRefused:
		m := k.SendRefused
		if e := f.stand(m.GetId(), deskv1.Delivery_DELIVERY_FAILED, m.GetReason()); e != nil && m.GetOpensMs() > 0 {
			detail(e.item, "opens_ms", strconv.FormatInt(m.GetOpensMs(), 10))
		}
	case *threadv1.Fact_SendDeferred:
		m := k.SendDeferred
		if e := f.stand(m.GetId(), deskv1.Delivery_DELIVERY_SENDING, m.GetReason()); e != nil && m.GetDisconnected() {
			detail(e.item, parked, "1")
		} else if e != nil && m.GetRetryMs() > 0 {
			detail(e.item, retryMS, strconv.FormatInt(m.GetRetryMs(), 10))
		}
	case *threadv1.Fact_SendUncertain:
		f.stand(k.SendUncertain.GetId(), deskv1.Delivery_DELIVERY_UNCERTAIN, k.SendUncertain.GetReason())
	case *threadv1.Fact_SendUnconfirmed:
		if e := f.byID[k.SendUnconfirmed.GetId()]; e == nil || e.item.GetDelivery() != deskv1.Delivery_DELIVERY_ABANDONED { // its agent left it before
			f.stand(k.SendUnconfirmed.GetId(), deskv1.Delivery_DELIVERY_UNCONFIRMED, "")
		}
	case *threadv1.Fact_SendAbandoned:
		f.stand(k.SendAbandoned.GetId(), deskv1.Delivery_DELIVERY_ABANDONED, "")
	default:
		return false
	}
	return true
}

func (f *fold) requested(m *threadv1.SendRequested) {
	author := deskv1.Author_AUTHOR_AGENT
	if m.GetAutomated() != nil {
		author = deskv1.Author_AUTHOR_AUTOMATED
	}
	if m.GetBot() != nil {
		author = deskv1.Author_AUTHOR_BOT
	}
	e := f.add(m.GetId(), author)
	e.known = true
	e.send = &send{asked: m, mids: make([]string, len(m.GetParts())), sent: make([]int64, len(m.GetParts()))}
	item := f.change(e)
	item.Agent, item.ClientId = m.GetAgent(), m.GetClientId()
	item.Text = strings.Join(m.GetParts()[len(m.GetFiles()):], "\n") // each part is a message of its own
	f.enclose(e, item, m.GetFiles())
	item.ReplyTo, item.QuickReplies, item.Template, item.Sticker = m.GetReplyTo(), m.GetQuickReplies(), m.GetTemplate(), m.GetSticker()
	if len(item.GetQuickReplies()) > 0 || item.GetTemplate() != nil {
		f.offering = append(f.offering, e)
	}
	item.Delivery = deskv1.Delivery_DELIVERY_SENDING
	detail(item, "repeats", m.GetRepeats())
	detail(item, "trigger", machineWord(m.GetAutomated().GetTrigger().String(), "TRIGGER_"))
}

// attempted keeps why an earlier attempt was put off: it holds until this one
// has another end.
func (f *fold) attempted(id string) {
	reason := ""
	if e := f.byID[id]; e != nil && e.item.GetDelivery() == deskv1.Delivery_DELIVERY_SENDING {
		reason = e.item.GetReason()
	}
	f.stand(id, deskv1.Delivery_DELIVERY_SENDING, reason)
}

// stand says where a message stands; nil when the log began after it.
func (f *fold) stand(id string, d deskv1.Delivery, reason string) *entry {
	e := f.byID[id]
	if e == nil || e.send == nil {
		return nil
	}
	if (e.send.asked.GetAutomated() != nil || e.send.asked.GetBot() != nil) && (d == deskv1.Delivery_DELIVERY_FAILED || d == deskv1.Delivery_DELIVERY_UNCONFIRMED) {
		d = deskv1.Delivery_DELIVERY_ABANDONED // there is nothing for the agent to do about it
	}
	f.move(e, d, reason)
	return e
}

// move changes where a message stands; what it waits for is of where it stood.
func (f *fold) move(e *entry, d deskv1.Delivery, reason string) {
	item := f.change(e)
	item.Delivery, item.Reason = d, reason
	delete(item.Details, retryMS)
	delete(item.Details, parked)
}

// succeeded notes the proof that one part reached Meta. It also heals a
// message whose outcome was not known.
func (f *fold) succeeded(m *threadv1.SendSucceeded) {
	e := f.stand(m.GetId(), deskv1.Delivery_DELIVERY_SENDING, "")
	sent := m.GetSentMs()
	if m.GetProof() == "answer" {
		sent = 0 // logs of before hold our own time here
	}
	if e != nil && f.bind(e, m.GetPart(), m.GetMid(), sent) {
		f.complete(e)
	}
}

// echoed notes what Meta has shown of a part after its outcome was known. A
// message that was given up, refused or left in doubt is healed when the
// customer has all of it.
func (f *fold) echoed(m *threadv1.SendEchoed) {
	e := f.byID[m.GetId()]
	if e == nil || e.send == nil {
		return
	}
	if m.GetTwice() {
		detail(f.change(e), "twice", flag(true))
	}
	if !f.bind(e, m.GetPart(), m.GetMid(), m.GetSentMs()) {
		return
	}
	switch e.item.GetDelivery() {
	case deskv1.Delivery_DELIVERY_SENT, deskv1.Delivery_DELIVERY_DELIVERED, deskv1.Delivery_DELIVERY_READ:
		f.settle()
	default:
		f.complete(e)
	}
}

// bind notes the mid of a part and Meta's time of it; true when no part is
// without one any more. What a part is first known by stays: a second delivery
// is only what reactions may point to.
func (f *fold) bind(e *entry, part int32, mid string, sent int64) bool {
	s := e.send
	if part < 0 || int(part) >= len(s.mids) {
		return false
	}
	if mid != "" {
		f.byMid[mid] = e
	}
	if s.mids[part] == "" {
		s.mids[part] = mid
		f.change(e).Mids = slices.DeleteFunc(slices.Clone(s.mids), func(mid string) bool { return mid == "" })
	}
	if s.mids[part] == mid && s.sent[part] == 0 {
		s.sent[part] = sent
	}
	return !slices.Contains(s.mids, "")
}

// complete tells that the customer has been sent all of a message.
func (f *fold) complete(e *entry) {
	f.move(e, deskv1.Delivery_DELIVERY_SENT, "")
	if !slices.Contains(f.unread, e) {
		f.unread = append(f.unread, e)
	}
	f.settle()
}

// deliveryReported keeps for every mid that Meta names the lowest watermark it
// was named with: Meta had sent the message by then.
func (f *fold) deliveryReported(m *threadv1.DeliveryReported) {
	f.delivered = max(f.delivered, m.GetWatermarkMs())
	for _, mid := range m.GetMids() {
		if mark, ok := f.named[mid]; !ok || mark == 0 || m.GetWatermarkMs() > 0 && m.GetWatermarkMs() < mark {
			f.named[mid] = m.GetWatermarkMs()
		}
	}
	f.settle()
}

func (f *fold) readReported(m *threadv1.ReadReported) {
	f.read = max(f.read, m.GetWatermarkMs())
	f.settle()
}

// settle moves messages on by the watermarks: to delivered, to read. A message
// that is read is settled for ever and no longer looked at.
func (f *fold) settle() {
	f.unread = slices.DeleteFunc(f.unread, func(e *entry) bool {
		d := f.reached(e)
		if d > e.item.GetDelivery() {
			f.change(e).Delivery = d
		}
		return d == deskv1.Delivery_DELIVERY_READ
	})
}

// reached tells how far a message has come that is sent. The watermarks are
// times of Meta's clock, so only times of Meta's are held against them, never
// ours: an echo's, or, while there is none, a watermark by which Meta had the
// message. Parts go one after another, so the last one stands for all.
func (f *fold) reached(e *entry) deskv1.Delivery {
	s := e.send
	last := len(s.mids) - 1
	sent := s.sent[last]
	if sent == 0 {
		sent = f.named[s.mids[last]]
	}
	named := !slices.ContainsFunc(s.mids, func(mid string) bool { _, ok := f.named[mid]; return !ok })
	switch {
	case sent > 0 && sent <= f.read:
		return deskv1.Delivery_DELIVERY_READ
	case sent > 0 && sent <= f.delivered || named:
		return deskv1.Delivery_DELIVERY_DELIVERED
	}
	return deskv1.Delivery_DELIVERY_SENT
}
