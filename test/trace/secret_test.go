package trace_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/cli"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

// The secrets of the house under test, all to be recognised.
const (
	theAppSecret   = "canary-app-secret-b81f02"
	theNextSecret  = "canary-next-secret-b81f02"
	theVerifyToken = "canary-verify-token-b81f02"
	thePageToken   = "canary-page-token-b81f02"
	thePassword    = "canary-password-b81f02"
	visible        = "canary-of-no-secret-b81f02" // shows that the search finds what is there
)

const secretHouse = `apiVersion: parley.dev/v1
kind: Agent
metadata: {name: mila, displayName: ` + visible + `}
spec: {capacity: 3, roles: [agent], password: {secretRef: {env: CANARY_PASSWORD}}}
---
apiVersion: parley.dev/v1
kind: Queue
metadata: {name: front}
spec: {agents: [mila]}
---
apiVersion: parley.dev/v1
kind: Workstream
metadata: {name: facebook}
spec: {queue: front, units: 1, offerSeconds: 60}
---
apiVersion: parley.dev/v1
kind: ChannelAccount
metadata: {name: demo}
spec:
  appId: 424242424242424
  appSecret: {secretRef: {file: app-secret}}
  verifyToken: {secretRef: {env: CANARY_VERIFY}}
---
apiVersion: parley.dev/v1
kind: Page
metadata: {name: shop}
spec: {pageId: ` + page + `, account: demo, workstream: facebook, accessToken: {secretRef: {env: CANARY_TOKEN}}}
`

// evidence is what was said and written, by where.
type evidence map[string][]byte

// ctl runs parleyctl and keeps what it says.
func (e evidence) ctl(t *testing.T, h *house, stdin string, args ...string) int {
	t.Helper()
	var out bytes.Buffer
	code := cli.Main(append(args, "--server", h.server), strings.NewReader(stdin), &out, &out)
	where := "parleyctl " + strings.Join(args, " ")
	e[where] = append(e[where], out.Bytes()...)
	return code
}

