package check

import (
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/sandbox"
)

// written is one message of a customer as the journal tells it.
type written struct {
	thread  sandbox.Thread
	index   int  // place in its thread
	taken   bool // a webhook of it was answered 200
	dropped bool // Meta gave it up with the page's subscription
}

// inbound compares what customers wrote with what the house received.
func (r *Report) inbound(journal []sandbox.Record, log map[sandbox.Thread]history) {
	wrote := wrote(journal)
	found := map[string]int{}
	for t, h := range log {
		r.received(t, h, wrote, found)
	}
	for mid, w := range wrote {
		r.Counts["customer messages"]++
		switch {
		case w.taken:
			r.Counts["customer messages taken"]++
		case w.dropped:
			r.Counts["customer messages dropped"]++
			continue
		}
		if found[mid] == 0 {
			r.add(Lost, w.thread, "%s is not in the log (webhook answered 200: %v)", mid, w.taken)
		}
	}
}

// received checks the messages of one thread.
func (r *Report) received(t sandbox.Thread, h history, wrote map[string]*written, found map[string]int) {
	newest := -1
	for _, c := range h {
		for _, f := range c.GetCommit().GetFacts() {
			mid, ok := messageID(f)
			if !ok {
				continue
			}
			w := wrote[mid]
			if w == nil || w.thread != t {
				r.add(w.stray(t), t, "%s in revision %d was not written here", mid, c.GetRevision())
				continue
			}
			if found[mid]++; found[mid] > 1 {
				r.add(Duplicated, t, "%s again in revision %d", mid, c.GetRevision())
				continue
			}
			if w.index < newest && !f.GetLate() {
				r.add(Reordered, t, "%s in revision %d came after a later one", mid, c.GetRevision())
			}
			newest = max(newest, w.index)
		}
	}
}

// stray is the row of a message in a thread that is not its own; w may be nil.
func (w *written) stray(found sandbox.Thread) Row {
	if w != nil && w.thread.Page != found.Page {
		return WrongPage
	}
	return Invented
}

// messageID is the mid of a fact that stands for something a customer sent.
func messageID(f *threadv1.Fact) (string, bool) {
	switch {
	case f.GetMessageReceived() != nil:
		return f.GetMessageReceived().GetMid(), true
	case f.GetPostbackReceived() != nil:
		return f.GetPostbackReceived().GetMid(), true
	}
	return "", false
}

// wrote reads what customers wrote and what became of their webhooks.
func wrote(journal []sandbox.Record) map[string]*written {
	out := map[string]*written{}
	bySeq := map[uint64]*written{}
	count := map[sandbox.Thread]int{}
	for _, rec := range journal {
		switch rec.Kind {
		case sandbox.CustomerWrote:
			t := sandbox.Thread{Page: rec.Page, PSID: rec.PSID}
			w := &written{thread: t, index: count[t]}
			count[t]++
			out[rec.MID], bySeq[rec.Seq] = w, w
		case sandbox.WebhookSent:
			if rec.Post.Status != 200 {
				continue
			}
			for _, id := range rec.Post.Events {
				if w := bySeq[id.Seq()]; w != nil {
					w.taken = true
				}
			}
		case sandbox.PageUnsubscribed:
			for _, w := range bySeq {
				if w.thread.Page == rec.Page && !w.taken {
					w.dropped = true
				}
			}
		}
	}
	return out
}
