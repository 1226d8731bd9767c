package classification_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/erasure"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// TestWhatMetaRepeatsOfBeforeAnErasureIsNotFiled: a message and an echo of before come
// once more. Nobody comes back by them, their records are ordered to go, and what the
// customer writes after is of a new one.
func TestWhatMetaRepeatsOfBeforeAnErasureIsNotFiled(t *testing.T) {
	h := start(t)
	h.set(t, h.furnish(t)...)
	h.stop()
	book := &erasure.Book{Bucket: h.bus.Bucket(subject.PrivacyBucket), Box: h.box}
	closed := time.Now().Add(-time.Minute)
	if err := book.Keep(t.Context(), &privacyv1.Erasure{Id: "done", ClosedMs: closed.UnixMilli(), Fingerprints: []string{book.OfThread(customer)}}); err != nil {
		t.Fatal(err)
	}
	defer h.run(t)()
	h.set(t, h.furnish(t)...)
	before, now := closed.Add(-time.Second).UnixMilli(), time.Now().UnixMilli()
	h.store(t, fmt.Sprintf(`{"sender":{"id":%q},"recipient":{"id":%q},"timestamp":%d,"message":{"mid":"old","text":"old"}}`, psid, shop, before), now)
	h.store(t, fmt.Sprintf(`{"sender":{"id":%q},"recipient":{"id":%q},"timestamp":%d,"message":{"mid":"echo","is_echo":true,"app_id":1,"text":"old"}}`, shop, psid, before), now)
	h.say(t, "new")
	s := h.await(t, "the new message", func(s *threadv1.State) bool { return s.GetUnanswered() == 1 })
	if got := h.facts(t); got["message_received"] != 1 || got["external_message_sent"] != 0 || s.GetConversations() != 1 {
		t.Errorf("filed are %v in %v", got, s)
	}
	page, err := book.Read(t.Context())
	if err != nil || len(page.Open) != 2 {
		t.Fatalf("ordered are %v: %v", page.Open, err)
	}
	for _, e := range page.Open {
		if to := e.GetThreads()[0]; !to.GetPart() || to.GetRevision() != erasure.Nothing || to.GetInbound() == 0 || e.GetBeforeMs() != closed.UnixMilli() {
			t.Errorf("ordered is %v", e)
		}
	}
}
