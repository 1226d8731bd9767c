package intake

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"strconv"

	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// key is what Meta's repetition of the event has in common with it. It is
// looked up in the thread, so that page and customer are part of it: one mid on
// two pages is two messages. Marks need none, they only rise.
func (in Input) key(what any) string {
	switch f := what.(type) {
	case *threadv1.MessageReceived:
		if in.recovered() {
			return in.byMessage(thread.RecoveredKey(f.GetMid()))
		}
		return in.byMessage(thread.MessageKey(f.GetMid()))
	case *threadv1.ExternalMessageSent:
		return in.byMessage(thread.EchoKey(f.GetMid()))
	case *threadv1.SendSucceeded:
		return "" // an open part succeeds once
	case *threadv1.SendEchoed:
		return in.byMessage(thread.EchoKey(f.GetMid()))
	case *threadv1.PostbackReceived:
		return in.byMessage(thread.PostbackKey(f.GetMid()))
	case *threadv1.MessageUnsent:
		return in.byMID("u:", f.GetMid(), "")
	case *threadv1.MessageEdited:
		n := int64(f.GetEdit())
		if n == 0 {
			n = in.Item.SentMS
		}
		return in.byMID("d:", f.GetMid(), ":"+strconv.FormatInt(n, 10))
	case *threadv1.ReactionChanged:
		action := ":set:"
		if f.GetRemoved() {
			action = ":removed:"
		}
		return in.byMID("r:", f.GetMid(), action+strconv.FormatInt(in.Item.SentMS, 10))
	case *threadv1.ReadReported:
		return ""
	case *threadv1.DeliveryReported:
		if f.GetWatermarkMs() > 0 {
			return ""
		}
	}
	return in.byContent()
}

func (in Input) byMID(prefix, mid, suffix string) string {
	if mid == "" {
		return in.byContent()
	}
	return thread.Key(prefix, mid, suffix)
}

// byMessage is key, but for a message without an id.
func (in Input) byMessage(key string) string {
	if key == "" {
		return in.byContent()
	}
	return key
}

// byContent names an event without an id by everything it says.
func (in Input) byContent() string {
	hash := sha256.New()
	for _, part := range []string{in.Event.GetPage(), in.Event.GetPsid(), in.Item.Name, strconv.FormatInt(in.Item.SentMS, 10)} {
		_, _ = io.WriteString(hash, strconv.Quote(part))
	}
	_, _ = hash.Write(canonicalJSON(in.Event.GetRaw()))
	return "h:" + base64.RawURLEncoding.EncodeToString(hash.Sum(nil)[:16])
}

// canonicalJSON writes JSON without white space and with keys in order, so that two
// writings of one event are the same; what is not JSON stays as it is.
func canonicalJSON(raw []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil || decoder.More() {
		return raw
	}
	out, err := json.Marshal(value)
	if err != nil {
		return raw
	}
	return out
}
