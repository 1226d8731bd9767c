package ledger_test

import (
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/fault"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/ingress/internal/ledger"
)

func TestRequestsAreKeptOnce(t *testing.T) {
	l := ledger.New(bustest.Open(t).Bucket(subject.PrivacyBucket))
	deletion := &privacyv1.Request{Kind: privacyv1.Kind_KIND_DELETION, Account: "demo", User: "1", State: privacyv1.State_STATE_RECEIVED}
	keep := func(r *privacyv1.Request, payload string) string {
		t.Helper()
		code, err := l.Keep(t.Context(), r, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		found, err := l.Find(t.Context(), code)
		if err != nil || found.GetCode() != code || found.GetKind() != r.GetKind() || found.GetUser() != "1" {
			t.Fatalf("kept as %v, %v", found, err)
		}
		return code
	}
	first := keep(deletion, "a")
	if again := keep(deletion, "a"); again != first {
		t.Errorf("the same request again has code %s, not %s", again, first)
	}
	gone := &privacyv1.Request{Kind: privacyv1.Kind_KIND_DEAUTHORIZATION, Account: "demo", User: "1"}
	if keep(deletion, "b") == first || keep(gone, "a") == first {
		t.Error("another request has the same code")
	}
}

func TestWhatIsNoCodeIsNotFound(t *testing.T) {
	l := ledger.New(bustest.Open(t).Bucket(subject.PrivacyBucket))
	for _, code := range []string{"", "x", strings.Repeat("A", 26), strings.Repeat("A", 27), strings.Repeat("*", 26), "../" + strings.Repeat("A", 23), strings.Repeat("a", 26)} {
		if _, err := l.Find(t.Context(), code); !fault.Is(err, fault.NotFound) {
			t.Errorf("%q: %v", code, err)
		}
	}
}
