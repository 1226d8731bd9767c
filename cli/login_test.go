package cli_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/cli"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/session"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/admin/admintest"
)

// someDesk answers as a desk does: nobody has said yes, then ask less often, then what
// is to come.
type someDesk struct {
	t      *testing.T
	asked  int
	answer func() (proto.Message, string, string) // or a code and a reason
}

func (d *someDesk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var answer proto.Message
	code, reason := "", ""
	switch r.URL.Path {
	case "/parley.desk.v1.DeviceService/BeginDevice":
		if !strings.Contains(string(body), "parleyctl on ") {
			d.t.Errorf("who asks is %s", body)
		}
		answer = &deskv1.BeginDeviceResponse{DeviceCode: "word", UserCode: "BCDF-GHJK", ExpiresS: 60}
	case "/parley.desk.v1.DeviceService/CollectDevice":
		if d.asked++; d.asked == 1 {
			code, reason = "failed_precondition", "DEVICE_PENDING"
		} else {
			answer, code, reason = d.answer()
		}
	default:
		http.NotFound(w, r)
		return
	}
	if reason == "" {
		data, _ := protojson.Marshal(answer)
		_, _ = w.Write(data)
		return
	}
	info, _ := proto.Marshal(&errdetails.ErrorInfo{Reason: reason})
	w.WriteHeader(http.StatusBadRequest)
	_, _ = fmt.Fprintf(w, `{"code":%q,"message":"so it is","details":[{"type":"google.rpc.ErrorInfo","value":%q}]}`, code, base64.RawStdEncoding.EncodeToString(info))
}

// run runs parleyctl.
func run(args ...string) (code int, out, err string) {
	var stdout, stderr bytes.Buffer
	code = cli.Main(args, strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// TestLogin: what is printed leads to the page and holds nothing that opens; the session
// is for nobody else to read, goes on by the token that an answer brings, and ends.
func TestLogin(t *testing.T) {
	server := admintest.Start(t)
	conn, err := grpc.NewClient(server.Target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	petar := &configv1.Agent{Meta: &configv1.Meta{Id: "petar"}, Capacity: 1, Roles: []string{"admin"}}
	if _, err := adminv1.NewConfigServiceClient(conn).CreateAgent(t.Context(), &adminv1.CreateAgentRequest{Agent: petar}); err != nil {
		t.Fatal(err)
	}
	// It began 20 minutes ago, so that its token is to be replaced.
	sessions := session.NewStore(server.Bus.Bucket(subject.SessionBucket), server.Secrets, func(string) *configv1.Agent { return petar },
		session.Limits{Idle: time.Hour, Absolute: 2 * time.Hour}, func() time.Time { return time.Now().Add(-20 * time.Minute) })
	var ticket secret.Text
	desk := &someDesk{t: t, answer: func() (proto.Message, string, string) {
		var s session.Session
		if ticket, s, err = sessions.BeginWith(t.Context(), "petar", session.Program{Name: "parleyctl on build-7", Address: "192.0.2.7"}); err != nil {
			t.Error(err)
		}
		return &deskv1.CollectDeviceResponse{Ticket: ticket.Reveal(), Agent: "petar", UntilMs: s.Until.UnixMilli()}, "", ""
	}}
	at := httptest.NewServer(desk)
	defer at.Close()
	file := filepath.Join(t.TempDir(), "deeper", "session")
	t.Setenv("PARLEY_SESSION_FILE", file)
	t.Setenv("PARLEY_SERVER", server.Server)

	code, out, said := run("login", "--desk", at.URL+"/")
	if code != 0 || out != "" || !strings.Contains(said, at.URL+"/device") || !strings.Contains(said, "BCDF-GHJK") || !strings.Contains(said, "signed in as petar") || strings.Contains(said, "word") || strings.Contains(said, ticket.Reveal()) {
		t.Fatalf("%d %s %s", code, out, said)
	}
	kept, err := os.ReadFile(file)
	info, _ := os.Stat(file)
	if err != nil || strings.TrimSpace(string(kept)) != ticket.Reveal() || info.Mode().Perm() != 0o600 {
		t.Fatalf("kept is %v, %v", info, err)
	}
	if code, out, said = run("session", "list", "petar", "--token-file", file); code != 0 || !strings.Contains(out, "parleyctl on build-7  192.0.2.7") {
		t.Errorf("%d %s %s", code, out, said)
	}
	fresh, _ := os.ReadFile(file)
	if string(fresh) == string(kept) || !strings.HasPrefix(string(fresh), "parley-session.") {
		t.Error("the token was not replaced")
	}
	if code, _, said = run("audit", "ls", "--token-file", file); code != 0 {
		t.Errorf("with the next token: %d %s", code, said)
	}
	if code, _, said = run("logout"); code != 0 {
		t.Fatalf("%d %s", code, said)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the session is still there: %v", err)
	}
	if err := os.WriteFile(file, fresh, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, said = run("audit", "ls", "--token-file", file); code != 3 || !strings.Contains(said, "sign in again") {
		t.Errorf("after logout: %d %s", code, said)
	}
	if code, _, said = run("logout"); code != 0 { // over already
		t.Errorf("again: %d %s", code, said)
	}
	if strings.Contains(server.Logs.String(), "parley-session.") {
		t.Error("a log has a token")
	}
}

// TestLoginEnds where nobody says yes.
func TestLoginEnds(t *testing.T) {
	t.Setenv("PARLEY_SESSION_FILE", filepath.Join(t.TempDir(), "session"))
	for reason, c := range map[string]struct {
		kind string
		code int
	}{"DEVICE_REFUSED": {"permission_denied", 3}, "DEVICE_EXPIRED": {"not_found", 1}, "OTHER": {"internal", 1}} {
		at := httptest.NewServer(&someDesk{t: t, answer: func() (proto.Message, string, string) { return nil, c.kind, reason }})
		if code, _, said := run("login", "--desk", at.URL); code != c.code || !strings.Contains(said, "so it is") {
			t.Errorf("%s: %d %s", reason, code, said)
		}
		at.Close()
	}
	strange := httptest.NewServer(http.NotFoundHandler())
	defer strange.Close()
	for address, want := range map[string]int{"": 2, "http://desk.example.com": 2, "desk": 2, strange.URL: 2, "http://127.0.0.1:0": 4} {
		if code, _, said := run("login", "--desk", address); code != want {
			t.Errorf("%q: %d %s", address, code, said)
		}
	}
	if _, err := os.Stat(os.Getenv("PARLEY_SESSION_FILE")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("something is kept")
	}
}
