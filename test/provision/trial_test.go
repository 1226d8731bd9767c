package provision_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	"github.com/parley-desk/parley/services/sandbox"
)

func (h *house) try(page string) (*adminv1.TestPageResponse, error) {
	return h.pages.TestPage(h.t.Context(), &adminv1.TestPageRequest{Page: page})
}

// A test goes the whole way, and is not taken for something of Meta's.
func TestThePathOfAWebhookIsTested(t *testing.T) {
	h := openAt(t, func(hook string) string { return hook }, func(*sandbox.Config) {})
	h.classify()
	for range 2 {
		resp, err := h.try("shop")
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range []string{"reach", "signature", "house"} {
			if c := resp.GetSteps()[i]; c.GetName() != name || c.GetVerdict() != yes {
				t.Errorf("step %d: %v", i, c)
			}
		}
	}
	s, err := h.pages.GetPageStatus(t.Context(), &adminv1.GetPageStatusRequest{Page: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	h.check(s, "callback", waiting)
	h.check(s, "events", waiting)
	if _, err := h.try("gone"); status.Code(err) != codes.NotFound {
		t.Errorf("a page that is not there: %v", err)
	}
}

func TestWhereThePathOfAWebhookEnds(t *testing.T) {
	for name, c := range map[string]struct{ url, says string }{
		"not set":   {"", "admin.webhook_url"},
		"nobody":    {"http://127.0.0.1:0", "cannot be reached"},
		"elsewhere": {"sandbox", "answers 4"},
	} {
		t.Run(name, func(t *testing.T) {
			h := openAt(t, func(hook string) string {
				if c.url == "sandbox" {
					return hook + "/somewhere/else"
				}
				return c.url
			}, func(*sandbox.Config) {})
			resp, err := h.try("shop")
			if err != nil {
				t.Fatal(err)
			}
			first, last := resp.GetSteps()[0], resp.GetSteps()[2]
			if first.GetVerdict() != no || !strings.Contains(first.GetFound(), c.says) || first.GetRemedy() == "" || last.GetVerdict() != adminv1.Verdict_VERDICT_UNKNOWN {
				t.Errorf("the steps are %v", resp.GetSteps())
			}
		})
	}
}
