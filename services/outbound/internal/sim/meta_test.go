package sim_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// weather is how Meta is that day. Shares are of one.
type weather struct {
	uncertain float64 // POSTs whose answer is lost or says nothing
	delivered float64 // of those, delivered all the same
	later     float64 // POSTs put off with a definite no
	refused   float64 // POSTs refused for good
	lateEcho  float64 // echoes that take up to half an hour
	noEcho    bool    // echoes are down
	equal     float64 // messages for which somebody else sends the same text in the same minute
	canned    float64 // messages of a few texts that all agents use
	// wrong is a fault planted into Meta, for the checker to find.
	wrong string
}

// post is one POST as Meta saw it.
type post struct {
	thread  subject.Thread
	id      string
	part    int32
	attempt int32
	no      bool   // answered by a definite "not delivered", whoever heard it
	mid     string // of what was delivered, empty for nothing
	doubt   bool   // its sender could not know
	late    bool   // its sender stood still before it
	at      time.Time
}

// meta plays Meta: what becomes of a POST depends on the seed and its name
// alone, not on who comes first.
type meta struct {
	weather
	seed   uint64
	signer *secret.Box
	log    *journal

	mu    sync.Mutex
	posts []*post
	shown map[subject.Thread][]graph.Recent // as the conversation shows them, oldest first
	alive map[string]time.Time              // when the latest of the page's attempts began whose echo came
	fails int
}

// dice gives the random numbers of one thing.
func dice(seed uint64, of ...any) *rand.Rand {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, of...)
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)))
}

// Send is a POST of a process, which may die before it, during it and after.
func (w wire) Send(_ context.Context, page graph.Page, m graph.Message) graph.Outcome {
	began := time.Now()
	w.live()
	out, takes := w.meta.take(subject.Thread{Page: page.ID, PSID: m.PSID}, m, time.Since(began) > time.Second)
	w.wait(takes)
	w.live()
	return out
}

// Upload is not asked for: nothing here has files.
func (w wire) CreatePersona(context.Context, graph.Page, string, string) (string, error) {
	return "", nil
}

func (w wire) DeletePersona(context.Context, graph.Page, string) error { return nil }

func (w wire) Upload(context.Context, graph.Page, graph.File) (string, graph.Outcome) {
	panic("a send without files uploads one")
}

// take is what Meta does with a POST, and how long its answer takes.
func (f *meta) take(t subject.Thread, m graph.Message, late bool) (graph.Outcome, time.Duration) {
	ours, ok := graph.ParseMetadata(f.signer, m.Metadata)
	if !ok {
		panic("a POST without a name")
	}
	r := dice(f.seed, ours.Intent, ours.Part, ours.Attempt)
	p := &post{thread: t, id: ours.Intent, part: int32(ours.Part), attempt: int32(ours.Attempt), at: time.Now(), late: late}
	f.mu.Lock()
	f.posts = append(f.posts, p)
	f.mu.Unlock()
	soon := between(r, 50*time.Millisecond, 300*time.Millisecond)
	out := graph.Outcome{Class: graph.Sent}
	switch roll := r.Float64(); {
	case roll < f.uncertain:
		p.doubt = true
		out = graph.Outcome{Class: graph.Uncertain, Reason: graph.ReasonReset}
		if r.IntN(2) == 0 {
			out.Reason, soon = graph.ReasonTimeout, 15*time.Second
		}
		if r.Float64() < f.delivered {
			p.mid = f.deliver(t, p, m.Text, r)
		}
		if f.wrong == "forgets" { // says no, and does not know
			out.Class, out.RetryAfter = graph.Later, time.Second
		}
	case roll < f.uncertain+f.later:
		p.no = true
		out = graph.Outcome{Class: graph.Later, Reason: graph.ReasonThrottled, RetryAfter: between(r, 1, 5*time.Second)}
	case roll < f.uncertain+f.later+f.refused:
		p.no = true
		out = graph.Outcome{Class: graph.Refused, Reason: graph.ReasonInvalidRequest}
		if f.wrong == "delivers what it refuses" {
			p.no, p.mid = false, f.deliver(t, p, m.Text, r)
		}
	default:
		p.mid = f.deliver(t, p, m.Text, r)
		out.MessageID = p.mid
		if f.wrong == "loses what it takes" {
			p.mid = ""
		}
	}
	return out, soon
}

// deliver shows the message to the customer, now or within half a minute when
// Meta is in doubt itself, and has it echoed.
func (f *meta) deliver(t subject.Thread, p *post, text string, r *rand.Rand) (mid string) {
	mid = fmt.Sprintf("m_%s.%d.%d", p.id, p.part, p.attempt)
	after := between(r, 1, 50*time.Millisecond)
	if p.doubt && r.IntN(10) == 0 {
		after = between(r, 1, 28*time.Second)
	}
	time.AfterFunc(after, func() { f.show(t, mid, text) })
	if f.noEcho {
		return mid
	}
	after += between(r, 20*time.Millisecond, 3*time.Second)
	if r.Float64() < f.lateEcho {
		after += between(r, 1, 30*time.Minute)
	}
	e := thread.Echo{ID: p.id, Part: p.part, Attempt: p.attempt, Mid: mid}
	time.AfterFunc(after, func() { f.echo(t, e, p.at) })
	return mid
}

func (f *meta) show(t subject.Thread, mid, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shown[t] = append(f.shown[t], graph.Recent{MessageID: mid, From: t.Page, Text: text, Created: time.Now().Truncate(time.Second)})
}

// echo brings an echo of ours to the log, as classification files it.
func (f *meta) echo(t subject.Thread, e thread.Echo, began time.Time) {
	e.SentMs = time.Now().UnixMilli()
	f.file(t, thread.EchoKey(e.Mid), func(s *threadv1.State) *threadv1.Fact { return thread.Echoed(s, e) })
	f.mu.Lock()
	defer f.mu.Unlock()
	if began.After(f.alive[t.Page]) {
		f.alive[t.Page] = began
	}
}

// intrude has somebody else write to the customer, with an echo as good as ours.
func (f *meta) intrude(t subject.Thread, mid, text string, echo time.Duration) {
	f.show(t, mid, text)
	if f.noEcho {
		return
	}
	time.AfterFunc(echo, func() {
		f.file(t, thread.EchoKey(mid), func(*threadv1.State) *threadv1.Fact {
			return thread.Of(&threadv1.ExternalMessageSent{Mid: mid, Text: text, SentMs: time.Now().UnixMilli()})
		})
	})
}

// file puts a fact into the log once.
func (f *meta) file(t subject.Thread, key string, of func(*threadv1.State) *threadv1.Fact) {
	err := f.log.say(t, func(s *threadv1.State) []*threadv1.Fact {
		if thread.Seen(s, key) {
			return nil
		}
		fact := of(s)
		fact.EventKey = key
		return []*threadv1.Fact{fact}
	})
	if err != nil {
		panic(err)
	}
}

// RecentMessages reads the newest twenty of a conversation, when Meta lets one.
func (w wire) RecentMessages(_ context.Context, page graph.Page, psid string) ([]graph.Recent, error) {
	w.live()
	w.wait(100 * time.Millisecond)
	return w.meta.recent(subject.Thread{Page: page.ID, PSID: psid})
}

func (f *meta) recent(t subject.Thread) ([]graph.Recent, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails++; f.fails%50 == 0 {
		return nil, fault.New(fault.Unavailable, "META", "Meta is away")
	}
	all := f.shown[t]
	return slices.Clone(all[max(0, len(all)-20):]), nil
}