// get reads an address of the process' probes.
func (e evidence) get(t *testing.T, h *house, path string) {
	t.Helper()
	resp, err := http.Get("http://" + h.addresses["ops.listen"] + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if e[path], err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
}

// answers asks the API itself for everything that has a secret.
func (e evidence) answers(t *testing.T, h *house) {
	t.Helper()
	conn, err := grpc.NewClient(h.server, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	c := adminv1.NewConfigServiceClient(conn)
	keep := func(name string, m proto.Message, err error) {
		if err != nil {
			t.Fatal(err)
		}
		if e["gRPC "+name], err = proto.Marshal(m); err != nil {
			t.Fatal(err)
		}
	}
	accounts, err := c.ListChannelAccounts(t.Context(), &adminv1.ListChannelAccountsRequest{})
	keep("accounts", accounts, err)
	pages, err := c.ListPages(t.Context(), &adminv1.ListPagesRequest{})
	keep("pages", pages, err)
	agents, err := c.ListAgents(t.Context(), &adminv1.ListAgentsRequest{})
	keep("agents", agents, err)
	keys, err := adminv1.NewKeyServiceClient(conn).GetKeys(t.Context(), &adminv1.GetKeysRequest{})
	keep("keys", keys, err)
	callback, err := adminv1.NewProvisionServiceClient(conn).GetCallback(t.Context(), &adminv1.GetCallbackRequest{Account: "demo"})
	keep("callback", callback, err)
}

// kept reads every file of the house but the keyset, and what the stand-in for
// Meta keeps, which knows the secrets.
func (e evidence) kept(t *testing.T, h *house) {
	t.Helper()
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && os.IsNotExist(err): // a live broker removes files
			return nil
		case err != nil:
			return err
		case d.IsDir() && path == filepath.Join(h.dir, "sandbox"):
			return fs.SkipDir
		case !d.Type().IsRegular() || path == filepath.Join(h.dir, "keyset.json"):
			return nil
		}
		data, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil
		}
		e["file "+strings.TrimPrefix(path, h.dir)] = data
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// keyMaterial are the keys of the keyset, as they stand in the file.
func keyMaterial(t *testing.T, h *house) (values []string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(h.dir, "keyset.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]struct {
		Key []struct {
			KeyData struct {
				Value string `json:"value"`
			} `json:"keyData"`
		} `json:"key"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	for _, set := range file {
		for _, k := range set.Key {
			raw, err := base64.StdEncoding.DecodeString(k.KeyData.Value)
			if err != nil || len(raw) < 16 {
				t.Fatalf("a key of %d bytes: %v", len(raw), err)
			}
			values = append(values, string(raw[len(raw)-16:])) // the end of the key itself
		}
	}
	if len(values) < 3 { // two that seal, one that derives
		t.Fatalf("found %d keys in the keyset", len(values))
	}
	return values
}

// holds tells whether data has a secret, plain or in a usual disguise.
func holds(data []byte, secret string) bool {
	for _, form := range []string{secret, hex.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(secret)),
		base64.RawURLEncoding.EncodeToString([]byte(secret)), fmt.Sprintf("%X", secret)} {
		if bytes.Contains(data, []byte(form)) {
			return true
		}
	}
	return false
}

// A house is set up, works, fails, rotates and is read out with secrets that
// can be recognised. They are in no log, trace, metric, error, profile, export,
// answer or file, whatever happened (SS4).
func TestSecretsAreNowhere(t *testing.T) {
	t.Setenv("CANARY_PASSWORD", thePassword)
	t.Setenv("CANARY_VERIFY", theVerifyToken)
	t.Setenv("CANARY_TOKEN", thePageToken)
	t.Setenv("CANARY_NEXT", theNextSecret)
	t.Setenv("CANARY_BROKEN", thePageToken+"\nsecond line")
	h := start(t, map[string]string{"PARLEY_SANDBOX_APP_SECRET": theAppSecret, "PARLEY_SANDBOX_VERIFY_TOKEN": theVerifyToken,
		"PARLEY_SANDBOX_PAGES": page + ":" + thePageToken + ":Shop"})
	h.password = thePassword
	manifests := t.TempDir()
	for name, text := range map[string]string{"house.yaml": secretHouse, "app-secret": theAppSecret + "\n",
		"broken.yaml": strings.Replace(secretHouse, "CANARY_TOKEN", "CANARY_BROKEN", 1)} {
		if err := os.WriteFile(filepath.Join(manifests, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	e := evidence{}
	must := func(want int, args ...string) {
		t.Helper()
		if code := e.ctl(t, h, "", args...); code != want {
			t.Fatalf("parleyctl %v: code %d, want %d:\n%s", args, code, want, e["parleyctl "+strings.Join(args, " ")])
		}
	}
	must(0, "apply", "-f", filepath.Join(manifests, "house.yaml"))
	must(2, "apply", "-f", filepath.Join(manifests, "broken.yaml"))
	h.sandbox(t, "/sandbox/verify", `{}`)
	// Meta repeats in its errors what it was asked with.
	h.sandbox(t, "/sandbox/script", `{"rules":[{"match":{"call":"messages","nth":1},"do":"error","code":2,"status":500,"message":"token `+thePageToken+` of `+theAppSecret+`"},`+
		`{"match":{"call":"debug_token","nth":1},"do":"error","code":190,"status":400,"message":"Error validating `+thePageToken+`"}]}`)
	h.work(t)
	h.each(t, 2, "desk SendMessage", "graph send")
	e.ctl(t, h, "", "channel", "verify", "shop")
	must(0, "channel", "acknowledge-privacy", "demo", "--yes")
	must(0, "channel", "rotate-secret", "demo", "--from", "env:CANARY_NEXT")
	must(2, "channel", "rotate-secret", "demo", "--from", thePageToken)
	must(2, "channel", "retire-secret", "demo")
	must(0, "channel", "callback", "demo")
	must(0, "keys", "rotate")
	must(0, "keys", "reencrypt")
	e.ctl(t, h, "", "doctor")
	e.ctl(t, h, "", "channel", "health", "shop")
	must(0, "export", "config")
	must(0, "export", "transcript", "--ndjson")
	must(0, "dlq", "list")
	for _, kind := range []string{"channelaccounts", "pages", "agents"} {
		for _, form := range []string{"table", "json", "yaml"} {
			must(0, "get", kind, "-o", form)
		}
	}
	h.hook(t, "/webhook/demo?hub.mode=subscribe&hub.challenge=1&hub.verify_token=x"+theVerifyToken)
	for _, path := range []string{"/metrics", "/readyz", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap?debug=1", "/debug/pprof/cmdline", "/debug/pprof/allocs"} {
		e.get(t, h, path)
	}
	e.answers(t, h)
	e.kept(t, h)
	e["telemetry"] = []byte(h.telemetry(t))

	if found := e.where(visible); !strings.Contains(found, "file /nats/") || !strings.Contains(found, "gRPC agents") || !strings.Contains(found, "parleyctl export config") {
		t.Fatalf("what is no secret was found only in %s: the search proves nothing", found)
	}
	secrets := append(keyMaterial(t, h), theAppSecret, theNextSecret, theVerifyToken, thePageToken, thePassword)
	for i, secret := range secrets {
		for where, data := range e {
			if strings.HasSuffix(where, "--from "+thePageToken) {
				where = "parleyctl channel rotate-secret demo --from (the token)"
			}
			if holds(data, secret) {
				t.Errorf("secret %d of %d is in %s", i+1, len(secrets), where)
			}
		}
	}
}

// where names the places that hold a text.
func (e evidence) where(text string) string {
	var found []string
	for where, data := range e {
		if holds(data, text) {
			found = append(found, where)
		}
	}
	return strings.Join(found, ", ")
}

// sandbox asks Meta's stand-in for something that it must do.
func (h *house) sandbox(t *testing.T, path, body string) {
	t.Helper()
	resp, err := http.Post("http://"+h.addresses["sandbox.listen"]+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if said, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s", path, resp.StatusCode, said)
	}
}

// hook asks ingress for something that it refuses.
func (h *house) hook(t *testing.T, path string) {
	t.Helper()
	resp, err := http.Get("http://" + h.addresses["ingress.listen"] + path)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode < 400 {
		t.Errorf("%s: %d", path, resp.StatusCode)
	}
}
