package provision_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/parley-desk/parley/pkg/fault"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/sandbox"
)

// journal is what the sandbox did, by kind, and how often a webhook was not
// answered 200.
func (h *house) journal() (kinds map[string]int, refused int) {
	h.t.Helper()
	resp, err := http.Get(h.meta + "/sandbox/journal")
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	kinds = map[string]int{}
	for rec, err := range sandbox.ReadJournal(resp.Body) {
		if err != nil {
			h.t.Fatal(err)
		}
		kinds[string(rec.Kind)]++
		if rec.Post != nil && rec.Post.Status != http.StatusOK {
			refused++
		}
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return kinds, refused
}

// signatures counts the webhooks that ingress took, by the secret that signed
// them.
func (h *house) signatures(secret string) (n int) {
	h.t.Helper()
	families, err := h.hooks.Gather()
	if err != nil {
		h.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "parley_ingress_signatures_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "secret" && l.GetValue() == secret {
					n += int(m.GetCounter().GetValue())
				}
			}
		}
	}
	return n
}

// load has customers write all the time, each once, until it is ended; then it
// says how many did.
func (h *house) load() (end func() int) {
	stop, done, wrote := make(chan struct{}), make(chan struct{}), 0
	go func() {
		defer close(done)
		for ; ; wrote++ {
			select {
			case <-stop:
				return
			default:
			}
			resp, err := http.Post(fmt.Sprintf("%s/sandbox/customers/%s/9000%08d/messages", h.meta, pageID, wrote), "application/json",
				strings.NewReader(`{"name":"Иван","text":"hello"}`))
			if err != nil {
				h.t.Errorf("a customer cannot write: %v", err)
				return
			}
			_ = resp.Body.Close()
		}
	}()
	end = sync.OnceValue(func() int { close(stop); <-done; return wrote })
	h.t.Cleanup(func() { end() })
	return end
}

// SI3: while the app secret is rotated no honest webhook is refused, whichever
// secret signed it, and the old one is dropped only when it is not used.
func TestRotatingTheAppSecretRefusesNothing(t *testing.T) {
	const next = "app-secret-of-tomorrow-0123"
	h := open(t, func(c *sandbox.Config) { c.Subscribed, c.Batch = true, 1 })
	end := h.load()
	await(t, func() bool { return h.signatures("current") > 20 })
	account, err := h.config.RotateAppSecret(t.Context(), &adminv1.RotateAppSecretRequest{Account: "demo", AppSecret: value(next)})
	if err != nil || account.GetPreviousSecret().GetFingerprint() == "" {
		t.Fatalf("rotated to %v, %v", account, err)
	}
	await(t, func() bool { return h.signatures("previous") > 20 }) // Meta does not know yet
	_, err = h.config.RetireAppSecret(t.Context(), &adminv1.RetireAppSecretRequest{Account: "demo"})
	if status.Code(err) != codes.FailedPrecondition {
		t.Errorf("retired while Meta signs with it: %v", err)
	}
	before := h.signatures("current")
	h.at("POST", "/sandbox/secret", map[string]string{"value": next})
	await(t, func() bool { return h.signatures("current") > before+20 })
	wrote := end()
	await(t, func() bool { return h.signatures("current")+h.signatures("previous") >= wrote })
	if _, refused := h.journal(); refused != 0 || h.signatures("wrong")+h.signatures("missing") != 0 {
		t.Errorf("%d webhooks were refused, %d of them as unsigned", refused, h.signatures("wrong")+h.signatures("missing"))
	}

	await(t, func() bool { // what ingress saw is written down within a moment
		_, err = h.config.RetireAppSecret(t.Context(), &adminv1.RetireAppSecretRequest{Account: "demo"})
		return reason(err) == "SECRET_IN_USE" && strings.Contains(err.Error(), "a webhook was signed with it at ")
	})
	account, err = h.config.RetireAppSecret(t.Context(), &adminv1.RetireAppSecretRequest{Account: "demo", Force: true})
	if err != nil || account.GetPreviousSecret() != nil {
		t.Fatalf("retired by force: %v, %v", account, err)
	}
	h.at("POST", "/sandbox/secret", map[string]string{"value": appSecret}) // a stranger with the old secret
	h.writes("hello")
	await(t, func() bool { return h.signatures("wrong") > 0 })
}

