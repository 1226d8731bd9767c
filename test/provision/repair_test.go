package provision_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
	"github.com/parley-desk/parley/pkg/host"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/classification"
	"github.com/parley-desk/parley/services/sandbox"
	"github.com/parley-desk/parley/test/check"
)

// classify runs classification beside the house.
func (h *house) classify() {
	h.t.Helper()
	registry := prometheus.NewRegistry()
	meta, err := graph.New(graph.Config{BaseURL: h.meta + "/graph"}, slog.New(slog.DiscardHandler), registry, noop.NewTracerProvider().Tracer(""))
	if err != nil {
		h.t.Fatal(err)
	}
	s, err := classification.New(classification.Config{ProfileWait: time.Second, RoomWait: time.Second, ProfileAge: time.Hour}, host.Deps{Log: slog.New(slog.DiscardHandler),
		Instance: "test", Bus: h.admin.Bus, Secrets: h.admin.Secrets, Directory: h.admin.Directory, Registry: registry, Graph: meta,
		Tracer: noop.NewTracerProvider().Tracer(""), Health: &host.Health{}, Now: time.Now})
	run(h.t, s, err)
}

// says lets a customer write, a while ago; lost messages have no webhook.
func (h *house) says(psid, text string, ago time.Duration, lost bool) {
	h.t.Helper()
	h.at("POST", "/sandbox/customers/"+pageID+"/"+psid+"/messages",
		map[string]any{"text": text, "name": "Иван Петров", "sent_ms": time.Now().Add(-ago).UnixMilli(), "lost": lost})
}

func (h *house) unsubscribe() {
	h.t.Helper()
	h.at("DELETE", "/graph/v26.0/"+pageID+"/subscribed_apps?access_token="+token+"&appsecret_proof="+proof(), nil)
}

// texts are the customer's messages of a thread in the order of the log, with
// "+" in front of those that were recovered.
func (h *house) texts(psid string) (out []string) {
	h.t.Helper()
	for rec, err := range h.admin.Bus.History(h.t.Context(), subject.Thread{Page: pageID, PSID: psid}, 0) {
		if err != nil {
			h.t.Fatal(err)
		}
		for _, f := range rec.Commit.GetFacts() {
			if m := f.GetMessageReceived(); m != nil && f.GetRecovered() {
				out = append(out, "+"+m.GetText())
			} else if m != nil {
				out = append(out, m.GetText())
			}
		}
	}
	return out
}

// stand waits until the thread has these messages.
func (h *house) stand(psid string, want ...string) {
	h.t.Helper()
	var got []string
	defer func() {
		if h.t.Failed() {
			h.t.Logf("the thread of %s has %q, want %q", psid, got, want)
		}
	}()
	await(h.t, func() bool {
		got = h.texts(psid)
		return strings.Join(got, "|") == strings.Join(want, "|")
	})
}

// ended waits for the end of a repair that began at a time or later.
func (h *house) ended(from time.Time) *adminv1.RepairRun {
	h.t.Helper()
	var last *adminv1.RepairRun
	await(h.t, func() bool {
		r, err := h.pages.GetRepair(h.t.Context(), &adminv1.GetRepairRequest{Page: "shop"})
		last = r.GetLast()
		return err == nil && r.GetRun() == nil && last.GetBeganMs() >= from.UnixMilli()
	})
	return last
}

// compared holds the log against what really happened at Meta.
func (h *house) compared(customers int) {
	h.t.Helper()
	stream, err := adminv1.NewOperateServiceClient(h.admin.Dial(h.t)).ExportTranscript(h.t.Context(), &adminv1.ExportTranscriptRequest{})
	if err != nil {
		h.t.Fatal(err)
	}
	in := check.Input{Default: 100}
	for {
		c, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			h.t.Fatal(err)
		}
		in.Export = append(in.Export, c)
	}
	resp, err := http.Get(h.meta + "/sandbox/journal")
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if in.Journal, err = check.ReadJournal(resp.Body); err != nil {
		h.t.Fatal(err)
	}
	report := check.Compare(in)
	var words bytes.Buffer
	_, _ = report.WriteTo(&words)
	if !report.Clean() || report.Counts["threads"] != customers {
		h.t.Errorf("compared with Meta's journal:\n%s", words.String())
	}
}

// A page loses its subscription, customers write, it is subscribed again:
// everything is filed once, in order, and marked.
func TestMissedMessagesAreFetched(t *testing.T) {
	h := open(t, func(*sandbox.Config) {})
	h.classify()
	h.connect()
	const old = "24681357924681357" // who wrote already
	h.stand(old, "hello")

	h.unsubscribe()
	began := time.Now()
	h.says(old, "are you there?", 0, false)
	h.says(old, "hello??", 0, false)
	for i := range 25 {
		h.says(fmt.Sprint(30000+i), "first", time.Duration(2*i+1)*time.Second, false)
		h.says(fmt.Sprint(30000+i), "second", time.Duration(2*i)*time.Second, false)
	}
	h.stand(old, "hello")
	if _, err := h.pages.SubscribePage(t.Context(), &adminv1.SubscribePageRequest{Page: "shop"}); err != nil {
		t.Fatal(err)
	}
	h.says(old, "good day", 0, false)
	if r := h.ended(began); r.GetWhy() != "subscription" || r.GetShort() != 0 || r.GetTrouble() != "" || r.GetMessages() < 52 {
		t.Errorf("the repair: %v", r)
	}
	for i := range 25 {
		h.stand(fmt.Sprint(30000+i), "+first", "+second")
	}
	await(t, func() bool { return len(h.texts(old)) == 4 })
	h.compared(26)

	state, _, err := h.admin.Bus.Load(t.Context(), subject.Thread{Page: pageID, PSID: "30007"})
	if err != nil || state.GetConversation().GetPhase() != threadv1.Phase_PHASE_OPEN || state.GetUnanswered() != 2 || time.Since(time.UnixMilli(state.GetWindowMs())) > time.Minute {
		t.Errorf("a conversation of a missed message: %v, %v", state, err)
	}
	await(t, func() bool {
		s, _, err := h.admin.Bus.Load(t.Context(), subject.Thread{Page: pageID, PSID: "30007"})
		return err == nil && s.GetConversation().GetQueue() == "front"
	})

	// Asking for it again finds nothing more.
	again := time.Now()
	if _, err := h.pages.RepairPage(t.Context(), &adminv1.RepairPageRequest{Page: pageID, SinceMs: again.Add(-time.Hour).UnixMilli()}); err != nil {
		t.Fatal(err)
	}
	if r := h.ended(again); r.GetMessages() != 0 || r.GetConversations() < 26 || r.GetWhy() != "asked" {
		t.Errorf("the second repair: %v", r)
	}
	h.compared(26)
}

