package check_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/sandbox"
	"github.com/parley-desk/parley/test/check"
)

const (
	page = "1020304050607080"
	ivan = "11111111111111111"
	emma = "22222222222222222"
	noon = 1_795_500_000_000
)

// story is a small true story of two customers and one agent, told twice: by
// the sandbox and by the house. A test changes one of the tellings.
type story struct {
	journal []sandbox.Record
	export  []*adminv1.ExportTranscriptResponse
	replies []check.Reply
	marks   map[string]*threadv1.State // times of delivered and read, by PSID
}

func (s *story) tell(r sandbox.Record) *sandbox.Record {
	r.Seq, r.AtMS, r.Page = uint64(len(s.journal)+1), noon+1000*int64(len(s.journal)), page
	if r.SentMS == 0 {
		r.SentMS = r.AtMS
	}
	s.journal = append(s.journal, r)
	return &s.journal[len(s.journal)-1]
}

// wrote is a message and the webhook that was answered 200.
func (s *story) wrote(psid, mid string) {
	r := s.tell(sandbox.Record{Kind: sandbox.CustomerWrote, PSID: psid, MID: mid})
	post := &sandbox.Post{Status: 200, Events: []sandbox.EventID{sandbox.EventIDOf(r.Seq, 0)}}
	s.tell(sandbox.Record{Kind: sandbox.WebhookSent, Post: post})
}

func (s *story) delivered(psid, mid, metadata string) *sandbox.Record {
	return s.tell(sandbox.Record{Kind: sandbox.SendReceived, PSID: psid, MID: mid, Text: "hello",
		Send: &sandbox.Send{Metadata: metadata, MessagingType: "RESPONSE", Delivered: true, Outcome: "ok"}})
}

// commit adds a commit; c is the conversation after it.
func (s *story) commit(psid string, c *threadv1.Conversation, facts ...*threadv1.Fact) *adminv1.ExportTranscriptResponse {
	n := len(s.export) + 1
	r := &adminv1.ExportTranscriptResponse{Page: page, Psid: psid, Revision: uint64(n), StoredMs: noon + int64(n),
		Commit: &threadv1.Commit{Facts: facts, State: &threadv1.State{Page: page, Psid: psid, Conversation: c,
			DeliveredMs: s.marks[psid].GetDeliveredMs(), ReadMs: s.marks[psid].GetReadMs()}}}
	s.export = append(s.export, r)
	return r
}

func received(mid string) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_MessageReceived{MessageReceived: &threadv1.MessageReceived{Mid: mid}}}
}

func opened() *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_ConversationOpened{ConversationOpened: &threadv1.ConversationOpened{}}}
}

func offered(agent string, fence int64) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_OfferMade{OfferMade: &threadv1.OfferMade{Agent: agent, Fence: fence}}}
}

func assigned(agent string, fence int64, cause threadv1.Cause) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_AgentAssigned{AgentAssigned: &threadv1.AgentAssigned{Agent: agent, Fence: fence, Cause: cause}}}
}

func requested(id, client string, parts ...string) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_SendRequested{SendRequested: &threadv1.SendRequested{Id: id, ClientId: client, Parts: parts}}}
}

func succeeded(id, mid string) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_SendSucceeded{SendSucceeded: &threadv1.SendSucceeded{Id: id, Mid: mid, Proof: "answer"}}}
}

func refused(id string) *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_SendRefused{SendRefused: &threadv1.SendRefused{Id: id, Reason: "OTHER"}}}
}

func ended() *threadv1.Fact {
	return &threadv1.Fact{Kind: &threadv1.Fact_ConversationEnded{ConversationEnded: &threadv1.ConversationEnded{}}}
}

// profiled is c counted in a capacity profile instead of in units.
func profiled(c *threadv1.Conversation) *threadv1.Conversation {
	c.Units, c.CapacityProfiles = 0, []string{"deep"}
	return c
}

