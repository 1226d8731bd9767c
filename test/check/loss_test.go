package check_test

import (
	"fmt"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/sandbox"
	"github.com/parley-desk/parley/test/check"
)

const otherPage = "2030405060708090"

// says is a receipt of Meta's and the POST that brought it; it gives the POST.
func (s *story) says(psid, item string) *sandbox.Post {
	r := s.tell(sandbox.Record{Kind: "customer_read", PSID: psid, Events: []sandbox.Event{{Item: []byte(item)}}})
	post := &sandbox.Post{Status: 200, Events: []sandbox.EventID{sandbox.EventIDOf(r.Seq, 0)}}
	s.tell(sandbox.Record{Kind: sandbox.WebhookSent, Post: post})
	return post
}

func deliveredItem(ms int64, mid string) string {
	return fmt.Sprintf(`{"delivery":{"mids":[%q],"watermark":%d}}`, mid, ms)
}

func readItem(ms int64) string { return fmt.Sprintf(`{"read":{"watermark":%d}}`, ms) }

// shows is a commit of receipts.
func (s *story) shows(psid string, c *threadv1.Conversation, facts ...*threadv1.Fact) *adminv1.ExportTranscriptResponse {
	now := &threadv1.State{DeliveredMs: s.marks[psid].GetDeliveredMs(), ReadMs: s.marks[psid].GetReadMs()}
	for _, f := range facts {
		now.DeliveredMs = max(now.DeliveredMs, f.GetDeliveryReported().GetWatermarkMs(), f.GetReadReported().GetWatermarkMs())
		now.ReadMs = max(now.ReadMs, f.GetReadReported().GetWatermarkMs())
	}
	s.marks[psid] = now
	return s.commit(psid, c, facts...)
}

func deliveredUpTo(ms int64, mids ...string) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_DeliveryReported{DeliveryReported: &threadv1.DeliveryReported{WatermarkMs: ms, Mids: mids}}}
}

func readUpTo(ms int64) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_ReadReported{ReadReported: &threadv1.ReadReported{WatermarkMs: ms}}}
}

// looked is a customer to whom a message is delivered, and who reads it.
func (s *story) looked(psid, mid string, c *threadv1.Conversation) {
	const ms = noon + 500
	s.says(psid, deliveredItem(ms, mid))
	s.says(psid, readItem(ms))
	s.shows(psid, c, deliveredUpTo(ms, mid), readUpTo(ms))
}

// elsewhere moves what follows to the same customer's number on another page.
func elsewhere(c *adminv1.ExportTranscriptResponse) {
	c.Page, c.Commit.State.Page = otherPage, otherPage
}

func acknowledged(psid, client, text string) check.Reply {
	return check.Reply{Thread: sandbox.Thread{Page: page, PSID: psid}, ClientID: client, Text: text}
}

func unconfirmed(id string) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_SendUnconfirmed{SendUnconfirmed: &threadv1.SendUnconfirmed{Id: id}}}
}

