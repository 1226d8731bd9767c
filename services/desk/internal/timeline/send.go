package timeline

import (
	"slices"
	"strconv"
	"strings"

	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// send is what folding knows of an agent's message beyond its item.
type send struct {
	parts     []string
	mids      []string        // by part; empty where none is known
	delivered map[string]bool // mids that Meta named as delivered
	sent      int64           // the newest time of its parts, ms since 1970 UTC
}

// sending folds the facts of an agent's message; false when fact is none.
func (f *fold) sending(fact *threadv1.Fact) bool {
	switch k := fact.GetKind().(type) {
	case *threadv1.Fact_SendRequested:
		f.requested(k.SendRequested)
	case *threadv1.Fact_SendAttempted:
		f.stand(k.SendAttempted.GetId(), deskv1.Delivery_DELIVERY_SENDING, "")
	case *threadv1.Fact_SendSucceeded:
		f.succeeded(k.SendSucceeded)
	case *threadv1.Fact_SendRefused:
		m := k.SendRefused
		if e := f.stand(m.GetId(), deskv1.Delivery_DELIVERY_FAILED, m.GetReason()); e != nil && m.GetOpensMs() > 0 {
			detail(e.item, "opens_ms", strconv.FormatInt(m.GetOpensMs(), 10))
		}
	case *threadv1.Fact_SendDeferred:
		f.stand(k.SendDeferred.GetId(), deskv1.Delivery_DELIVERY_SENDING, k.SendDeferred.GetReason())
	case *threadv1.Fact_SendUncertain:
		f.stand(k.SendUncertain.GetId(), deskv1.Delivery_DELIVERY_UNCERTAIN, k.SendUncertain.GetReason())
	case *threadv1.Fact_SendUnconfirmed:
		f.stand(k.SendUnconfirmed.GetId(), deskv1.Delivery_DELIVERY_UNCONFIRMED, "")
	case *threadv1.Fact_SendAbandoned:
		f.stand(k.SendAbandoned.GetId(), deskv1.Delivery_DELIVERY_ABANDONED, "")
	default:
		return false
	}
	return true
}

func (f *fold) requested(m *threadv1.SendRequested) {
	e := f.add(m.GetId(), deskv1.Author_AUTHOR_AGENT)
	e.known = true
	e.send = &send{parts: m.GetParts(), mids: make([]string, len(m.GetParts()))}
	item := f.change(e)
	item.Agent, item.ClientId = m.GetAgent(), m.GetClientId()
	item.Text = strings.Join(m.GetParts(), "\n") // each part is a message of its own
	item.Delivery = deskv1.Delivery_DELIVERY_SENDING
	detail(item, "repeats", m.GetRepeats())
}

// stand says where a message stands; nil when the log began after it.
func (f *fold) stand(id string, d deskv1.Delivery, reason string) *entry {
	e := f.byID[id]
	if e == nil || e.send == nil {
		return nil
	}
	item := f.change(e)
	item.Delivery, item.Reason = d, reason
	return e
}

// succeeded notes the proof that one part reached Meta. It also heals a
// message whose outcome was not known.
func (f *fold) succeeded(m *threadv1.SendSucceeded) {
	e := f.stand(m.GetId(), deskv1.Delivery_DELIVERY_SENDING, "")
	if e == nil || m.GetPart() < 0 || int(m.GetPart()) >= len(e.send.parts) {
		return
	}
	s := e.send
	s.mids[m.GetPart()] = m.GetMid()
	s.sent = max(s.sent, m.GetSentMs())
	e.item.Mids = slices.DeleteFunc(slices.Clone(s.mids), func(mid string) bool { return mid == "" })
	if m.GetMid() != "" {
		f.byMid[m.GetMid()] = e
	}
	if len(e.item.GetMids()) < len(s.parts) {
		return
	}
	e.item.Delivery = deskv1.Delivery_DELIVERY_SENT
	if !slices.Contains(f.unread, e) {
		f.unread = append(f.unread, e)
	}
	f.settle()
}

func (f *fold) deliveryReported(m *threadv1.DeliveryReported) {
	f.delivered = max(f.delivered, m.GetWatermarkMs())
	for _, mid := range m.GetMids() {
		if e := f.byMid[mid]; e != nil && e.send != nil {
			if e.send.delivered == nil {
				e.send.delivered = map[string]bool{}
			}
			e.send.delivered[mid] = true
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

func (f *fold) reached(e *entry) deskv1.Delivery {
	s := e.send
	named := !slices.ContainsFunc(s.mids, func(mid string) bool { return !s.delivered[mid] })
	switch {
	case s.sent <= f.read:
		return deskv1.Delivery_DELIVERY_READ
	case s.sent <= f.delivered || named:
		return deskv1.Delivery_DELIVERY_DELIVERED
	}
	return deskv1.Delivery_DELIVERY_SENT
}
