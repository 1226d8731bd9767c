package provision_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	"github.com/parley-desk/parley/services/admin/internal/provision"
)

func TestThresholds(t *testing.T) {
	for end, want := range map[int64]int{
		0: 0, now - day: 1, now: 1, now + day - 1: 1, now + day: 1, now + day + 1: 7, now + 7*day: 7, now + 7*day + 1: 14,
		now + 14*day: 14, now + 14*day + 1: 0,
	} {
		if got := provision.Threshold(end, now); got != want {
			t.Errorf("an end in %d ms is within %d days, want %d", end-now, got, want)
		}
	}
}

// However often Meta is asked while time goes by, each threshold of each end is
// told once, the widest first.
func TestEachThresholdIsToldOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := running()
		h.answers.Token.EndsMs, h.answers.Token.DataEndsMs = now+30*day, now+rapid.Int64Range(20, 40).Draw(t, "data")*day
		r := provision.Take(nil, h.setup.Basis, nil, h.answers, now)
		var token, data []int
		for at := now; at < now+41*day; at += rapid.Int64Range(1, day).Draw(t, "step") {
			answers := h.answers
			if rapid.Bool().Draw(t, "away") {
				answers = provision.Answers{}
			}
			next := provision.Take(r, h.setup.Basis, nil, answers, at)
			for _, w := range provision.Warnings(r, next) {
				if w.Data {
					data = append(data, w.Days)
				} else {
					token = append(token, w.Days)
				}
			}
			r = next
		}
		if !slices.Equal(token, provision.Thresholds()) || !slices.Equal(data, provision.Thresholds()) {
			t.Fatalf("told %v of the token and %v of its data, want %v of each", token, data, provision.Thresholds())
		}
	})
}

func TestTheEarlierEndIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		ends, data int64
		says       string
	}{
		"the token first":     {now + day, now + 10*day, "the token ends within 1 day,"},
		"data first":          {now + 10*day, now + day, "access to data ends within 1 day,"},
		"data over":           {0, now - 1, "access to data has ended"},
		"data over right now": {0, now, "access to data has ended"},
		"at the threshold":    {now + 14*day, 0, "within 14 days"},
		"before it":           {now + 14*day + 1, 0, "good until"},
		"both far":            {now + 40*day, now + 50*day, "; its access to data ends on"},
	} {
		h := running()
		h.answers.Token.EndsMs, h.answers.Token.DataEndsMs = c.ends, c.data
		got := h.judge()
		if found := got.GetChecks()[2].GetFound(); !strings.Contains(found, c.says) {
			t.Errorf("%s: found %q, want %q", name, found, c.says)
		}
		if got.GetTokenEndsMs() != c.ends || got.GetDataEndsMs() != c.data {
			t.Errorf("%s: shows %d and %d", name, got.GetTokenEndsMs(), got.GetDataEndsMs())
		}
	}
}

// A dead token disconnects by its numbers alone, and each cause says what to do.
func TestWhatBringsADeadTokenBack(t *testing.T) {
	for subcode, remedy := range map[int]string{
		0: "make a new page token", 458: "add the app again", 459: "sign in at facebook.com and pass", 460: "sign in; then make a new page token",
		463: "long-lived", 464: "confirm it", 467: "make a new page token", 490: "sign in at facebook.com", 492: "role again",
	} {
		for way, spoil := range map[string]func(*house){
			"asked about it": func(h *house) {
				h.answers.Token.Valid, h.answers.Token.Code, h.answers.Token.Subcode = false, 190, int32(subcode)
			},
			"asked with it": func(h *house) {
				h.answers.Subscription = provision.Answer{Definite: true, Code: 190, Subcode: subcode}
			},
		} {
			h := running()
			spoil(&h)
			got := h.judge()
			if c := got.GetChecks()[2]; word(got.GetState()) != "DISCONNECTED" || !strings.Contains(c.GetRemedy(), remedy) {
				t.Errorf("190/%d, %s: %s, do %q, want %q", subcode, way, word(got.GetState()), c.GetRemedy(), remedy)
			}
		}
	}
}

// What may become a page's token: only what would not stop the page.
func TestACandidate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := draw(t, "")
		c := provision.Candidate(h.setup, h.answers, now)
		in := h.answers.Token
		ours := in.GetValid() && in.GetType() == "PAGE" && in.GetAppId() == "4242" && in.GetPageId() == "102030"
		if c.GetVerdict() == adminv1.Verdict_VERDICT_PASSED && (!ours || !h.answers.DebugToken.Definite || h.answers.DebugToken.Code != 0) {
			t.Fatalf("taken: %v after %v", in, h.answers.DebugToken)
		}
		if c.GetVerdict() != adminv1.Verdict_VERDICT_PASSED && (c.GetFound() == "" || c.GetRemedy() == "") {
			t.Fatalf("refused without a reason: %v", c)
		}
	})
}
