package thread

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// longMID is how many bytes of a mid stand in a key as they are. Meta's have
// about a hundred, and every commit carries the keys of the last 128 events, so
// longer ones are hashed.
const longMID = 32

// Key is the event key of a kind of event, told by its prefix, about the
// message mid. It is short however long the mid is, and empty without one.
func Key(prefix, mid, suffix string) string {
	switch {
	case mid == "":
		return ""
	case len(mid) > longMID:
		sum := sha256.Sum256([]byte(mid))
		mid = "#" + base64.RawURLEncoding.EncodeToString(sum[:16])
	}
	return prefix + mid + suffix
}

// MessageKey is the key under which the customer's message mid is filed.
func MessageKey(mid string) string { return Key("m:", mid, "") }

// PostbackKey is the key under which the pressed button mid is filed.
func PostbackKey(mid string) string { return Key("p:", mid, "") }

// RecoveredKey is the key under which mid is filed when it is the customer's and
// was read from the Conversations API, which does not tell buttons from messages.
func RecoveredKey(mid string) string { return Key("c:", mid, "") }

// EchoKey is the key under which the echo of mid is filed, ours or another's.
func EchoKey(mid string) string { return Key("e:", mid, "") }

// sentKey stands for a message of ours whose echo has yet to come.
func sentKey(mid string) string { return Key("s:", mid, "") }

// Sent tells whether mid is a message of ours that was sent recently and whose
// echo has yet to come: an echo of it that lost its metadata is ours all the
// same.
func Sent(s *threadv1.State, mid string) bool { return Seen(s, sentKey(mid)) }

// Known tells whether the message mid, of either side, is in the thread's recent
// past, whatever brought it: Meta names a message by one id wherever it shows it.
func Known(s *threadv1.State, mid string) bool {
	return Seen(s, MessageKey(mid)) || Seen(s, PostbackKey(mid)) || Seen(s, RecoveredKey(mid)) || Seen(s, EchoKey(mid)) || Sent(s, mid)
}

// Seen tells whether an event with this key is already in the thread's recent
// past.
func Seen(s *threadv1.State, key string) bool {
	return key != "" && slices.Contains(s.GetRecent(), key)
}

// MessageID is the id of a message that nobody wrote, out of what occasions it:
// whoever decides to send it, however often, it is one message. A UUID of version 8.
func MessageID(occasion string) string {
	b := sha256.Sum256([]byte(occasion))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
