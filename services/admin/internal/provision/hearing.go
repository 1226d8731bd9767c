package provision

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
)

// joinedMS is how soon after it could hear again a page that cannot is taken not
// to have heard in between either.
const joinedMS = int64(time.Hour / time.Millisecond)

// hear gives what is known of whether the messages of a page come, after the
// answers of nowMS were taken into r. They do not while the page does not send
// them to the app, nor while the app's secret is not the one we check with. A
// token that is dead says nothing of it: webhooks go on.
func hear(r *provisionv1.Record, of string, nowMS int64) *provisionv1.Hearing {
	h := &provisionv1.Hearing{Of: of}
	if r.GetHearing().GetOf() == of {
		h = proto.CloneOf(r.GetHearing())
	}
	app, sub := r.GetApp(), r.GetSubscription().GetAnswered()
	unknown := app.GetAtMs() == nowMS && app.GetCode() != 0
	told := sub.GetAtMs() == nowMS && sub.GetCode() == 0
	comes := told && app.GetCode() == 0 && slices.Contains(r.GetSubscription().GetFields(), messages)
	deaf := h.GetLostMs() > 0 && h.GetFoundMs() == 0
	switch {
	case comes && deaf:
		h.GoodMs, h.FoundMs = nowMS, nowMS
	case comes:
		h.GoodMs = nowMS
	case !unknown && !told, deaf, h.GetGoodMs() == 0:
	default:
		if h.GetLostMs() == 0 || nowMS-h.GetFoundMs() > joinedMS {
			h.LostMs = h.GetGoodMs()
		}
		h.FoundMs = 0
	}
	return h
}