// Meta shows the newest 20 messages: that there may have been more is told.
func TestMoreWasMissedThanMetaShows(t *testing.T) {
	h := open(t, func(c *sandbox.Config) { c.Subscribed = true })
	h.classify()
	for i := range 22 {
		h.says("30001", fmt.Sprint(i), 0, true)
	}
	for i := range 19 {
		h.says("30002", fmt.Sprint(i), 0, true)
	}
	began := time.Now()
	if _, err := h.pages.RepairPage(t.Context(), &adminv1.RepairPageRequest{Page: "shop", SinceMs: began.Add(-time.Hour).UnixMilli()}); err != nil {
		t.Fatal(err)
	}
	if r := h.ended(began); r.GetShort() != 1 || r.GetMessages() != 39 {
		t.Errorf("the repair: %v", r)
	}
	await(t, func() bool { return len(h.texts("30001")) == 20 && len(h.texts("30002")) == 19 })
}

// A Meta that is away or wants to be left alone holds a repair up; it says so,
// and goes on when Meta is back.
func TestMetaHoldsARepairUp(t *testing.T) {
	h := open(t, func(c *sandbox.Config) { c.Subscribed = true })
	h.classify()
	h.says("30001", "hello", 0, true)
	held := func(do string, code int, words string) *adminv1.RepairRun {
		t.Helper()
		h.at("POST", "/sandbox/script", map[string]any{"rules": []map[string]any{{"match": map[string]string{"call": "conversations"}, "do": do, "code": code}}})
		if _, err := h.pages.RepairPage(t.Context(), &adminv1.RepairPageRequest{Page: "shop", SinceMs: time.Now().Add(-time.Hour).UnixMilli()}); err != nil {
			t.Fatal(err)
		}
		var run *adminv1.RepairRun
		await(t, func() bool {
			r, err := h.pages.GetRepair(t.Context(), &adminv1.GetRepairRequest{Page: "shop"})
			run = r.GetRun()
			return err == nil && strings.Contains(run.GetTrouble(), words)
		})
		return run
	}
	held("html", 0, "Meta does not answer")
	if run := held("error", 200, "Meta refuses (200/0)"); time.Until(time.UnixMilli(run.GetRetryMs())) < 9*time.Minute {
		t.Errorf("it is tried again at %v", time.UnixMilli(run.GetRetryMs()))
	}
	h.at("POST", "/sandbox/script", map[string]any{"rules": []any{}})
	if _, err := h.pages.RepairPage(t.Context(), &adminv1.RepairPageRequest{Page: "shop", SinceMs: time.Now().Add(-time.Hour).UnixMilli()}); err != nil {
		t.Fatal(err)
	}
	h.stand("30001", "+hello")
	if run := held("error", 80006, "asked less"); time.Until(time.UnixMilli(run.GetRetryMs())) < 4*time.Minute {
		t.Errorf("throttled, it is tried again at %v", time.UnixMilli(run.GetRetryMs()))
	}
}

func TestRepairsThatCannotBe(t *testing.T) {
	h := open(t, func(*sandbox.Config) {})
	for _, c := range []struct {
		page  string
		since time.Duration
		code  codes.Code
	}{
		{"gone", time.Hour, codes.NotFound}, {"shop", -time.Minute, codes.InvalidArgument}, {"shop", -time.Hour, codes.InvalidArgument}, {"shop", 721 * time.Hour, codes.InvalidArgument},
	} {
		_, err := h.pages.RepairPage(t.Context(), &adminv1.RepairPageRequest{Page: c.page, SinceMs: time.Now().Add(-c.since).UnixMilli()})
		if status.Code(err) != c.code {
			t.Errorf("%s, %v back: %v", c.page, c.since, err)
		}
	}
}

// What was done about a page is forgotten with it.
func TestARepairIsForgottenWithItsPage(t *testing.T) {
	h := open(t, func(c *sandbox.Config) { c.Subscribed = true })
	began := time.Now()
	if _, err := h.pages.RepairPage(t.Context(), &adminv1.RepairPageRequest{Page: "shop", SinceMs: began.Add(-time.Hour).UnixMilli()}); err != nil {
		t.Fatal(err)
	}
	h.ended(began)
	h.page.Workstream = ""
	h.token(token)
	if _, err := h.config.DeletePage(t.Context(), &adminv1.DeletePageRequest{Id: "shop"}); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool {
		_, err := h.bus.Bucket(subject.ProvisionBucket).Get(t.Context(), subject.RepairKey("shop"))
		return fault.Is(err, fault.NotFound)
	})
}
