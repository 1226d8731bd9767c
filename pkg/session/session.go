// Package session knows who is signed in. A session is an entry of the bucket
// SESSION, which every process of the desk follows. What holds, whoever dies where:
//
//   - Nothing in the bucket opens a session: its key is a hash, and the ticket, which
//     travels in a cookie, is sealed with a key that only the keyset gives. A ticket
//     that was not made here costs no question to the broker.
//   - A session that is over stays over: its end is written whatever happened
//     meanwhile, and its use only to what was read.
//   - A ticket is replaced while it is in use. The new one is in force from when
//     somebody comes with it, so that an answer that was lost locks nobody out; the
//     one before is taken for Overlap more, for requests that are on their way. After
//     that it can only be a copy: whoever comes with it ends the session, for nobody
//     can tell who of the two is the agent.
//   - Streams of a session end with it, in every process: by the bucket at once where
//     somebody ended it, and by the configuration where the agent may not sign in any
//     more.
package session

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"sync"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

const (
	// Rotate is how long a ticket is in force before a new one is offered.
	Rotate = 15 * time.Minute
	// Overlap is how long a ticket is taken after the one that replaced it was used.
	Overlap = time.Minute
	// Longest is how long a session may be set to live: the bucket keeps no entry
	// longer.
	Longest = 24 * time.Hour
	// notes is how many times in its idle time the use of a session is noted. That it
	// is not every time keeps writes away from most requests.
	notes = 15
	// sweep is how often entries of sessions that are over are removed, and how long
	// they stay: until then streams and pages can tell the true reason.
	sweep = 10 * time.Minute
	// ticketUse is the purpose of the key that seals tickets, programUse of that which
	// seals those of programs.
	ticketUse  = "desk.session"
	programUse = "program.session"
	// Prefix is what every ticket of a program begins with, so that people and programs
	// that look for secrets know it for one.
	Prefix = "parley-session."
	// attempts is how often a session is read again that somebody changed meanwhile.
	attempts = 5
)

// Limits are how long sessions live (SK4).
type Limits struct {
	Idle     time.Duration // without a request and without an open stream
	Absolute time.Duration // in all; at most Longest
}

// Session is one sign-in of one agent.
type Session struct {
	Key     string // under which it is stored; it opens nothing
	Agent   string
	Created time.Time
	Used    time.Time // last use, earlier by up to a fifteenth of Idle; of one that was ended, when
	Until   time.Time // lives no longer than this
	Idle    time.Duration
	Turn    uint64 // number of the ticket in force
	Turned  time.Time
	Ended   End // by somebody; empty: by nobody
	Program Program

	revision uint64
}

// Program is what somebody signed in with who did not by a browser; zero: by a browser.
// A session of a program is of no use to a browser, nor the other way round.
type Program struct {
	Name    string // as it calls itself: "parleyctl on build-7"
	Address string // it came from
}

// End is why a session is over; empty while it is not.
type End string

// The ends, as the stream of events tells them.
const (
	SignedOut End = "signed_out"
	Expired   End = "expired"
	Dismissed End = "ended"            // by an administrator
	Copied    End = "copied"           // somebody came with a ticket that was replaced
	Revoked   End = "revoked"          // the agent was removed, or may not sign in
	Renewed   End = "password_changed" // the agent's
	Stripped  End = "no_role"          // the agent may not use the desk any more
)

// Over tells whether the session has ended at now, given its agent as set by
// administrators, nil when there is none of that id.
func (s Session) Over(now time.Time, agent *configv1.Agent) End {
	switch {
	case s.Ended != "":
		return s.Ended
	case agent == nil, agent.GetBarred():
		return Revoked
	case agent.GetPassword().GetSetMs() > s.Created.UnixMilli():
		return Renewed
	case !now.Before(s.Until), now.Sub(s.Used) >= s.Idle:
		return Expired
	}
	return ""
}

// use is the session after it was used at now.
func (s Session) use(now time.Time) Session {
	if now.Sub(s.Used) >= s.Idle/notes {
		s.Used = now
	}
	return s
}

// present is the session after somebody came with a ticket at now; false when that
// ticket can only be a copy.
func (s Session) present(turn uint64, now time.Time) (Session, bool) {
	switch {
	case turn == s.Turn+1:
		s.Turn, s.Turned, s.Used = turn, now, now
		return s, true
	case turn == s.Turn, turn+1 == s.Turn && now.Sub(s.Turned) <= Overlap:
		return s.use(now), true
	}
	return s, false
}

// Bucket is the part of bus.Bucket that sessions need.
type Bucket interface {
	Get(ctx context.Context, key string) (bus.Entry, error)
	Write(ctx context.Context, writes ...bus.Write) error
	Watch(ctx context.Context, ready func(), handle func(bus.Entry)) error
}

