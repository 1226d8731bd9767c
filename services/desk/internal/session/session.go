// Package session knows who is signed in. A session is an entry of the bucket
// SESSION under the hash of its id: whoever reads the bucket cannot use what
// stands there. The id itself travels only in the cookie.
package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"sync"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// How long a session lives (SK4).
const (
	// Idle is how long it lives without a request.
	Idle = 12 * time.Hour
	// Absolute is how long it lives in all.
	Absolute = 24 * time.Hour
	// touch is how old the note of the last request may grow before it is
	// written anew; it keeps writes away from most requests.
	touch = 5 * time.Minute
	// sweep is how often entries of sessions that have expired are removed.
	sweep = 10 * time.Minute
)

// Session is one sign-in of one agent.
type Session struct {
	Key     string // under which it is stored; not the id
	Agent   string
	Created time.Time
	Used    time.Time // last request, at most some minutes old

	revision uint64
}

// End is why a session is over; empty while it is not.
type End string

// The ends, as the stream of events tells them.
const (
	SignedOut End = "signed_out"
	Expired   End = "expired"
	Revoked   End = "revoked" // the agent was removed
	Renewed   End = "password_changed"
	Stripped  End = "no_role" // the agent may not use the desk any more
)

// Over tells whether the session has ended at now, given its agent as set by
// administrators, nil when there is none of that id.
func (s Session) Over(now time.Time, agent *configv1.Agent) End {
	switch {
	case agent == nil:
		return Revoked
	case agent.GetPassword().GetSetMs() > s.Created.UnixMilli():
		return Renewed
	case now.Sub(s.Created) >= Absolute, now.Sub(s.Used) >= Idle:
		return Expired
	}
	return ""
}

// Bucket is the part of bus.Bucket that sessions need.
type Bucket interface {
	Get(ctx context.Context, key string) (bus.Entry, error)
	Write(ctx context.Context, writes ...bus.Write) error
	Watch(ctx context.Context, ready func(), handle func(bus.Entry)) error
}

// Store keeps sessions. Its methods may be called from any goroutine.
type Store struct {
	bucket Bucket
	agent  func(id string) *configv1.Agent // nil when there is none
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

// NewStore keeps sessions in bucket; agent gives an agent as administrators
// have set it, nil when there is none of that id.
func NewStore(bucket Bucket, agent func(id string) *configv1.Agent, now func() time.Time) *Store {
	return &Store{bucket: bucket, agent: agent, now: now, known: map[string]Session{}, waiting: map[string]*wait{}}
}

// Begin signs an agent in and gives the id for the cookie: 128 random bits.
func (s *Store) Begin(ctx context.Context, agent string) (id string, _ Session, _ error) {
	var bits [16]byte
	_, _ = rand.Read(bits[:]) // never fails: crypto/rand ends the process instead
	id = base64.RawURLEncoding.EncodeToString(bits[:])
	now := s.now()
	session := Session{Key: key(id), Agent: agent, Created: now, Used: now}
	err := s.bucket.Write(ctx, bus.Write{Key: session.Key, Value: encode(session)})
	return id, session, fault.Wrap(err, "storing the session")
}

// Find gives the session of an id and notes that it is in use;
// fault.Unauthenticated, with the reason, when there is none or it is over.
func (s *Store) Find(ctx context.Context, id string) (Session, error) {
	if id == "" {
		return Session{}, fault.New(fault.Unauthenticated, "NOT_SIGNED_IN", "sign in first")
	}
	session, end, err := s.Look(ctx, key(id))
	if err != nil {
		return Session{}, err
	}
	if end != "" {
		return Session{}, errEnded(end)
	}
	if now := s.now(); now.Sub(session.Used) >= touch {
		session.Used = now
		err := s.bucket.Write(ctx, bus.Write{Key: session.Key, Value: encode(session), Revision: session.revision})
		if err != nil && !fault.Is(err, fault.Conflict) { // another request has noted it
			return Session{}, fault.Wrap(err, "noting the use of the session")
		}
	}
	return session, nil
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
		return Session{}, Revoked, nil
	}
	return session, session.Over(s.now(), s.agent(session.Agent)), nil
}

// End signs out the session of an id: every stream of it ends, in every
// process. Ending what has ended is no error.
func (s *Store) End(ctx context.Context, id string) error {
	entry, err := s.bucket.Get(ctx, key(id))
	if fault.Is(err, fault.NotFound) {
		return nil // so that strangers' cookies leave no trace in the bucket
	}
	if err == nil {
		err = s.bucket.Write(ctx, bus.Write{Key: entry.Key, Revision: bus.AnyRevision})
	}
	return fault.Wrap(err, "ending the session")
}

// Ended gives a channel that is closed when somebody signs the session out.
// Look after asking for it, because that may have happened before; and call
// stop when it is no longer of interest.
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

// Run follows the bucket and removes sessions that have expired, until ctx
// ends.
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
	if session, ok := decode(e); ok {
		s.known[e.Key] = session
		return
	}
	delete(s.known, e.Key)
	if w := s.waiting[e.Key]; w != nil {
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
		for _, old := range s.expired() {
			// A lost race means that another process swept it or a request
			// used it; a broker that is away is asked again next time.
			_ = s.bucket.Write(ctx, bus.Write{Key: old.Key, Revision: old.revision})
		}
	}
}

// expired gives the sessions that have been over for a while: by then their
// streams have ended and told the true reason, which is not that somebody
// signed out.
func (s *Store) expired() []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var old []Session
	for _, session := range s.known {
		if session.Over(s.now().Add(-sweep), &configv1.Agent{}) == Expired {
			old = append(old, session)
		}
	}
	return old
}

// errEnded is the answer to who comes with a session that is over.
func errEnded(end End) error {
	switch end {
	case Expired:
		return fault.New(fault.Unauthenticated, "EXPIRED", "the session has expired; sign in again")
	case Renewed:
		return fault.New(fault.Unauthenticated, "PASSWORD_CHANGED", "the password was changed; sign in with the new one")
	case Revoked:
		return fault.New(fault.Unauthenticated, "REVOKED", "the agent was removed; an administrator can add it again")
	default:
		return fault.New(fault.Unauthenticated, "SIGNED_OUT", "the session was signed out; sign in again")
	}
}

// key is where the session of an id stands.
func key(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

// stored is the value of an entry.
type stored struct {
	Agent     string `json:"agent"`
	CreatedMS int64  `json:"created_ms"`
	UsedMS    int64  `json:"used_ms"`
}

func encode(s Session) []byte {
	// A struct of a string and two numbers cannot fail.
	b, _ := json.Marshal(stored{s.Agent, s.Created.UnixMilli(), s.Used.UnixMilli()})
	return b
}

// decode reads an entry; false when it was deleted or is damaged.
func decode(e bus.Entry) (Session, bool) {
	var v stored
	if e.Value == nil || json.Unmarshal(e.Value, &v) != nil || v.Agent == "" {
		return Session{}, false
	}
	return Session{
		Key: e.Key, Agent: v.Agent, Created: time.UnixMilli(v.CreatedMS), Used: time.UnixMilli(v.UsedMS),
		revision: e.Revision,
	}, true
}