// lossPlants are violations of what was acknowledged, of receipts, and of what
// belongs to a page.
func lossPlants() map[string]plant {
	talk := func() *threadv1.Conversation { return conversation(active, "mila") }
	return map[string]plant{
		"acknowledged and not in the log": {check.ReplyLost, func(s *story) {
			s.replies = append(s.replies, acknowledged(emma, "client-x", "hello"))
		}},
		"acknowledged in a thread of which nothing is in the log": {check.ReplyLost, func(s *story) {
			s.replies = append(s.replies, acknowledged("33333333333333333", "client-x", "hello"))
		}},
		"acknowledged and never sent": {check.ReplyLost, func(s *story) {
			s.commit(emma, talk(), requested("x", "client-x", "a"))
			s.replies = append(s.replies, acknowledged(emma, "client-x", "a"))
		}},
		"second part forgotten": {check.ReplyLost, func(s *story) {
			s.commit(emma, talk(), requested("x", "client-x", "hello", "you"), succeeded("x", "xr"))
			s.delivered(emma, "xr", "p1:x:0:1:00")
			s.replies = append(s.replies, acknowledged(emma, "client-x", "hello you"))
		}},
		"stored in other words": {check.ReplyLost, func(s *story) { s.replies[0].Text = "goodbye" }},
		"sent in other words":   {check.ReplyLost, func(s *story) { s.lastSend().Text = "goodbye" }},

		"delivered, which Meta never said":        {check.FalseReceipt, func(s *story) { s.shows(emma, talk(), deliveredUpTo(0, "er")) }},
		"delivered further than Meta said":        {check.FalseReceipt, func(s *story) { s.shows(ivan, nil, deliveredUpTo(noon+501)) }},
		"read, though only its delivery was said": {check.FalseReceipt, func(s *story) { s.says(emma, deliveredItem(noon, "er")); s.shows(emma, talk(), readUpTo(noon)) }},
		"a state that runs ahead of its facts":    {check.FalseReceipt, func(s *story) { s.marks[ivan].ReadMs++; s.commit(ivan, nil) }},
		"a receipt of another customer":           {check.FalseReceipt, func(s *story) { s.shows(emma, talk(), deliveredUpTo(noon+500, "ir")) }},

		"delivery taken and not shown": {check.ReceiptLost, func(s *story) { s.says(emma, deliveredItem(noon, "er")) }},
		"read taken and not shown":     {check.ReceiptLost, func(s *story) { s.says(ivan, readItem(noon+600)) }},
		"delivered shown, read not": {check.ReceiptLost, func(s *story) {
			s.says(emma, readItem(noon))
			s.shows(emma, talk(), deliveredUpTo(noon))
		}},
		"a state that forgets": {check.ReceiptLost, func(s *story) { s.marks[ivan] = nil; s.commit(ivan, nil) }},

		"a customer's message in a thread of another page": {check.WrongPage, func(s *story) {
			s.wrote(emma, "e3")
			elsewhere(s.commit(emma, nil, received("e3")))
			s.commit(emma, talk(), received("e3"))
		}},
		"a reply that another page sent": {check.WrongPage, func(s *story) {
			elsewhere(s.commit(emma, nil, requested("x", "client-x", "hello")))
			s.delivered(emma, "xr", "p1:x:0:1:00")
		}},
		"an echo of one page in a thread of another": {check.WrongPage, func(s *story) { elsewhere(s.commit(emma, nil, external("er"))) }},
		"an echo of nothing":                         {check.Invented, func(s *story) { s.commit(emma, talk(), external("no such mid")) }},
		"an agent's message shown once more":         {check.Duplicated, func(s *story) { s.commit(emma, talk(), external("er")) }},
	}
}

func external(mid string) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_ExternalMessageSent{ExternalMessageSent: &threadv1.ExternalMessageSent{Mid: mid}}}
}

// lossAlarms look like such violations and are none.
func lossAlarms() map[string]func(*story) {
	talk := func() *threadv1.Conversation { return conversation(active, "mila") }
	promise := func(s *story) {
		s.replies = append(s.replies, acknowledged(emma, "client-x", "a\n b"))
		s.commit(emma, talk(), requested("x", "client-x", "a", "b"))
	}
	return map[string]func(*story){
		"acknowledged twice":        func(s *story) { s.replies = append(s.replies, s.replies...) },
		"acknowledged and refused":  func(s *story) { promise(s); s.commit(emma, talk(), refused("x")) },
		"acknowledged and in doubt": func(s *story) { promise(s); s.commit(emma, talk(), unconfirmed("x")) },
		"acknowledged and still open": func(s *story) {
			promise(s)
			s.export[len(s.export)-1].Commit.State.Sends = []*threadv1.Send{{Id: "x"}}
		},
		"a receipt whose POST got no answer": func(s *story) {
			s.says(emma, deliveredItem(noon, "er")).Status = 0
			s.shows(emma, talk(), deliveredUpTo(noon, "er"))
		},
		"a receipt that was refused and given up": func(s *story) { s.says(emma, deliveredItem(noon, "er")).Status = 503 },
		"a receipt that a later one covers": func(s *story) {
			s.says(emma, deliveredItem(noon-1, "er"))
			s.says(emma, readItem(noon))
			s.shows(emma, talk(), readUpTo(noon))
		},
		"what another app of the page wrote": func(s *story) {
			s.delivered(emma, "xr", "")
			s.commit(emma, talk(), external("xr"))
		},
	}
}
