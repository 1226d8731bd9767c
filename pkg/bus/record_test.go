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
func FuzzDecodeCommit(f *testing.F) {
	t := subject.Thread{Page: "1020304050607080", PSID: "7409218844331520"}
	said := thread.Of(&threadv1.MessageReceived{Mid: "m_1", Text: "Здравейте"})
	commit, err := thread.Extend(thread.New(t.Page, t.PSID), 0, time.UnixMilli(1), "intake", said)
	if err != nil {
		f.Fatal(err)
	}
	body, err := proto.Marshal(commit)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(subject.Log(t, 16), body)
	f.Add(subject.Log(t, 16), body[:len(body)/2])
	f.Add("thread.0", []byte(nil))
	f.Add("thread.0.1.2", []byte("\x12\x00"))
	f.Fuzz(func(t *testing.T, on string, body []byte) {
		r, err := decodeCommit(stored{subject: on, seq: 7, data: body}, 16)
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

// Whatever stands on the subject of a partition, each of its parts is refused
// or is an event of that partition, in the lane of its thread; and what a bus
// has put together comes apart as it was.
func FuzzUnbundle(f *testing.F) {
	event := func(psid, raw string) *inboundv1.Event {
		return &inboundv1.Event{Page: "1020304050607080", Psid: psid, Raw: []byte(raw), Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
	}
	whole, err := proto.Marshal(&inboundv1.Bundle{Events: []*inboundv1.Event{event("1", "{}"), event("", ""), event("2", "x")}})
	if err != nil {
		f.Fatal(err)
	}
	for _, body := range [][]byte{nil, whole, whole[:len(whole)/2], append(whole[:len(whole):len(whole)], 0xff), []byte("\x0a\x02\x08\x01"), []byte("\x12\x00"), []byte("\x0a\x02\xff\xff")} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		const partition, partitions = 3, 16
		record := stored{subject: subject.Inbound(partition), seq: 7, data: body}
		parts := unbundle(record)
		if len(parts) == 0 {
			t.Fatal("the record has no part: nothing would be done about it")
		}
		var again []byte
		for i, p := range parts {
			if p.part != i || p.seq != 7 {
				t.Fatalf("part %d says it is %d of %d", i, p.part, p.seq)
			}
			if one := unbundleOne(record, i); one.subject != p.subject || !proto.Equal(one.event, p.event) {
				t.Fatalf("part %d alone is %+v, among the others %+v", i, one, p)
			}
			if p.event == nil {
				continue
			}
			if want := subject.Inbound(partition) + "." + threadOf(p.event).Key(); p.subject != want {
				t.Fatalf("in lane %s, want %s", p.subject, want)
			}
			r, err := decodeEvent(p, partition, partitions)
			if (err == nil) != (threadOf(p.event).Partition(partitions) == partition) || err == nil && r.Thread != threadOf(p.event) {
				t.Fatalf("the event of %v was read as %+v, %v", p.event, r, err)
			}
			if again, err = appendEvent(again, p.event); err != nil {
				t.Fatal(err)
			}
		}
		var want, got inboundv1.Bundle
		if again != nil && proto.Unmarshal(body, &want) == nil && len(want.Events) == len(parts) {
			if err := proto.Unmarshal(again, &got); err != nil || !proto.Equal(&want, &got) {
				t.Fatalf("%v went in, %v came out, %v", &want, &got, err)
			}
		}
	})
}
