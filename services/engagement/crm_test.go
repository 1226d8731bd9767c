package engagement_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/webhook"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	crmv1 "github.com/parley-desk/parley/proto/gen/parley/crm/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/engagement"
)

const crmSecret = "a-secret-of-sixteen-or-more"

// listener is a CRM. It answers what answer says, and keeps what it took.
type listener struct {
	t      *testing.T
	mu     sync.Mutex
	answer func(*crmv1.Delivery) int
	took   []*crmv1.Delivery
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	d := &crmv1.Delivery{}
	if err != nil || protojson.Unmarshal(body, d) != nil {
		l.t.Errorf("it is sent %q", body)
	}
	if !signed(r.Header.Get(webhook.Signature), body) || r.Header.Get(webhook.ID) != d.GetEvent().GetId() {
		l.t.Errorf("the headers are %v", r.Header)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	status := http.StatusNoContent
	if l.answer != nil {
		status = l.answer(d)
	}
	if status < 300 {
		l.took = append(l.took, d)
	}
	w.WriteHeader(status)
}

// signed tells whether a signature is this secret's, of whatever second.
func signed(signature string, body []byte) bool {
	seconds, _ := strconv.ParseInt(strings.TrimPrefix(strings.Split(signature, ",")[0], "t="), 10, 64)
	return signature == webhook.Sign(crmSecret, time.Unix(seconds, 0), body)
}

// types are what it took of a contact, in order.
func (l *listener) types(id string) (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.took {
		if d.GetEvent().GetContact() == id {
			all = append(all, strings.TrimPrefix(d.GetEvent().GetType().String(), "EVENT_TYPE_"))
		}
	}
	return all
}

// notify runs the service with a CRM until the test, or what it gives, ends it.
func notify(t *testing.T, b *bus.Bus, address string) (stop func()) {
	t.Helper()
	service, err := engagement.New(engagement.Config{Parallel: 4, MessageKeep: time.Hour, PlaceAfter: time.Minute, PlaceGap: time.Minute, PlaceLook: time.Minute,
		CRM: engagement.CRMConfig{URL: address, Secret: crmSecret, Inside: []string{strings.TrimPrefix(address, "http://")}, Timeout: 5 * time.Second, Parallel: 4}}, host.Deps{
		Bus: b, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), Health: &host.Health{},
		Directory: directory.Fixed(directory.NewSnapshot()), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var life sync.WaitGroup
	life.Go(func() {
		if err := service.Run(ctx); err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
	end := sync.OnceFunc(func() { cancel(); life.Wait() })
	t.Cleanup(end)
	return end
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	late, tick := time.After(time.Minute), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("no %s", what)
		}
	}
}

// TestACRMIsTold of a life of a contact in order, also of what happened while it
// failed and while nobody told it; what it will never take is a dead letter, and
// the rest goes on.
func TestACRMIsTold(t *testing.T) {
	b, crm := bustest.Open(t), &listener{t: t}
	server := httptest.NewServer(crm)
	defer server.Close()
	store, by := contact.Open(b, time.Now), contact.Deed{By: "agents/mila"}
	must := func(c *contactv1.Contact, err error) *contactv1.Contact {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	failures := 0
	crm.answer = func(d *crmv1.Delivery) int {
		switch {
		case d.GetContact().GetName() == "Poison":
			return http.StatusUnprocessableEntity
		case failures < 2:
			failures++
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	}
	stop := notify(t, b, server.URL)
	ivan := must(store.Create(t.Context(), by, &contactv1.Contact{Name: "Ivan"}))
	poison := must(store.Create(t.Context(), by, &contactv1.Contact{Name: "Poison"}))
	until(t, "creation", func() bool { return len(crm.types(ivan.GetId())) == 1 })
	until(t, "dead letter", func() bool {
		for letter, err := range b.DeadLetters(t.Context()) {
			return err == nil && letter.Stage == "crm-hook" && strings.Contains(letter.Reason, "422")
		}
		return false
	})
	commit(t, b, &threadv1.ConversationOpened{Id: "c", Units: 1}, &threadv1.ContactLinked{Contact: ivan.GetId(), Source: threadv1.LinkSource_LINK_SOURCE_ADMIN, By: "crm"})
	until(t, "link", func() bool { return len(crm.types(ivan.GetId())) == 2 })
	stop()
	commit(t, b, &threadv1.ConversationClosed{Cause: threadv1.Cause_CAUSE_FORCED})
	twin := must(store.Create(t.Context(), by, &contactv1.Contact{Name: "Ivan P.", Company: "Shop"}))
	must(store.Merge(t.Context(), by, ivan.GetId(), twin.GetId(), ""))
	stop = notify(t, b, server.URL)
	until(t, "the rest", func() bool { return len(crm.types(ivan.GetId())) >= 4 && len(crm.types(twin.GetId())) > 0 })
	if _, err := store.Delete(t.Context(), by, poison.GetId()); err != nil {
		t.Fatal(err)
	}
	until(t, "deletion", func() bool { return len(crm.types(poison.GetId())) > 0 })
	if got := strings.Join(crm.types(ivan.GetId())[:2], " "); got != "CONTACT_CREATED CONTACT_LINKED" {
		t.Errorf("of Ivan it is told %s", got)
	}
	if got := strings.Join(crm.types(twin.GetId()), " "); got != "CONTACT_MERGED" {
		t.Errorf("of the twin it is told %s", got)
	}
	if got := strings.Join(crm.types(poison.GetId()), " "); got != "CONTACT_DELETED" {
		t.Errorf("of what it did not take it is told %s", got)
	}
	stop()
	events, gap, err := b.Events(t.Context(), 0, 100, 0)
	if err != nil || gap || len(events) < 7 {
		t.Fatalf("noted is %v, %v, %v", events, gap, err)
	}
	rest, _, err := b.Events(t.Context(), events[2].GetPosition(), 100, 0)
	if err != nil || len(rest) != len(events)-3 || rest[0].GetId() != events[3].GetId() {
		t.Errorf("after the third there are %v, %v", rest, err)
	}
	if none, _, err := b.Events(t.Context(), events[len(events)-1].GetPosition(), 100, 0); err != nil || len(none) != 0 {
		t.Errorf("after the last there are %v, %v", none, err)
	}
	seen := map[string]bool{}
	for _, e := range events {
		if seen[e.GetId()] {
			t.Errorf("%s was noted twice", e.GetId())
		}
		seen[e.GetId()] = true
	}
}

// TestCRMSettings: an address that could lead into the network is refused when the
// service is built.
func TestCRMSettings(t *testing.T) {
	for address, want := range map[string]string{
		"http://crm.example.com/hook": "https", "ftp://crm.example.com": "https", "https://": "https://host", "https://a:b@crm.example.com/": "user", "nonsense": "https://host",
	} {
		cfg := engagement.Config{Parallel: 1, MessageKeep: 1, PlaceAfter: 1, PlaceGap: 1, PlaceLook: 1, CRM: engagement.CRMConfig{URL: address, Secret: crmSecret, Timeout: 1, Parallel: 1}}
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", address, err)
		}
	}
}
