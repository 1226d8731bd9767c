package check

import (
	"encoding/json"

	"github.com/parley-desk/parley/services/sandbox"
)

// receipt is what Meta said of what reached a customer's device or eyes.
type receipt struct {
	thread    sandbox.Thread
	Delivery  mark // zero when it is none
	Read      mark
	sent      bool // in a POST, whatever became of it
	confirmed bool // in one that was answered 200
}

// mark is the body of a receipt. Everything up to the watermark is meant, a
// time of Meta's clock, and the messages it names.
type mark struct {
	MIDs      []string `json:"mids"`
	Watermark int64    `json:"watermark"`
}

// reach is how far the messages of a thread have come.
type reach struct {
	delivered, read int64
	named           map[string]bool // delivered, by mid
}

// receipts compares what Meta said of deliveries and reads with what the house
// shows of them.
func (r *Report) receipts(journal []sandbox.Record, log map[sandbox.Thread]history) {
	all := r.readReceipts(journal)
	said := map[sandbox.Thread]reach{}
	for _, m := range all {
		if !m.sent {
			continue
		}
		r.Counts["receipts"]++
		now, ok := said[m.thread]
		if !ok {
			now.named = map[string]bool{}
		}
		now.delivered = max(now.delivered, m.Delivery.Watermark, m.Read.Watermark) // what is read was delivered
		now.read = max(now.read, m.Read.Watermark)
		for _, mid := range m.Delivery.MIDs {
			now.named[mid] = true
		}
		said[m.thread] = now
	}
	shown := map[sandbox.Thread]reach{}
	for t, h := range log {
		shown[t] = r.shownReach(t, h, said[t])
	}
	for _, m := range all {
		if m.confirmed {
			r.keptReceipt(m, shown[m.thread])
		}
	}
}

// readReceipts reads the journal's receipts and what became of them.
func (r *Report) readReceipts(journal []sandbox.Record) map[sandbox.EventID]*receipt {
	all := map[sandbox.EventID]*receipt{}
	for _, rec := range journal {
		for i, e := range rec.Events {
			m := receipt{thread: sandbox.Thread{Page: rec.Page, PSID: rec.PSID}}
			if err := json.Unmarshal(e.Item, &m); err == nil && (m.Delivery.Watermark > 0 || m.Read.Watermark > 0) {
				all[sandbox.EventIDOf(rec.Seq, i)] = &m
			}
		}
		if rec.Kind != sandbox.WebhookSent {
			continue
		}
		for _, id := range rec.Post.Events {
			if m := all[id]; m != nil {
				m.sent = true
				m.confirmed = m.confirmed || rec.Post.Status == 200
			}
		}
	}
	return all
}

// shownReach is how far the house says that a thread's messages have come, by
// the facts and by the state at the end: neither further than Meta said.
func (r *Report) shownReach(t sandbox.Thread, h history, said reach) reach {
	now := reach{named: map[string]bool{}}
	for _, c := range h {
		for _, f := range c.GetCommit().GetFacts() {
			d, read := f.GetDeliveryReported(), f.GetReadReported()
			now.delivered = max(now.delivered, d.GetWatermarkMs(), read.GetWatermarkMs())
			now.read = max(now.read, read.GetWatermarkMs())
			for _, mid := range d.GetMids() {
				now.named[mid] = true
				if !said.named[mid] {
					r.add(FalseReceipt, t, "%s in revision %d was not reported as delivered", mid, c.GetRevision())
				}
			}
		}
	}
	state := h[len(h)-1].GetCommit().GetState()
	if most := max(now.delivered, state.GetDeliveredMs()); most > said.delivered {
		r.add(FalseReceipt, t, "delivered up to %d, Meta said up to %d", most, said.delivered)
	}
	if most := max(now.read, state.GetReadMs()); most > said.read {
		r.add(FalseReceipt, t, "read up to %d, Meta said up to %d", most, said.read)
	}
	now.delivered, now.read = min(now.delivered, state.GetDeliveredMs()), min(now.read, state.GetReadMs())
	return now
}

// keptReceipt checks that the house shows what it took. A receipt may be left
// out when a later one says more.
func (r *Report) keptReceipt(m *receipt, shown reach) {
	unnamed := len(m.Delivery.MIDs) == 0
	for _, mid := range m.Delivery.MIDs {
		unnamed = unnamed || !shown.named[mid]
	}
	if unnamed && shown.delivered < m.Delivery.Watermark {
		r.add(ReceiptLost, m.thread, "delivered up to %d (%v), Meta said up to %d", shown.delivered, m.Delivery.MIDs, m.Delivery.Watermark)
	}
	if shown.read < m.Read.Watermark {
		r.add(ReceiptLost, m.thread, "read up to %d, Meta said up to %d", shown.read, m.Read.Watermark)
	}
}
