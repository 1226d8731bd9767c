package check

import (
	"strconv"
	"strings"
	"time"

	"github.com/parley-desk/parley/services/sandbox"
)

// part names a part of a reply: what must reach the customer at most once.
type part struct {
	intent string
	index  int32
}

// partOf reads the metadata that the house puts on a message,
// "p1:<intent>:<part>:<attempt>:<mac>". The code is not checked here: what the
// sandbox got came from the house.
func partOf(metadata string) (part, bool) {
	fields := strings.Split(metadata, ":")
	if len(fields) != 5 || fields[0] != "p1" {
		return part{}, false
	}
	n, err := strconv.ParseInt(fields[2], 10, 32)
	return part{fields[1], int32(n)}, err == nil
}

// arrival is a message that reached a customer.
type arrival struct {
	thread sandbox.Thread
	part   part
	known  bool // part is set
}

// outbound compares what reached customers with what the house says of it.
func (r *Report) outbound(journal []sandbox.Record, log map[sandbox.Thread]history) {
	byMID, byPart, order := r.arrivals(journal)
	asks := map[part]asked{}
	for t, h := range log {
		r.requested(t, h, asks)
		r.claims(t, h, byMID, byPart)
		r.external(t, h, byMID)
	}
	for t, parts := range order {
		newest := -1
		for _, p := range parts {
			a, ok := asks[p]
			switch {
			case ok && a.thread.Page != t.Page:
				r.add(WrongPage, t, "part %d of %s reached the customer, it was asked for on page %s", p.index, p.intent, a.thread.Page)
			case !ok || a.thread != t:
				r.add(Invented, t, "part %d of %s reached the customer, nobody asked for it", p.index, p.intent)
			case a.index < newest:
				r.add(Reordered, t, "part %d of %s reached the customer after a later one", p.index, p.intent)
			default:
				newest = a.index
			}
		}
	}
}

// asked is where a part was asked for, and its place in its thread.
type asked struct {
	thread sandbox.Thread
	index  int
}

// arrivals reads the journal: deliveries by mid, how often each part arrived,
// and the order of first arrivals.
func (r *Report) arrivals(journal []sandbox.Record) (map[string]arrival, map[part]int, map[sandbox.Thread][]part) {
	byMID, byPart := map[string]arrival{}, map[part]int{}
	order := map[sandbox.Thread][]part{}
	for _, rec := range journal {
		if rec.Kind != sandbox.SendReceived {
			continue
		}
		r.Counts["Send API calls"]++
		if !rec.Send.Delivered {
			continue
		}
		r.Counts["messages delivered"]++
		a := arrival{thread: sandbox.Thread{Page: rec.Page, PSID: rec.PSID}}
		a.part, a.known = partOf(rec.Send.Metadata)
		byMID[rec.MID] = a
		if !a.known {
			continue
		}
		if byPart[a.part]++; byPart[a.part] > 1 {
			r.add(SentTwice, a.thread, "part %d of %s reached the customer %d times", a.part.index, a.part.intent, byPart[a.part])
			continue
		}
		order[a.thread] = append(order[a.thread], a.part)
	}
	return byMID, byPart, order
}

// requested numbers the parts that agents asked for, and finds commands that
// became two intents.
func (r *Report) requested(t sandbox.Thread, h history, asks map[part]asked) {
	clients, count := map[string]string{}, 0
	for _, c := range h {
		for _, f := range c.GetCommit().GetFacts() {
			s := f.GetSendRequested()
			if s == nil {
				continue
			}
			r.Counts["replies asked for"]++
			if first, ok := clients[s.GetClientId()]; ok && s.GetClientId() != "" {
				r.add(SentTwice, t, "one command became the replies %s and %s", first, s.GetId())
			}
			clients[s.GetClientId()] = s.GetId()
			for i := range s.GetParts() {
				asks[part{s.GetId(), int32(i)}] = asked{t, count}
				count++
			}
		}
	}
}

