package corpus_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/parley-desk/parley/cli"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/settings"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/gen/parley/desk/v1/deskv1connect"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/all"
)

const appSecret = "corpus-app-secret-0123456789abcdef"

// customer is whose thread it is.
type customer struct{ page, psid string }

// house runs every stage in this process, with a Meta that knows nobody.
type house struct {
	mu        sync.Mutex
	addresses map[string]string
	server    string
	operate   adminv1.OperateServiceClient
	desk      deskv1connect.DeskServiceClient
}

func start(t *testing.T) *house {
	t.Helper()
	meta := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/debug_token") { // it tells nothing of tokens, and so refuses none
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":{"message":"unknown","type":"GraphMethodException","code":100,"error_subcode":33}}`)
	}))
	t.Cleanup(meta.Close)
	dir := t.TempDir()
	socket := filepath.Join(dir, "admin.sock")
	h := &house{addresses: map[string]string{}, server: "unix://" + socket}
	p := host.Process{Name: "parley", Out: io.Discard}
	sections := []settings.Section{{Target: &p.Config}}
	for _, s := range all.Stages() {
		if s.Name == "sandbox" {
			continue
		}
		p.Stages = append(p.Stages, s)
		sections = append(sections, settings.Section{Name: s.Name, Target: s.Config})
	}
	set, err := settings.Define(sections...)
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"PARLEY_DATA_DIR": dir, "PARLEY_ADMIN_SOCKET": socket, "PARLEY_GRAPH_URL": meta.URL,
		"PARLEY_INGRESS_LISTEN": "127.0.0.1:0", "PARLEY_DESK_LISTEN": "127.0.0.1:0", "PARLEY_OPS_LISTEN": "127.0.0.1:0"}
	if _, err := set.Load(settings.Source{Lookup: func(k string) (string, bool) { v, ok := env[k]; return v, ok }}); err != nil {
		t.Fatal(err)
	}
	p.Heard = func(setting string, a net.Addr) { h.mu.Lock(); defer h.mu.Unlock(); h.addresses[setting] = a.String() }
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- host.Run(ctx, p) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the house: %v", err)
		}
	})
	await(t, "all listeners", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return len(h.addresses) >= 4 })
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	h.operate = adminv1.NewOperateServiceClient(conn)
	return h
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(3 * time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("never: %s", what)
		}
	}
}

// connect brings in one agent who can take everybody, and every id of the
// bodies as a page, since any of them may be one; and has the agent sign in.
func (h *house) connect(t *testing.T, bodies []body) {
	t.Helper()
	var manifest strings.Builder
	add := func(kind, name, spec string) {
		fmt.Fprintf(&manifest, "---\napiVersion: parley.dev/v1\nkind: %s\nmetadata: {name: %s}\nspec: {%s}\n", kind, name, spec)
	}
	add("Agent", "mila", "capacity: 10000, roles: [agent], password: {value: parley-demo}")
	add("Queue", "front", "agents: [mila]")
	add("Workstream", "facebook", "queue: front, units: 1, offerSeconds: 600")
	add("ChannelAccount", "demo", "appId: 7, appSecret: {value: "+appSecret+"}, verifyToken: {value: demo-verify-token}")
	for _, b := range bodies {
		for _, id := range b.ids {
			add("Page", "p"+id, "pageId: "+id+", account: demo, accessToken: {value: corpus-page-token}, workstream: facebook")
		}
	}
	var words bytes.Buffer
	if code := cli.Main([]string{"apply", "-f", "-", "--server", h.server}, strings.NewReader(manifest.String()), io.Discard, &words); code != 0 {
		t.Fatal(words.String())
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser, url := &http.Client{Jar: jar}, "http://"+h.addresses["desk.listen"]
	door := deskv1connect.NewSessionServiceClient(browser, url)
	await(t, "mila is let in", func() bool {
		_, err := door.SignIn(t.Context(), connect.NewRequest(&deskv1.SignInRequest{Agent: "mila", Password: "parley-demo"}))
		return err == nil
	})
	h.desk = deskv1connect.NewDeskServiceClient(browser, url)
	ctx, leave := context.WithCancel(context.Background())
	stream, err := h.desk.Events(ctx, connect.NewRequest(&deskv1.EventsRequest{Presence: distributionv1.Presence_PRESENCE_AVAILABLE}))
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() { // who holds the stream open is at the desk
		defer close(gone)
		for stream.Receive() {
		}
	}()
	t.Cleanup(func() { leave(); _ = stream.Close(); <-gone })
}

// post sends a signed webhook, which must be taken.
func (h *house) post(t *testing.T, raw []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+h.addresses["ingress.listen"]+"/webhook/demo", bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte(appSecret))
	_, _ = mac.Write(raw)
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s for %.200s", answer.Status, raw)
	}
}

// read has these customers write once more and gives the signs of what the
// agent who takes their conversations finds before that.
func (h *house) read(t *testing.T, people []customer) map[customer][]string {
	t.Helper()
	for _, c := range people {
		h.post(t, fmt.Appendf(nil, `{"object":"page","entry":[{"id":"%[1]s","time":%[3]d,"messaging":[{"sender":{"id":"%[2]s"},"recipient":{"id":"%[1]s"},`+
			`"timestamp":%[3]d,"message":{"mid":"last:%[1]s:%[2]s","text":"?"}}]}]}`, c.page, c.psid, time.Now().UnixMilli()))
	}
	found := map[customer][]string{}
	await(t, "the agent reads every conversation", func() bool {
		conversations, err := h.desk.ListConversations(t.Context(), connect.NewRequest(&deskv1.ListConversationsRequest{}))
		if err != nil {
			t.Fatal(err)
		}
		mine := map[customer]*deskv1.ConversationView{}
		for _, v := range conversations.Msg.GetConversations() {
			mine[customer{v.GetRef().GetPage(), v.GetRef().GetPsid()}] = v
		}
		for _, c := range people {
			view := mine[c]
			switch {
			case found[c] != nil || view == nil:
			case view.GetPhase() == threadv1.Phase_PHASE_ACTIVE:
				found[c] = h.before(t, view.GetRef(), "last:"+c.page+":"+c.psid)
			case view.GetOffer() != nil: // one that was overtaken is made again
				_, _ = h.desk.AcceptOffer(t.Context(), connect.NewRequest(&deskv1.AcceptOfferRequest{Ref: view.GetRef(), Fence: view.GetOffer().GetFence()}))
			}
		}
		return len(found) == len(people)
	})
	return found
}

// before are the signs of what a timeline shows before the message mid; nil
// when it is not there yet.
func (h *house) before(t *testing.T, ref *deskv1.ConversationRef, mid string) []string {
	t.Helper()
	page, err := h.desk.ListTimeline(t.Context(), connect.NewRequest(&deskv1.ListTimelineRequest{Ref: ref, Limit: 200}))
	if err != nil {
		t.Fatal(err)
	}
	signs := []string{}
	for _, item := range page.Msg.GetItems() {
		if item.GetId() == mid {
			return signs
		}
		if s := sign(item); s != "" {
			signs = append(signs, s)
		}
	}
	return nil
}

// metrics is what the house measures of itself.
func (h *house) metrics(t *testing.T) string {
	t.Helper()
	answer, err := http.Get("http://" + h.addresses["ops.listen"] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
