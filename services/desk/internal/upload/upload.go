// Package upload takes files from agents before they are sent: part by part,
// so that a line that breaks costs a part and not the file, and by any process.
//
// A file is in the object store under its thread from its first byte on, so it
// goes when the person is erased. Who sends it, how long it will be and, once it
// was looked at, what it is, stands in the bucket UPLOAD until its message is in
// the log. What is never sent is removed after a while.
package upload

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/files"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/desk/internal/scan"
)

// folder is what all objects of agents are named under in their thread.
const folder = "out"

// Bucket is the part of bus.Bucket that uploads need.
type Bucket interface {
	Get(ctx context.Context, key string) (bus.Entry, error)
	Write(ctx context.Context, writes ...bus.Write) error
	Watch(ctx context.Context, ready func(), handle func(bus.Entry)) error
}

// Log is the part of bus.Bus that tells whether a file was sent.
type Log interface {
	History(ctx context.Context, t subject.Thread, after uint64) iter.Seq2[bus.Record, error]
}

// Limits of what one agent may have here, and for how long.
type Limits struct {
	Files int           // uploaded and not sent
	Age   time.Duration // after which they lapse
}

// Upload is a file that an agent has begun to upload.
type Upload struct {
	ID           string // for the agent's page
	Agent        string
	Session      string // key of the session that began it
	Thread       subject.Thread
	Conversation string
	Name         string // as the agent's machine has it
	Object       files.Object
	Size         int64 // that it will have
	Began        time.Time
	Sent         *threadv1.SentFile // what it is, once it was looked at

	key      string
	revision uint64
}

// Store keeps uploads. Its methods may be called from any goroutine.
type Store struct {
	Bucket  Bucket
	Files   files.Store
	Log     Log
	Scanner scan.Scanner // nil: nobody looks at files
	Limits  Limits
	Now     func() time.Time
	Report  *slog.Logger

	mu    sync.Mutex
	known map[string]Upload // as watched, by key
}

// Begin makes room for a file of size bytes.
func (s *Store) Begin(ctx context.Context, u Upload) (Upload, error) {
	u.Began = s.Now()
	random := strings.ToLower(rand.Text())
	u.key = subject.UploadKey(u.Thread, random)
	u.ID = base64.RawURLEncoding.EncodeToString([]byte(u.key))
	object, err := s.Files.Begin(u.Thread, folder+"."+random)
	if err != nil {
		return Upload{}, fault.Wrap(err, "begin an upload")
	}
	u.Object = object
	if err := s.reserve(u); err != nil {
		return Upload{}, err
	}
	if err := s.write(ctx, &u, 0); err != nil {
		s.forget(u.key)
		return Upload{}, fault.Wrap(err, "begin an upload")
	}
	return u, nil
}

// reserve counts the agent's uploads, this one among them. Those that another
// process began a moment ago may be missing.
func (s *Store) reserve(u Upload) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, other := range s.known {
		if other.Agent == u.Agent && u.Began.Sub(other.Began) < s.Limits.Age {
			n++
		}
	}
	if n >= s.Limits.Files {
		return fault.New(fault.Exhausted, "TOO_MANY_UPLOADS", "%d files are uploaded and not sent; send or remove some of them", n)
	}
	if s.known == nil {
		s.known = map[string]Upload{}
	}
	s.known[u.key] = u
	return nil
}

func (s *Store) forget(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, key)
}

// Find gives an upload of the session; to everybody else it is not there.
func (s *Store) Find(ctx context.Context, id, session string) (Upload, error) {
	key, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		return Upload{}, errGone()
	}
	e, err := s.Bucket.Get(ctx, string(key))
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid) {
		return Upload{}, errGone()
	}
	if err != nil {
		return Upload{}, fault.Wrap(err, "read an upload")
	}
	u, ok := decode(e)
	if !ok || u.Session != session || s.Now().Sub(u.Began) >= s.Limits.Age {
		return Upload{}, errGone()
	}
	return u, nil
}

func errGone() error {
	return fault.New(fault.NotFound, "NO_SUCH_UPLOAD", "there is no such upload of yours: it was sent, removed, or has lapsed; upload the file again")
}

// Drop removes an upload and what is stored of it.
func (s *Store) Drop(ctx context.Context, u Upload) error {
	if err := s.Files.Remove(ctx, u.Object); err != nil {
		return fault.Wrap(err, "remove an upload")
	}
	return s.Done(ctx, u)
}

// Done forgets uploads whose message is in the log: their files are the thread's.
// What is left of them when this fails goes when it lapses.
func (s *Store) Done(ctx context.Context, all ...Upload) error {
	for _, u := range all {
		if err := s.Bucket.Write(ctx, bus.Write{Key: u.key, Revision: bus.AnyRevision}); err != nil {
			return fault.Wrap(err, "forget an upload")
		}
		s.forget(u.key)
	}
	return nil
}

// Count is how many uploads there are, of all agents.
func (s *Store) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.known)
}

// stored is the value of an entry.
type stored struct {
	Agent        string          `json:"agent"`
	Session      string          `json:"session"`
	Page         string          `json:"page"`
	PSID         string          `json:"psid"`
	Conversation string          `json:"conversation"`
	Name         string          `json:"name"`
	Object       string          `json:"object"`
	Size         int64           `json:"size"`
	BeganMS      int64           `json:"began_ms"`
	Sent         json.RawMessage `json:"sent,omitempty"`
}

func (s *Store) write(ctx context.Context, u *Upload, revision uint64) error {
	v := stored{u.Agent, u.Session, u.Thread.Page, u.Thread.PSID, u.Conversation, u.Name, u.Object.Key, u.Size, u.Began.UnixMilli(), nil}
	if u.Sent != nil {
		raw, err := protojson.Marshal(u.Sent)
		if err != nil {
			return fault.Wrap(err, "write an upload")
		}
		v.Sent = raw
	}
	value, err := json.Marshal(v)
	if err != nil {
		return fault.Wrap(err, "write an upload")
	}
	return s.Bucket.Write(ctx, bus.Write{Key: u.key, Value: value, Revision: revision})
}

// decode reads an entry; false when it was deleted or is damaged.
func decode(e bus.Entry) (Upload, bool) {
	var v stored
	if e.Value == nil || json.Unmarshal(e.Value, &v) != nil || v.Agent == "" {
		return Upload{}, false
	}
	u := Upload{ID: base64.RawURLEncoding.EncodeToString([]byte(e.Key)), Agent: v.Agent, Session: v.Session,
		Thread: subject.Thread{Page: v.Page, PSID: v.PSID}, Conversation: v.Conversation, Name: v.Name,
		Object: files.Object{Key: v.Object}, Size: v.Size, Began: time.UnixMilli(v.BeganMS), key: e.Key, revision: e.Revision}
	if len(v.Sent) > 0 {
		u.Sent = &threadv1.SentFile{}
		if protojson.Unmarshal(v.Sent, u.Sent) != nil {
			return Upload{}, false
		}
	}
	return u, true
}
