package bus

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/parley-desk/parley/proto/subject"

	"github.com/parley-desk/parley/pkg/telemetry/key"
)

const (
	probeEvery   = 100 * time.Millisecond
	probeTimeout = 100 * time.Millisecond
	// A process whose connection is just being restored has no responder
	// either, so one silence is not a death.
	probesToDeath = 2
	// How many life times of a lease its holder works on while the broker does
	// not answer. A lease saves double work; the precondition of a commit is
	// what makes double work harmless. So a holder lets go when it learns that
	// another one has taken over, not while the broker elects a leader.
	blindLives = 3
)

// tenure is one holding of one slot.
type tenure struct {
	slot int
	lost context.Context // ends when the slot may be somebody else's: drop everything
	stop <-chan struct{} // closed when the slot is to be handed over: finish and return
}

// holding is a tenure as its group sees it.
type holding struct {
	revision  uint64
	refreshed time.Time
	lose      context.CancelFunc
	hand      func() // closes stop
	done      chan struct{}
	leaving   bool
}

// group is one member's part in sharing out slots.
type group struct {
	bus     *Bus
	bucket  *Bucket
	prefix  string // of its keys in LEASE
	id      string // this member
	work    func(tenure)
	roster  *roster
	held    map[int]*holding
	ended   chan int // slots whose work has returned
	silence map[string]int
	member  uint64    // revision of this member's own key
	looked  bool      // there was a whole picture before
	clear   bool      // the picture is whole
	quiet   time.Time // nothing is taken or released before
}

// hold runs work for every slot that this process should hold, until ctx ends;
// then it waits for the work to be handed over. Slots are spread evenly over
// the processes that hold the same name. A clean end hands over at once; a dead
// process is noticed within about 200 ms, a frozen one when its lease lapses.
func (b *Bus) hold(ctx context.Context, name string, slots int, work func(tenure)) error {
	g := &group{bus: b, bucket: b.Bucket(subject.LeaseBucket), prefix: name + ".", id: memberID(b.cfg.Instance), work: work,
		roster: newRoster(slots), held: map[int]*holding{}, ended: make(chan int, slots), silence: map[string]int{}}
	presence, err := b.nc.Subscribe(subject.Presence(g.id), func(m *nats.Msg) { _ = m.Respond(nil) })
	if err != nil {
		return brokerFault(err, "answer for presence")
	}
	defer func() { _ = presence.Unsubscribe() }()
	g.enroll(ctx)

	sights := make(chan sight, 64)
	watching, unwatch := context.WithCancel(context.WithoutCancel(ctx))
	var watcher sync.WaitGroup
	watcher.Go(func() { g.watch(watching, sights) })
	defer watcher.Wait()
	defer unwatch()
	g.loop(ctx, sights)
	g.leave()
	return ctx.Err()
}

// sight is what a member sees of LEASE: an entry, that everything seen so far
// may be gone, or that everything there is has been seen.
type sight struct {
	entry       Entry
	blank, full bool
}

func (g *group) watch(ctx context.Context, sights chan<- sight) {
	show := func(s sight) {
		select {
		case sights <- s:
		case <-ctx.Done():
		}
	}
	src := source{stream: g.bucket.stream, filter: g.bucket.prefix + g.prefix + ">", last: true, anew: func(ctx context.Context) error {
		show(sight{blank: true})
		_, err := g.bus.openStream(ctx, g.bus.leases())
		return err
	}}
	_ = g.bus.follow(ctx, src, func() { show(sight{full: true}) }, func(m stored, _ uint64) error {
		show(sight{entry: g.bucket.entry(m)})
		return nil
	})
}

// memberID fits into a key and a subject whatever the instance is called.
func memberID(instance string) string {
	plain := strings.Map(func(r rune) rune {
		if r < 128 && (r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return r
		}
		return '-'
	}, instance)
	return plain[:min(len(plain), 32)] + "-" + nuid.Next()
}

func (g *group) loop(ctx context.Context, sights <-chan sight) {
	refresh := time.NewTicker(g.bus.cfg.LeaseTTL / 3)
	defer refresh.Stop()
	probe := time.NewTicker(probeEvery)
	defer probe.Stop()
	for {
		select {
		case s := <-sights:
			g.look(ctx, s)
			if len(sights) > 0 {
				continue // the newest picture is the one to act on
			}
		case n := <-g.ended:
			g.forget(ctx, n)
		case <-refresh.C:
			g.refresh(ctx)
		case <-probe.C:
			g.probe(ctx)
		case <-ctx.Done():
			return
		}
		if g.clear && !time.Now().Before(g.quiet) {
			g.balance(ctx)
			g.bus.members.Store(g.prefix, len(g.roster.sorted(g.id)))
		}
	}
}

