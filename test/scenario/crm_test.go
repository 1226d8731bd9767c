package scenario_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/parley-desk/parley/pkg/webhook"
	crmv1 "github.com/parley-desk/parley/proto/gen/parley/crm/v1"
)

const hookSecret = "a-secret-of-sixteen-or-more"

// hook is a CRM over HTTP. It refuses contacts by name for as long as they are on
// its list, and is slow where a test says so.
type hook struct {
	t       *testing.T
	mu      sync.Mutex
	refuses map[string]bool
	slow    chan struct{} // nil: it is not
	asked   int
	took    map[string][]string // by name of the contact, ids of events
}

func (c *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	d := &crmv1.Delivery{}
	signature := r.Header.Get(webhook.Signature)
	seconds, _ := strconv.ParseInt(strings.TrimPrefix(strings.Split(signature, ",")[0], "t="), 10, 64)
	if protojson.Unmarshal(body, d) != nil || signature != webhook.Sign(hookSecret, time.Unix(seconds, 0), body) {
		c.t.Errorf("it is sent %q, signed %q", body, signature)
	}
	c.mu.Lock()
	c.asked++
	slow, name := c.slow, d.GetContact().GetName()
	c.mu.Unlock()
	if slow != nil {
		select {
		case <-slow:
		case <-r.Context().Done():
			return // whoever asked is dead
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuses[name] {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	if !slices.Contains(c.took[name], d.GetEvent().GetId()) {
		c.took[name] = append(c.took[name], d.GetEvent().GetId())
	}
}

func (c *hook) with(do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do()
}

// has tells how many events of a contact it took.
func (c *hook) has(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.took[name])
}

// TestACRMIsToldByTheHouse: what happens to contacts reaches a CRM, also what it is
// about to take when the house is killed. What it refuses are dead letters, of
// which one is told once the CRM takes it, by the stage that gave it up, and one is
// dropped; all of it can be read by position.
func TestACRMIsToldByTheHouse(t *testing.T) {
	crm := &hook{t: t, refuses: map[string]bool{"Poison": true, "Bitter": true}, took: map[string][]string{}}
	server := httptest.NewServer(crm)
	defer server.Close()
	t.Setenv("PARLEY_ENGAGEMENT_CRM_SECRET", hookSecret)
	h := together(t, "--engagement.crm.url", server.URL+"/hook", "--engagement.crm.inside", strings.TrimPrefix(server.URL, "http://"))
	makes := func(name string) {
		h.ctl("contact", "create", "--name", name, "--request-id", name)
	}
	makes("Ivan")
	makes("Poison")
	makes("Bitter")
	await(t, time.Minute, "that Ivan is told", func() bool { return crm.has("Ivan") == 1 }, h.logs)
	letters := func() []string {
		return regexp.MustCompile(`(?m)^(\d+) .* crm-hook .*422`).FindAllString(string(h.ctl("dlq", "list")), -1)
	}
	await(t, time.Minute, "two dead letters", func() bool { return len(letters()) == 2 }, h.logs)

	// The house dies while the CRM has the request and has not answered.
	slow := make(chan struct{})
	before := 0
	crm.with(func() { crm.slow, before = slow, crm.asked })
	makes("Maria")
	await(t, time.Minute, "that the CRM is being told", func() bool {
		crm.mu.Lock()
		defer crm.mu.Unlock()
		return crm.asked > before
	}, h.logs)
	h.processes[0].signal(t, syscall.SIGKILL)
	crm.with(func() { crm.slow = nil })
	if crm.has("Maria") != 0 {
		t.Fatal("it took what it never answered")
	}
	h.processes[0].start(t)
	h.awaitReady()
	await(t, time.Minute, "that Maria is told after all", func() bool { return crm.has("Maria") == 1 }, h.logs)
	if got := len(letters()); got != 2 {
		t.Errorf("after the death there are %d dead letters", got)
	}

	// Events are told side by side, so either of the two may have been given up first.
	of := func(line string) string { return line[:strings.IndexByte(line, ' ')] }
	all := letters()
	dropped, retried := of(all[0]), of(all[1])
	if out, err := h.try("dlq", "retry", retried); err == nil {
		t.Errorf("what the CRM refuses was handled: %s", out)
	}
	crm.with(func() { crm.refuses = nil })
	h.ctl("dlq", "retry", retried)
	if crm.has("Poison")+crm.has("Bitter") != 1 {
		t.Errorf("of Poison it took %d, of Bitter %d", crm.has("Poison"), crm.has("Bitter"))
	}
	h.ctl("dlq", "drop", dropped, "--reason", "entered by hand")
	if left := letters(); len(left) != 0 {
		t.Errorf("left are %q", left)
	}

	at := filepath.Join(h.dir, "at")
	lines := strings.Split(strings.TrimSpace(string(h.ctl("crm", "next", "--position", at))), "\n")
	last := regexp.MustCompile(`"position":"(\d+)"`).FindStringSubmatch(lines[len(lines)-1])
	if len(lines) != 4 || len(last) != 2 {
		t.Fatalf("by position there are %q", lines)
	}
	h.ctl("crm", "ack", "--position", at, last[1])
	if rest := h.ctl("crm", "next", "--position", at); len(rest) != 0 {
		t.Errorf("after the last there are %q", rest)
	}
}
