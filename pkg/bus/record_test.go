package bus

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/thread"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// Whatever stands on a subject of ours is refused, or is of the thread that
// the subject names and can be gone on from.
func FuzzDecode(f *testing.F) {
	t := subject.Thread{Page: "1020304050607080", PSID: "7409218844331520"}
	said := thread.Of(&threadv1.MessageReceived{Mid: "m_1", Text: "Здравейте"})
	commit, err := thread.Extend(thread.New(t.Page, t.PSID), 0, time.UnixMilli(1), "intake", said)
	if err != nil {
		f.Fatal(err)
	}
	for _, m := range []proto.Message{commit, &inboundv1.Event{Page: t.Page, Psid: t.PSID, Raw: []byte(`{}`)}} {
		body, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(subject.Log(t, 16), body)
		f.Add(subject.Inbound(t, 16), body[:len(body)/2])
	}
	f.Add("thread.0", []byte(nil))
	f.Add("thread.0.1.2", []byte("\x12\x00"))
	f.Fuzz(func(t *testing.T, on string, body []byte) {
		m := stored{subject: on, seq: 7, data: body}
		if r, err := decodeEvent(m, 16); err == nil && (r.Event.GetPage() != r.Thread.Page || r.Event.GetPsid() != r.Thread.PSID) {
			t.Fatalf("the event of %v was read as one of %+v", r.Event, r.Thread)
		}
		r, err := decodeCommit(m, 16)
		if err != nil {
			return
		}
		if s := r.Commit.GetState(); s.GetPage() != r.Thread.Page || s.GetPsid() != r.Thread.PSID {
			t.Fatalf("the state of %s/%s was read as one of %+v", s.GetPage(), s.GetPsid(), r.Thread)
		}
		next, err := thread.Extend(r.Commit.GetState(), r.Revision, time.UnixMilli(2), "fuzz", r.Commit.GetFacts()...)
		if err != nil {
			return
		}
		if _, err := proto.Marshal(next); err != nil {
			t.Fatalf("what follows cannot be stored: %v", err)
		}
	})
}