func conversation(phase threadv1.Phase, agent string) *threadv1.Conversation {
	c := &threadv1.Conversation{Phase: phase, Agent: agent, Units: 1}
	if phase == threadv1.Phase_PHASE_OPEN && agent != "" {
		c.Agent, c.Offer = "", &threadv1.Offer{Agent: agent}
	}
	return c
}

const (
	open   = threadv1.Phase_PHASE_OPEN
	active = threadv1.Phase_PHASE_ACTIVE
	wrapUp = threadv1.Phase_PHASE_WRAP_UP
	accept = threadv1.Cause_CAUSE_ACCEPTED
)

// serve is one customer served from first message to reply.
func (s *story) serve(psid, tag string) {
	s.wrote(psid, tag+"1")
	s.wrote(psid, tag+"2")
	s.delivered(psid, tag+"r", "p1:"+tag+":0:1:00")
	s.commit(psid, conversation(open, ""), received(tag+"1"), opened())
	s.commit(psid, conversation(open, ""), received(tag+"2"))
	s.commit(psid, conversation(open, "mila"), offered("mila", 1))
	s.commit(psid, conversation(active, "mila"), assigned("mila", 1, accept))
	s.commit(psid, conversation(active, "mila"), requested(tag, "client-"+tag, "hello"))
	s.commit(psid, conversation(active, "mila"), succeeded(tag, tag+"r"))
	s.replies = append(s.replies, check.Reply{Thread: sandbox.Thread{Page: page, PSID: psid}, ClientID: "client-" + tag, Text: "hello"})
}

func trueStory() *story {
	s := &story{marks: map[string]*threadv1.State{}}
	s.serve(ivan, "i")
	s.commit(ivan, conversation(wrapUp, "mila"), ended())
	s.serve(emma, "e")
	s.looked(ivan, "ir", conversation(wrapUp, "mila"))
	return s
}

func (s *story) compare() *check.Report {
	return check.Compare(check.Input{Journal: s.journal, Export: s.export, Replies: s.replies, Default: 1,
		Profiles: map[string]int32{"deep": 1}})
}

// lastSend is the newest call of the Send API.
func (s *story) lastSend() *sandbox.Record {
	for i := len(s.journal) - 1; ; i-- {
		if s.journal[i].Kind == sandbox.SendReceived {
			return &s.journal[i]
		}
	}
}

func TestTrueStoryIsClean(t *testing.T) {
	t.Parallel()
	r := trueStory().compare()
	if !r.Clean() {
		t.Errorf("violations in a clean story: %+v", r.Violations)
	}
	for _, name := range []string{"customer messages", "customer messages taken", "replies asked for", "messages delivered", "changes of load",
		"replies acknowledged", "receipts"} {
		if r.Counts[name] == 0 {
			t.Errorf("%s were not looked at", name)
		}
	}
}

// plant is a violation to be planted and the row that must catch it.
type plant struct {
	row   check.Row
	plant func(*story)
}