// look takes in a sight. A picture that is whole for a second time may be that
// of a LEASE which began anew: what this member has is claimed again, and what
// seems free is left alone until the others have had the time to do so too.
func (g *group) look(ctx context.Context, s sight) {
	switch {
	case s.blank:
		g.roster, g.clear = newRoster(len(g.roster.slots)), false
	case !s.full:
		g.see(s.entry)
	default:
		g.clear = true
		if !g.looked {
			g.looked = true
			return
		}
		g.quiet = time.Now().Add(g.bus.cfg.LeaseTTL / 3)
		g.member = g.roster.members[g.id]
		for n, h := range g.held {
			if c := g.roster.slots[n]; c.holder == "" || c.holder == g.id {
				h.revision = c.revision
			}
		}
		g.refresh(ctx)
	}
}

// see takes in a change. Another holder's name on a slot of ours ends our work
// on it. A lease of ours that lapsed is still ours until then: the next refresh
// takes it up again, unless somebody is faster.
func (g *group) see(e Entry) {
	e.Key = strings.TrimPrefix(e.Key, g.prefix)
	g.roster.see(e)
	for n, h := range g.held {
		switch c := g.roster.slots[n]; {
		case c.revision <= h.revision || c.holder == g.id:
		case c.holder == "":
			h.revision = c.revision
		default:
			h.lose()
		}
	}
}

func (g *group) balance(ctx context.Context) {
	var held []int
	for n, h := range g.held {
		if !h.leaving {
			held = append(held, n)
		}
	}
	slices.Sort(held)
	take, release := g.roster.plan(g.id, held)
	for _, n := range release {
		g.held[n].leaving = true
		g.held[n].hand()
	}
	for _, n := range take {
		if g.held[n] == nil {
			g.take(ctx, n)
		}
	}
}

// take claims a free slot and starts to work on it. Losing the race for it is
// no matter: the winner's claim arrives as a change.
func (g *group) take(ctx context.Context, n int) {
	revision, err := g.put(ctx, slotKey+strconv.Itoa(n), g.roster.slots[n].revision)
	if raced(err) {
		// Lost, or the marker of a lapsed lease is gone by now.
		if e, err := g.read(ctx, slotKey+strconv.Itoa(n)); err == nil {
			g.roster.slots[n] = claim{holder: string(e.Value), revision: e.Revision}
		}
		return
	}
	if err != nil {
		return // the next look tries again
	}
	g.roster.slots[n] = claim{holder: g.id, revision: revision}
	lost, lose := context.WithCancel(context.WithoutCancel(ctx))
	stop := make(chan struct{})
	h := &holding{revision: revision, refreshed: time.Now(), lose: lose, hand: sync.OnceFunc(func() { close(stop) }), done: make(chan struct{})}
	g.held[n] = h
	go func() {
		defer func() { lose(); close(h.done); g.ended <- n }()
		g.work(tenure{slot: n, lost: lost, stop: stop})
	}()
}