// Sealer is the part of secret.Box that makes tickets.
type Sealer interface {
	MAC(purpose string, data []byte) []byte
	Verify(purpose string, data, mac []byte) bool
}

// Store keeps sessions. Its methods may be called from any goroutine.
type Store struct {
	bucket Bucket
	sealer Sealer
	agent  func(id string) *configv1.Agent // nil when there is none
	limits Limits
	now    func() time.Time

	mu      sync.Mutex
	known   map[string]Session // as watched, for sweeping
	waiting map[string]*wait   // by key
}

// wait is for streams that end with a session.
type wait struct {
	streams int
	ended   chan struct{}
}

// NewStore keeps sessions in bucket, and has them that begin here live as long as
// limits say; agent gives an agent as administrators have set it, nil when there is
// none of that id.
func NewStore(bucket Bucket, sealer Sealer, agent func(id string) *configv1.Agent, limits Limits, now func() time.Time) *Store {
	return &Store{bucket: bucket, sealer: sealer, agent: agent, limits: limits, now: now, known: map[string]Session{}, waiting: map[string]*wait{}}
}

// Limits are how long sessions live that begin here.
func (s *Store) Limits() Limits { return s.limits }

// Begin signs an agent in and gives the first ticket: 128 random bits, its number
// and its seal.
func (s *Store) Begin(ctx context.Context, agent string) (ticket secret.Text, _ Session, _ error) {
	return s.BeginWith(ctx, agent, Program{})
}

// BeginWith is Begin by a program.
func (s *Store) BeginWith(ctx context.Context, agent string, by Program) (ticket secret.Text, _ Session, _ error) {
	var bits [16]byte
	_, _ = rand.Read(bits[:]) // never fails: crypto/rand ends the process instead
	handle := base64.RawURLEncoding.EncodeToString(bits[:])
	now := s.now()
	session := Session{Key: key(handle), Agent: agent, Created: now, Used: now, Until: now.Add(s.limits.Absolute), Idle: s.limits.Idle, Turn: 1, Turned: now, Program: by}
	ticket, err := s.ticket(handle, session.Turn, by != Program{})
	if err == nil {
		err = s.bucket.Write(ctx, bus.Write{Key: session.Key, Value: encode(session)})
	}
	return ticket, session, fault.Wrap(err, "storing the session")
}

// Find gives the session of a ticket and notes that it is in use, and the ticket by
// which it is to be replaced, empty for none; fault.Unauthenticated, with the reason,
// when there is none or it is over. Then the session tells whose it was, if that is
// known.
func (s *Store) Find(ctx context.Context, ticket secret.Text) (_ Session, fresh secret.Text, _ error) {
	return s.find(ctx, ticket, false)
}

// FindProgram is Find of a program's ticket.
func (s *Store) FindProgram(ctx context.Context, ticket secret.Text) (_ Session, fresh secret.Text, _ error) {
	return s.find(ctx, ticket, true)
}

func (s *Store) find(ctx context.Context, ticket secret.Text, program bool) (_ Session, fresh secret.Text, _ error) {
	if ticket.Empty() {
		return Session{}, fresh, fault.New(fault.Unauthenticated, "NOT_SIGNED_IN", "sign in first")
	}
	handle, turn, ok := s.open(ticket, program)
	if !ok {
		return Session{}, fresh, Over(SignedOut)
	}
	for range attempts {
		session, end, err := s.Look(ctx, key(handle))
		if err != nil {
			return Session{}, fresh, err
		}
		if end != "" {
			return session, fresh, Over(end)
		}
		now := s.now()
		used, genuine := session.present(turn, now)
		if !genuine {
			if err := s.finish(ctx, session, Copied); err != nil {
				return session, fresh, fault.Wrap(err, "ending a session whose ticket was copied")
			}
			return session, fresh, Over(Copied)
		}
		if err := s.note(ctx, session, used); fault.Is(err, fault.Conflict) {
			continue // another request has used it, or somebody ended it
		} else if err != nil {
			return Session{}, fresh, err
		}
		if turn == used.Turn && now.Sub(used.Turned) >= Rotate {
			fresh, err = s.ticket(handle, turn+1, program)
		}
		return used, fresh, err
	}
	return Session{}, fresh, fault.New(fault.Unavailable, "SESSION_BUSY", "the session is in use by too many requests at once; try again")
}

// note writes that a session was used, if that is worth it.
func (s *Store) note(ctx context.Context, was, is Session) error {
	if was == is {
		return nil
	}
	return fault.Wrap(s.bucket.Write(ctx, bus.Write{Key: is.Key, Value: encode(is), Revision: was.revision}), "noting the use of the session")
}