func plants() map[string]plant {
	return map[string]plant{
		"message missing": {check.Lost, func(s *story) { s.export[1].Commit.Facts = nil }},
		"message never taken nor given up": {check.Lost, func(s *story) {
			s.tell(sandbox.Record{Kind: sandbox.CustomerWrote, PSID: ivan, MID: "x"})
		}},
		"message twice": {check.Duplicated, func(s *story) { s.commit(emma, conversation(active, "mila"), received("e2")) }},
		"message of nobody": {check.Invented, func(s *story) {
			s.commit(emma, conversation(active, "mila"), received("nobody's"))
		}},
		"reply of nobody": {check.Invented, func(s *story) { s.delivered(emma, "zr", "p1:z:0:1:00") }},
		"messages swapped": {check.Reordered, func(s *story) {
			a, b := s.export[0].Commit.Facts, s.export[1].Commit.Facts
			a[0], b[0] = b[0], a[0]
		}},
		"replies swapped": {check.Reordered, func(s *story) {
			s.delivered(emma, "e4r", "p1:e4:0:1:00")
			s.delivered(emma, "e3r", "p1:e3:0:1:00")
			s.commit(emma, conversation(active, "mila"), requested("e3", "c3", "a"))
			s.commit(emma, conversation(active, "mila"), requested("e4", "c4", "b"))
		}},
		"part delivered twice": {check.SentTwice, func(s *story) { s.delivered(emma, "er2", "p1:e:0:2:00") }},
		"command obeyed twice": {check.SentTwice, func(s *story) {
			s.commit(emma, conversation(active, "mila"), requested("again", "client-e", "hello"))
		}},
		"failed yet delivered": {check.FalselyFailed, func(s *story) { s.export[5].Commit.Facts[0] = refused("i") }},
		"sent yet not delivered": {check.FalselySent, func(s *story) {
			s.commit(emma, conversation(active, "mila"), requested("e3", "c3", "a"), succeeded("e3", "no such mid"))
		}},
		"sent by proof of another's mid": {check.FalselySent, func(s *story) {
			s.commit(emma, conversation(active, "mila"), requested("e3", "c3", "a"), succeeded("e3", "ir"))
		}},
		"offered beyond capacity": {check.OverCapacity, func(s *story) { s.export[6].Commit.State.Conversation = conversation(active, "mila") }},
		"beyond a capacity profile": {check.OverCapacity, func(s *story) {
			for i, who := range []string{"33333333333333333", "44444444444444444"} {
				s.commit(who, profiled(conversation(active, "orlin")), opened(), assigned("orlin", int64(i), threadv1.Cause_CAUSE_PICKED))
			}
		}},
		"wrap-up that keeps": {check.OverCapacity, func(s *story) { s.export[6].Commit.State.Conversation.WrapUpBlocks = true }},
		"wrap-up that keeps too long": {check.OverCapacity, func(s *story) {
			c := s.export[6].Commit.State.Conversation
			c.WrapUpBlocks, c.DueMs = true, s.export[9].StoredMs+1
		}},
		"two offers": {check.TwoOwners, func(s *story) {
			s.commit(ivan, nil, opened(), offered("mila", 5))
			s.commit(ivan, nil, offered("orlin", 6))
		}},
		"two owners": {check.TwoOwners, func(s *story) {
			s.commit(emma, conversation(active, "orlin"), assigned("orlin", 0, threadv1.Cause_CAUSE_PICKED))
		}},
		"accepted without an offer": {check.TwoOwners, func(s *story) { s.export[3].Commit.Facts[0] = assigned("mila", 7, accept) }},
		"fence used again":          {check.TwoOwners, func(s *story) { s.export[2].Commit.Facts[0] = offered("mila", 0) }},
		"two conversations":         {check.TwoOwners, func(s *story) { s.commit(emma, conversation(active, "mila"), opened()) }},
		"after a day": {check.Window, func(s *story) {
			s.lastSend().AtMS += (24 * time.Hour).Milliseconds()
		}},
		"after a week": {check.Window, func(s *story) {
			r := s.lastSend()
			r.AtMS += (7 * 24 * time.Hour).Milliseconds()
			r.Send.MessagingType, r.Send.Tag = "MESSAGE_TAG", "HUMAN_AGENT"
		}},
		"tag without need": {check.Window, func(s *story) {
			r := s.lastSend()
			r.AtMS += time.Hour.Milliseconds()
			r.Send.MessagingType, r.Send.Tag = "MESSAGE_TAG", "HUMAN_AGENT"
		}},
	}
}