// put writes a key of ours, with a life time, if its revision is still the given one.
func (g *group) put(ctx context.Context, key string, revision uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	ack, err := g.bus.js.PublishMsg(ctx, g.message(key, revision))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// read reads a key as it stands, without the patience of other readers.
func (g *group) read(ctx context.Context, key string) (Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	return g.bucket.last(ctx, g.prefix+key)
}

func (g *group) message(key string, revision uint64) *nats.Msg {
	return &nats.Msg{Subject: g.bucket.prefix + g.prefix + key, Data: []byte(g.id), Header: nats.Header{
		headerTTL: {g.bus.cfg.LeaseTTL.String()}, headerExpected: {strconv.FormatUint(revision, 10)}}}
}

// drop deletes a key if its revision is still the given one. The marker goes by itself.
func (g *group) drop(ctx context.Context, key string, revision uint64) error {
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	m := g.message(key, revision)
	m.Data, m.Header[headerOperation], m.Header[headerTTL] = nil, []string{"DEL"}, []string{markerTTL.String()}
	_, err := g.bus.js.PublishMsg(ctx, m)
	return err
}

// enroll makes this member known, again when its key has lapsed.
func (g *group) enroll(ctx context.Context) {
	revision, err := g.put(ctx, memberKey+g.id, g.member)
	if raced(err) {
		var e Entry
		if e, err = g.read(ctx, memberKey+g.id); err == nil {
			revision, err = g.put(ctx, memberKey+g.id, e.Revision)
		}
	}
	if err == nil {
		g.member = revision
	}
}

// refresh prolongs everything this member holds, side by side.
func (g *group) refresh(ctx context.Context) {
	g.enroll(ctx)
	g.prolong(ctx)
}

// prolong refreshes the slots held.
func (g *group) prolong(ctx context.Context) {
	futures := make(map[int]jetstream.PubAckFuture, len(g.held))
	for n, h := range g.held {
		if f, err := g.bus.js.PublishMsgAsync(g.message(slotKey+strconv.Itoa(n), h.revision)); err == nil {
			futures[n] = f
		}
	}
	for n, h := range g.held {
		err := error(nats.ErrDisconnected)
		if f := futures[n]; f != nil {
			select {
			case ack := <-f.Ok():
				h.revision, h.refreshed, err = ack.Sequence, time.Now(), nil
				g.roster.slots[n] = claim{holder: g.id, revision: h.revision}
			case err = <-f.Err():
			}
		}
		if err != nil && (g.overtaken(ctx, n, h, err) || time.Since(h.refreshed) > blindLives*g.bus.cfg.LeaseTTL) {
			g.bus.log.WarnContext(ctx, "lost the lease of a partition", key.Group, strings.TrimSuffix(g.prefix, "."), key.Partition, n)
			h.lose()
		}
	}
}

// overtaken tells, after a refused refresh, whether the slot is somebody
// else's. A refresh whose answer was lost also refuses the next one, and a
// lapsed lease that nobody took can be taken up again.
func (g *group) overtaken(ctx context.Context, n int, h *holding, err error) bool {
	if !raced(err) {
		return false
	}
	e, err := g.read(ctx, slotKey+strconv.Itoa(n))
	if err != nil {
		return false
	}
	if holder := string(e.Value); holder != "" && holder != g.id {
		return true
	}
	h.revision = e.Revision // the next refresh names this one
	return false
}

// forget lets go of a slot whose work has returned.
func (g *group) forget(ctx context.Context, n int) {
	h := g.held[n]
	if h == nil {
		return
	}
	delete(g.held, n)
	if err := g.drop(ctx, slotKey+strconv.Itoa(n), h.revision); err == nil && g.roster.slots[n].holder == g.id {
		g.roster.slots[n].holder = ""
	}
}

// probe asks the suspects for a sign of life and takes the dead off the roster.
func (g *group) probe(ctx context.Context) {
	for _, id := range g.roster.suspects(g.id) {
		probing, cancel := context.WithTimeout(ctx, probeTimeout)
		_, err := g.bus.nc.RequestWithContext(probing, subject.Presence(id), nil)
		cancel()
		if !errors.Is(err, nats.ErrNoResponders) {
			delete(g.silence, id)
			continue
		}
		if g.silence[id]++; g.silence[id] < probesToDeath {
			continue
		}
		delete(g.silence, id)
		g.bury(ctx, id)
	}
}

func (g *group) bury(ctx context.Context, id string) {
	g.bus.log.InfoContext(ctx, "took a process off the roster that is gone", key.Group, strings.TrimSuffix(g.prefix, "."), key.Member, id)
	if revision, ok := g.roster.members[id]; ok && g.drop(ctx, memberKey+id, revision) == nil {
		delete(g.roster.members, id)
	}
	for n, c := range g.roster.slots {
		if c.holder == id && g.drop(ctx, slotKey+strconv.Itoa(n), c.revision) == nil {
			g.roster.slots[n].holder = ""
		}
	}
}

// leave hands over everything, each slot as soon as its work is finished.
func (g *group) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime+2*ackTimeout)
	defer cancel()
	refresh := time.NewTicker(g.bus.cfg.LeaseTTL / 3)
	defer refresh.Stop()
	if err := g.drop(ctx, memberKey+g.id, g.member); err != nil {
		g.bus.log.DebugContext(ctx, "could not sign off", key.Err, err)
	}
	for _, h := range g.held {
		h.hand()
	}
	for len(g.held) > 0 {
		select {
		case n := <-g.ended:
			g.forget(ctx, n)
		case <-refresh.C:
			g.prolong(ctx)
		}
	}
}
