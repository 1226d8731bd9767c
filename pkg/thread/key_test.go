package thread_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Every commit carries the whole state, so no number of events and no length
// of an id may make it large.
func TestAStateStaysSmall(t *testing.T) {
	const most = 8 << 10
	for name, length := range map[string]int{"short": 8, "like Meta's": 110, "endless": 500_000} {
		t.Run(name, func(t *testing.T) {
			s := talk(t, active)
			events := 400
			if length > 1000 {
				events = 20
			}
			for i := range events {
				mid := func(kind string) string { return fmt.Sprint(kind, i) + strings.Repeat("x", length) }
				written, elsewhere := thread.Of(&threadv1.MessageReceived{Mid: mid("m"), SentMs: 1}), thread.Of(&threadv1.ExternalMessageSent{Mid: mid("x"), SentMs: 1})
				written.EventKey, elsewhere.EventKey = thread.Key("m:", mid("m"), ""), thread.EchoKey(mid("x"))
				id := fmt.Sprintf("0190b2a4-0000-7000-8000-%012d", i)
				for _, f := range []*threadv1.Fact{written, elsewhere,
					thread.Of(&threadv1.SendRequested{Id: id, ClientId: id, Agent: "mila", Parts: []string{"a", "b"}}),
					thread.Of(&threadv1.SendAttempted{Id: id, Attempt: 1}),
					thread.Of(&threadv1.SendSucceeded{Id: id, Mid: mid("a"), Proof: "answer"}),
					thread.Of(&threadv1.SendRefused{Id: id, Part: 1, Reason: "X"}),
				} {
					if err := thread.Apply(s, 1, time.UnixMilli(3000), f); err != nil {
						t.Fatal(err)
					}
					if size := proto.Size(s); size > most {
						t.Fatalf("%d bytes after %d events", size, i)
					}
				}
			}
		})
	}
}

func TestKeysOfDifferentMidsDiffer(t *testing.T) {
	long := strings.Repeat("x", 200)
	keys := map[string]bool{}
	for _, key := range []string{thread.EchoKey("1"), thread.EchoKey("2"), thread.EchoKey(long + "1"), thread.EchoKey(long + "2"),
		thread.Key("m:", "1", ""), thread.Key("m:", "1", ":set")} {
		if key == "" || keys[key] {
			t.Errorf("key %q is empty or taken", key)
		}
		keys[key] = true
	}
	if thread.EchoKey("") != "" {
		t.Error("no mid has a key")
	}
}