// Each row must be caught when it is planted, and nothing else.
func TestPlantedViolations(t *testing.T) {
	t.Parallel()
	all := plants()
	maps.Copy(all, lossPlants())
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := trueStory()
			c.plant(s)
			r := s.compare()
			if len(r.Of(c.row)) == 0 {
				t.Errorf("not caught; the report says %+v", r.Violations)
			}
			for _, v := range r.Violations {
				if v.Row != c.row && !accompanies(c.row, v.Row) {
					t.Errorf("caught beside it: %+v", v)
				}
			}
		})
	}
}

// accompanies tells which violations another one brings with it: an agent who
// picks a conversation away also gets its load.
func accompanies(planted, other check.Row) bool {
	return planted == check.TwoOwners && other == check.OverCapacity
}

// What looks like a violation and is none.
func TestNoFalseAlarms(t *testing.T) {
	t.Parallel()
	all := map[string]func(*story){
		"late message is marked": func(s *story) {
			a, b := s.export[0].Commit.Facts, s.export[1].Commit.Facts
			a[0], b[0] = b[0], a[0]
			b[0].Late = true
		},
		"Meta gave the page up": func(s *story) {
			s.tell(sandbox.Record{Kind: sandbox.CustomerWrote, PSID: ivan, MID: "x"})
			s.tell(sandbox.Record{Kind: sandbox.PageUnsubscribed})
		},
		"a refusal that an echo corrects": func(s *story) {
			s.export[4].Commit.Facts = append(s.export[4].Commit.Facts, refused("i"))
		},
		"a refusal that a late echo corrects": func(s *story) {
			late := &threadv1.Fact{Kind: &threadv1.Fact_SendEchoed{SendEchoed: &threadv1.SendEchoed{Id: "i", Mid: "ir"}}}
			s.export[5].Commit.Facts = []*threadv1.Fact{refused("i"), late}
		},
		"a release in the millisecond of the next offer": func(s *story) { s.export[6].StoredMs = s.export[9].StoredMs },
		"wrap-up ends before the next offer": func(s *story) {
			c := s.export[6].Commit.State.Conversation
			c.WrapUpBlocks, c.DueMs = true, s.export[9].StoredMs
		},
		"resumed beyond the limit": func(s *story) {
			s.commit(ivan, conversation(active, "mila"), assigned("mila", 0, threadv1.Cause_CAUSE_RESUMED))
		},
		"human agent after a day": func(s *story) {
			r := s.lastSend()
			r.AtMS += (25 * time.Hour).Milliseconds()
			r.Send.MessagingType, r.Send.Tag = "MESSAGE_TAG", "HUMAN_AGENT"
		},
	}
	maps.Copy(all, lossAlarms())
	for name, change := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := trueStory()
			change(s)
			if r := s.compare(); !r.Clean() {
				t.Errorf("false alarm: %+v", r.Violations)
			}
		})
	}
}

func TestReadsWhatTheHouseWrites(t *testing.T) {
	t.Parallel()
	s := trueStory()
	var journal, export bytes.Buffer
	for _, r := range s.journal {
		raw, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		journal.Write(append(raw, '\n'))
	}
	for _, c := range s.export {
		raw, err := protojson.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		export.Write(append(raw, '\n'))
	}
	records, err := check.ReadJournal(&journal)
	if err != nil {
		t.Fatal(err)
	}
	commits, err := check.ReadExport(&export)
	if err != nil {
		t.Fatal(err)
	}
	var acknowledged bytes.Buffer
	if err := check.WriteReplies(&acknowledged, s.replies); err != nil {
		t.Fatal(err)
	}
	replies, err := check.ReadReplies(&acknowledged)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(replies, s.replies) || len(records) != len(s.journal) || len(commits) != len(s.export) || !proto.Equal(commits[3], s.export[3]) {
		t.Fatal("what was read is not what was written")
	}
	var text strings.Builder
	if _, err := check.Compare(check.Input{Journal: records, Export: commits}).WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "over capacity") { // the capacity was not given: every offer is beyond it
		t.Errorf("the report reads\n%s", text.String())
	}
}