// Look gives the session under a key and why it is over, if it is. It does not
// count as use. The error is about reaching the bucket.
func (s *Store) Look(ctx context.Context, key string) (Session, End, error) {
	entry, err := s.bucket.Get(ctx, key)
	if fault.Is(err, fault.NotFound) {
		return Session{}, SignedOut, nil
	}
	if err != nil {
		return Session{}, "", fault.Wrap(err, "reading the session")
	}
	session, ok := decode(entry)
	if !ok {
		return Session{}, SignedOut, nil
	}
	return session, session.Over(s.now(), s.agent(session.Agent)), nil
}

// Keep is Look of a stream that is open, which counts as use.
func (s *Store) Keep(ctx context.Context, key string) (End, error) {
	session, end, err := s.Look(ctx, key)
	if err != nil || end != "" {
		return end, err
	}
	err = s.note(ctx, session, session.use(s.now()))
	if fault.Is(err, fault.Conflict) {
		return "", nil // a request has used it, or it has ended, which the bucket tells
	}
	return "", err
}

// End signs out the session of a ticket: every stream of it ends, in every
// process. Ending what has ended is no error.
func (s *Store) End(ctx context.Context, ticket secret.Text) error {
	handle, _, ok := s.open(ticket, false)
	if !ok {
		return nil
	}
	entry, err := s.bucket.Get(ctx, key(handle))
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err == nil {
		err = s.bucket.Write(ctx, bus.Write{Key: entry.Key, Revision: bus.AnyRevision})
	}
	return fault.Wrap(err, "ending the session")
}

// List gives the sessions that live, of one agent or, with "", of all, as they stand
// in the bucket now: one that begins later is in no list.
func (s *Store) List(ctx context.Context, agent string) ([]Session, error) {
	listing, enough := context.WithCancel(ctx)
	defer enough()
	found := map[string]Session{}
	err := s.bucket.Watch(listing, enough, func(e bus.Entry) {
		if session, ok := decode(e); ok && (agent == "" || session.Agent == agent) {
			found[e.Key] = session
		} else {
			delete(found, e.Key)
		}
	})
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	} else if listing.Err() != nil {
		err = nil
	}
	if err != nil {
		return nil, fault.Wrap(err, "listing sessions")
	}
	var live []Session
	for _, session := range found {
		if session.Over(s.now(), s.agent(session.Agent)) == "" {
			live = append(live, session)
		}
	}
	return live, nil
}

// EndAll ends the sessions of an agent, or that under one key alone if it is not
// empty, and tells how many there were. Each that had begun is over when it answers.
func (s *Store) EndAll(ctx context.Context, agent, only string, why End) (ended int, _ error) {
	live, err := s.List(ctx, agent)
	if err != nil {
		return 0, err
	}
	for _, session := range live {
		if only != "" && session.Key != only {
			continue
		}
		if err := s.finish(ctx, session, why); err != nil {
			return ended, fault.Wrap(err, "ending a session")
		}
		ended++
	}
	return ended, nil
}

// finish writes the end of a session, whatever happened to it meanwhile.
func (s *Store) finish(ctx context.Context, session Session, why End) error {
	session.Ended, session.Used = why, s.now()
	return s.bucket.Write(ctx, bus.Write{Key: session.Key, Value: encode(session), Revision: bus.AnyRevision})
}

// Ended gives a channel that is closed when somebody ends the session. Look after
// asking for it, because that may have happened before; and call stop when it is no
// longer of interest.
func (s *Store) Ended(key string) (ended <-chan struct{}, stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.waiting[key]
	if w == nil {
		w = &wait{ended: make(chan struct{})}
		s.waiting[key] = w
	}
	w.streams++
	return w.ended, sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if w.streams--; w.streams == 0 && s.waiting[key] == w {
			delete(s.waiting, key)
		}
	})
}

// Run follows the bucket and removes sessions that are over, until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	swept := make(chan struct{})
	go func() {
		defer close(swept)
		s.sweep(ctx)
	}()
	err := s.bucket.Watch(ctx, func() {}, s.follow)
	cancel()
	<-swept
	return err
}

func (s *Store) follow(e bus.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	session, ok := decode(e)
	if s.known[e.Key] = session; !ok {
		delete(s.known, e.Key)
	}
	if w := s.waiting[e.Key]; w != nil && (!ok || session.Ended != "") {
		delete(s.waiting, e.Key)
		close(w.ended)
	}
}

func (s *Store) sweep(ctx context.Context) {
	tick := time.NewTicker(sweep)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, old := range s.old() {
			// A lost race means that another process swept it or a request
			// used it; a broker that is away is asked again next time.
			_ = s.bucket.Write(ctx, bus.Write{Key: old.Key, Revision: old.revision})
		}
	}
}

// old gives the sessions that have been over for a while: by then their streams
// have ended and told the true reason, which is not that somebody signed out.
func (s *Store) old() []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	then := s.now().Add(-sweep)
	var old []Session
	for _, session := range s.known {
		if session.Ended != "" && !session.Used.After(then) || session.Over(then, &configv1.Agent{}) == Expired {
			old = append(old, session)
		}
	}
	return old
}