// claims checks what the house says of its sends. A refusal that a later proof
// corrects is not held against it.
func (r *Report) claims(t sandbox.Thread, h history, byMID map[string]arrival, byPart map[part]int) {
	refused := map[part]bool{}
	for _, c := range h {
		for _, f := range c.GetCommit().GetFacts() {
			if s := f.GetSendSucceeded(); s != nil {
				r.Counts["parts shown as sent"]++
				r.claim(t, refused, part{s.GetId(), s.GetPart()}, s.GetProof(), s.GetMid(), byMID)
			}
			if e := f.GetSendEchoed(); e != nil {
				r.claim(t, refused, part{e.GetId(), e.GetPart()}, "late echo", e.GetMid(), byMID)
			}
			if s := f.GetSendRefused(); s != nil {
				r.Counts["parts shown as failed"]++
				refused[part{s.GetId(), s.GetPart()}] = true
			}
			if f.GetSendUnconfirmed() != nil {
				r.Counts["parts left to the agent"]++
			}
		}
	}
	for p := range refused {
		if byPart[p] > 0 {
			r.add(FalselyFailed, t, "part %d of %s is shown as failed, the customer has it", p.index, p.intent)
		}
	}
}

// claim checks that the customer has a part that the house holds for proved.
func (r *Report) claim(t sandbox.Thread, refused map[part]bool, p part, proof, mid string, byMID map[string]arrival) {
	delete(refused, p)
	a, ok := byMID[mid]
	if !ok || a.thread != t || a.known && a.part != p {
		r.add(FalselySent, t, "part %d of %s is shown as sent (%s), the customer has it not", p.index, p.intent, proof)
	}
}

// external checks what is shown as written by another hand than an agent's.
func (r *Report) external(t sandbox.Thread, h history, byMID map[string]arrival) {
	for _, c := range h {
		for _, f := range c.GetCommit().GetFacts() {
			e := f.GetExternalMessageSent()
			if e == nil {
				continue
			}
			switch a, ok := byMID[e.GetMid()]; {
			case ok && a.thread.Page != t.Page:
				r.add(WrongPage, t, "%s in revision %d was sent by page %s", e.GetMid(), c.GetRevision(), a.thread.Page)
			case !ok || a.thread != t:
				r.add(Invented, t, "%s in revision %d was not sent here", e.GetMid(), c.GetRevision())
			case a.known:
				r.add(Duplicated, t, "%s in revision %d is part %d of %s, shown once more", e.GetMid(), c.GetRevision(), a.part.index, a.part.intent)
			}
		}
	}
}

// Meta's windows, and what is allowed for clocks and messages on the way.
const (
	responseWindow = 24 * time.Hour
	humanWindow    = 7 * 24 * time.Hour
	needless       = 2 * time.Minute // a tag this long before the window closes was not needed
	known          = 5 * time.Second // the house had this long to read what it took
)

// windows checks when calls were made, whatever they were answered: a call
// outside of the window must not be made at all.
func (r *Report) windows(journal []sandbox.Record) {
	opened := map[sandbox.Thread]int64{} // newest message written
	taken := map[sandbox.Thread]int64{}  // newest message the house has had for a while
	type waiting struct {
		thread sandbox.Thread
		sentMS int64
	}
	bySeq := map[uint64]waiting{}
	var fresh []struct {
		waiting
		atMS int64
	}
	for _, rec := range journal {
		t := sandbox.Thread{Page: rec.Page, PSID: rec.PSID}
		switch rec.Kind {
		case sandbox.CustomerWrote:
			opened[t] = max(opened[t], rec.SentMS)
			bySeq[rec.Seq] = waiting{t, rec.SentMS}
		case sandbox.WebhookSent:
			if rec.Post.Status != 200 {
				continue
			}
			for _, id := range rec.Post.Events {
				if w, ok := bySeq[id.Seq()]; ok {
					fresh = append(fresh, struct {
						waiting
						atMS int64
					}{w, rec.AtMS})
				}
			}
		case sandbox.SendReceived:
			for len(fresh) > 0 && fresh[0].atMS+known.Milliseconds() <= rec.AtMS {
				taken[fresh[0].thread] = max(taken[fresh[0].thread], fresh[0].sentMS)
				fresh = fresh[1:]
			}
			r.window(t, rec, opened[t], taken[t])
		}
	}
}

func (r *Report) window(t sandbox.Thread, rec sandbox.Record, openedMS, takenMS int64) {
	age := func(ms int64) time.Duration { return time.Duration(rec.AtMS-ms) * time.Millisecond }
	limit := responseWindow
	if rec.Send.MessagingType == "MESSAGE_TAG" {
		limit = humanWindow
		if age(takenMS) < responseWindow-needless {
			r.add(Window, t, "record %d: tag %s though the window was open", rec.Seq, rec.Send.Tag)
		}
	}
	if age(openedMS) >= limit {
		r.add(Window, t, "record %d: %s %v after the customer's last message", rec.Seq, rec.Send.MessagingType, age(openedMS).Round(time.Second))
	}
}
