package provision

import (
	"hash/fnv"
	"time"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
)

const (
	often  = 30 * time.Second
	seldom = time.Hour
)

// Due is when Meta should be asked of a page again, in ms since 1970 UTC; what
// is past is due now.
//
// At once when there is no answer about this set-up, ingress saw something new of
// it, outbound heard something new of its token, or somebody removed the app,
// for it may be whom the token is of. Every 30 s while Meta is silent, and for an hour after the set-up
// changed while something is awaited: administrators are at work then, and
// longer it would use up the calls that Meta grants the page. Else every hour,
// each page at a minute of its own.
func Due(s Setup, seen Seen, r *provisionv1.Record, nowMS int64) int64 {
	checked := r.GetCheckedMs()
	status := Judge(s, seen, r, nowMS)
	awaited := status.GetState() == adminv1.PageState_PAGE_STATE_VERIFYING && nowMS-s.ChangedMs < seldom.Milliseconds()
	switch {
	case r.GetBasis() != s.Basis || checked == 0:
		return nowMS
	case between(checked, seen.Callback.GetAtMs(), nowMS) || between(checked, seen.Events.GetFirstMs(), nowMS) || between(checked, seen.Deauthorized.GetAtMs(), nowMS):
		return nowMS
	case seen.unheard(s.Basis, r) && !Silent(r):
		return nowMS
	case s.NoSecret == "" && s.NoToken == "" && (Silent(r) || awaited):
		return checked + often.Milliseconds()
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(s.Page))
	hour := seldom.Milliseconds()
	next := checked - checked%hour + int64(h.Sum32())%hour
	if next <= checked {
		next += hour
	}
	return next
}

// between leaves out what lies ahead, by the clock of another machine.
func between(after, at, nowMS int64) bool { return after < at && at <= nowMS }
