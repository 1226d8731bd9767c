package drive_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// What goes with a text goes with one of its parts: the first answers, the last
// can be pressed.
func TestWhatGoesWithATextGoesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := keys(t)
		log := newMemory(append(asked(), thread.Of(&threadv1.SendRequested{Id: "s", ClientId: "s", Agent: "mila", Human: true,
			Parts: []string{"one", "two", "three"}, ReplyTo: "m_in", QuickReplies: []*threadv1.QuickReply{{Title: "Yes", Payload: "Y"}}}))...)
		meta := &meta{answer: func(n int, _ graph.Message) graph.Outcome { return sent("m_" + strconv.Itoa(n)) }}
		stop := process(t, log, meta, connected(t, box), box)
		time.Sleep(time.Minute)
		stop()
		if len(meta.posts) != 3 {
			t.Fatalf("%d requests, want 3", len(meta.posts))
		}
		for i, m := range meta.posts {
			if (m.ReplyTo == "m_in") != (i == 0) || (len(m.QuickReplies) == 1) != (i == 2) {
				t.Errorf("part %d answers %q with %d quick replies", i, m.ReplyTo, len(m.QuickReplies))
			}
		}
	})
}

// A template has no text in the conversation at Meta: another message that reads
// the same must not prove it, its echo does.
func TestOnlyItsEchoProvesATemplate(t *testing.T) {
	for _, echo := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			box := keys(t)
			log := newMemory(append(asked(), thread.Of(&threadv1.SendRequested{Id: "s", ClientId: "s", Agent: "mila", Human: true, Parts: []string{"Shop"},
				Template: &threadv1.Template{Generic: &threadv1.GenericTemplate{Elements: []*threadv1.Card{{Title: "Shop", Subtitle: "Open"}}}}}))...)
			began := time.Now()
			meta := &meta{answer: func(int, graph.Message) graph.Outcome { return unknown() },
				recent: func() ([]graph.Recent, error) {
					return []graph.Recent{{MessageID: "m_9", From: customer.Page, Text: "Shop", Created: began}}, nil
				}}
			stop := process(t, log, meta, connected(t, box), box)
			time.Sleep(30 * time.Second)
			want := []string{"attempted", "uncertain TIMEOUT", "unconfirmed"}
			if echo {
				log.say(thread.Of(&threadv1.SendSucceeded{Id: "s", Mid: "m_1", Proof: thread.ProofEcho}))
				want[2] = "succeeded echo"
			}
			time.Sleep(3 * time.Minute)
			stop()
			expect(t, log, want...)
			if len(meta.posts) != 1 || meta.posts[0].Template == nil {
				t.Errorf("%d requests, want one with the template", len(meta.posts))
			}
		})
	}
}

// A utility template leaves when no text may (S32), as what it is and without an
// agent's name; of its body the conversation at Meta shows the text, so a reading
// proves it.
func TestAUtilityTemplateLeavesWithoutAWindow(t *testing.T) {
	for _, doubt := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			box := keys(t)
			log := newMemory(asked()...)
			time.Sleep(8 * 24 * time.Hour)
			log.say(thread.Of(&threadv1.SendRequested{Id: "text", ClientId: "text", Agent: "mila", Human: true, Parts: []string{"late"}}))
			log.say(thread.Of(&threadv1.SendRequested{Id: "s", ClientId: "s", Agent: "mila", Human: true, Parts: []string{"Order A-17 is here"},
				Template: &threadv1.Template{Utility: &threadv1.UtilityTemplate{Name: "order_update", Language: "en", Text: "Order A-17 is here", Parameters: []*threadv1.TemplateParameter{{Text: "A-17"}}}}}))
			began := time.Now()
			meta := &meta{answer: func(int, graph.Message) graph.Outcome {
				if doubt {
					return unknown()
				}
				return sent("m_1")
			}, recent: func() ([]graph.Recent, error) {
				return []graph.Recent{{MessageID: "m_1", From: customer.Page, Text: "Order A-17 is here", Created: began}}, nil
			}}
			stop := process(t, log, meta, connected(t, box), box)
			time.Sleep(4 * time.Minute)
			stop()
			want := []string{"refused WINDOW_CLOSED", "attempted", "succeeded answer"}
			if doubt {
				want = []string{"refused WINDOW_CLOSED", "attempted", "uncertain TIMEOUT", "succeeded conversation"}
			}
			expect(t, log, want...)
			if len(meta.posts) != 1 || meta.posts[0].MessagingType != "UTILITY" || meta.posts[0].Tag != "" || meta.posts[0].Template.GetUtility().GetName() != "order_update" {
				t.Errorf("Meta was asked for %+v", meta.posts)
			}
		})
	}
}

// A sticker leaves as one, at the pace of texts; a conversation at Meta shows no text
// of it, so that another message that reads the same does not prove it. On the second
// day it does not leave at all, though a text does: the tag is not for stickers.
func TestASticker(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration
		doubt bool
		want  []string
	}{
		"at once":           {0, false, []string{"attempted", "succeeded answer"}},
		"in doubt":          {0, true, []string{"attempted", "uncertain TIMEOUT", "unconfirmed"}},
		"on the second day": {25 * time.Hour, false, []string{"refused WINDOW_CLOSED"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				box := keys(t)
				log := newMemory(asked()...)
				time.Sleep(c.after)
				log.say(thread.Of(&threadv1.SendRequested{Id: "s", ClientId: "s", Agent: "mila", Human: true, Parts: []string{thread.ThumbShows}, Sticker: thread.Thumb}))
				began := time.Now()
				meta := &meta{answer: func(int, graph.Message) graph.Outcome {
					if c.doubt {
						return unknown()
					}
					return sent("m_1")
				}, recent: func() ([]graph.Recent, error) {
					return []graph.Recent{{MessageID: "m_9", From: customer.Page, Text: thread.ThumbShows, Created: began}}, nil
				}}
				stop := process(t, log, meta, connected(t, box), box)
				time.Sleep(4 * time.Minute)
				stop()
				expect(t, log, c.want...)
				if posted := len(meta.posts) == 1 && meta.posts[0].Sticker == thread.Thumb && meta.posts[0].MessagingType == "RESPONSE"; posted != (c.after == 0) {
					t.Errorf("Meta was asked for %+v", meta.posts)
				}
			})
		})
	}
}