// A page that is deleted sends nothing any more, whatever became of its token.
func TestADeletedPageIsSilent(t *testing.T) {
	for name, spoil := range map[string]func(*house){
		"with its token": func(*house) {},
		"its token dead": func(h *house) { h.describe(map[string]any{"value": token, "dead": true, "subcode": 460}) },
		"its token another": func(h *house) {
			h.token("another-token-of-this-page")
			h.describe(map[string]any{"value": "another-token-of-this-page", "page": "99"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, func(c *sandbox.Config) { c.Subscribed = true })
			h.writes("hello")
			await(t, func() bool { return h.signatures("current") == 1 })
			spoil(h)
			h.detach()
			if _, err := h.config.DeletePage(t.Context(), &adminv1.DeletePageRequest{Id: "shop"}); err != nil {
				t.Fatal(err)
			}
			if kinds, _ := h.journal(); kinds["page_unsubscribed"] != 1 {
				t.Errorf("Meta knows nothing of it: %v", kinds)
			}
			if _, err := h.config.DeleteChannelAccount(t.Context(), &adminv1.DeleteChannelAccountRequest{Id: "demo"}); err != nil {
				t.Error(err)
			}
			h.writes("is somebody there?")
			if kinds, _ := h.journal(); kinds["customer_wrote"] != 2 || kinds["webhook_sent"] != 1 {
				t.Errorf("after the page was deleted: %v", kinds)
			}
			// Who adds it again sets it up again.
			h.describe(map[string]any{"value": token})
			h.page.Workstream, h.page.AccessToken = "facebook", value(token)
			await(t, func() bool { // what was seen of it is forgotten
				_, events := h.bus.Bucket(subject.ProvisionBucket).Get(t.Context(), subject.EventsKey(pageID))
				_, signed := h.bus.Bucket(subject.ProvisionBucket).Get(t.Context(), subject.SignatureKey("demo"))
				return fault.Is(events, fault.NotFound) && fault.Is(signed, fault.NotFound)
			})
			if _, err := h.config.Apply(t.Context(), &adminv1.ApplyRequest{Resources: []*adminv1.Resource{
				{Kind: &adminv1.Resource_ChannelAccount{ChannelAccount: h.account}}, {Kind: &adminv1.Resource_Page{Page: h.page}}}}); err != nil {
				t.Fatal(err)
			}
			s := h.becomes(failed)
			h.check(s, "subscription", no)
			h.check(s, "events", waiting)
			h.connect()
		})
	}
}

// When Meta does not answer, or does not know the app, the page stays; who
// insists deletes it all the same.
func TestAPageStaysUntilMetaKnows(t *testing.T) {
	h := open(t, func(c *sandbox.Config) { c.Subscribed = true })
	h.detach()
	remove := func(force bool) error {
		_, err := h.config.DeletePage(t.Context(), &adminv1.DeletePageRequest{Id: "shop", Force: force})
		return err
	}
	away := func(do string) {
		h.at("POST", "/sandbox/script", map[string]any{"rules": []map[string]any{{"match": map[string]string{"call": "unsubscribe"}, "do": do, "code": 2}}})
	}
	away("server_error")
	if err := remove(false); reason(err) != "GRAPH_AWAY" || status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "delete it with force") {
		t.Errorf("Meta is away: %v", err)
	}
	h.at("POST", "/sandbox/script", map[string]any{"rules": []any{}})
	h.secret("not-the-secret-of-the-app")
	if err := remove(false); reason(err) != "UNSUBSCRIBE_REFUSED" || status.Code(err) != codes.FailedPrecondition {
		t.Errorf("Meta does not know the app: %v", err)
	}
	if _, err := h.config.GetPage(t.Context(), &adminv1.GetPageRequest{Id: "shop"}); err != nil {
		t.Fatalf("the page is gone: %v", err)
	}
	if err := remove(true); err != nil {
		t.Errorf("by force: %v", err)
	}
}

// S19 to S21: the verify token that was made here and is entered at Meta
// verifies the callback; another does not.
func TestTheTokenThatWasMadeVerifiesTheCallback(t *testing.T) {
	h := open(t, func(*sandbox.Config) {})
	h.account.VerifyToken = nil
	h.account.Meta, h.account.AppId = meta("fresh"), "77"
	if _, err := h.config.CreateChannelAccount(t.Context(), &adminv1.CreateChannelAccountRequest{ChannelAccount: h.account}); err != nil {
		t.Fatal(err)
	}
	told, err := h.pages.RevealVerifyToken(t.Context(), &adminv1.RevealVerifyTokenRequest{Account: "fresh"})
	if err != nil {
		t.Fatal(err)
	}
	enter := func(token string) int {
		resp, err := http.Get(strings.Replace(h.hook, "/demo", "/fresh", 1) + "?hub.mode=subscribe&hub.challenge=123&hub.verify_token=" + token)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		return resp.StatusCode
	}
	if got := enter(told.GetVerifyToken()); got != http.StatusOK {
		t.Errorf("the token that was made: %d", got)
	}
	if got := enter(verify); got != http.StatusForbidden {
		t.Errorf("the token of another account: %d", got)
	}
}
