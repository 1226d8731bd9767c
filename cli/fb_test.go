package cli

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// develops runs parleyctl with an app secret in the environment.
func develops(t *testing.T, stdin string, args ...string) (code int, out, words string) {
	t.Helper()
	t.Setenv("APP_SECRET", "sesame")
	var o, w bytes.Buffer
	code = Main(args, strings.NewReader(stdin), &o, &w)
	return code, o.String(), w.String()
}

func TestSigning(t *testing.T) {
	const want = "X-Hub-Signature-256: sha256=f39034b29165ec6a5104d9aef27266484ab26c8caa7bca8bcb2dd02e8be61b17\n"
	if code, out, words := develops(t, "hello world", "fb", "sign"); code != 0 || out != want {
		t.Errorf("%d %q %q", code, out, words)
	}
	dir := t.TempDir()
	file, secret := filepath.Join(dir, "body"), filepath.Join(dir, "secret")
	for name, text := range map[string]string{file: "hello world", secret: "sesame\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if code, out, words := develops(t, "", "fb", "sign", file, "--secret-env", "NOT_SET", "--secret-file", secret); code != 0 || out != want {
		t.Errorf("%d %q %q", code, out, words)
	}
	for _, args := range [][]string{{"--secret-env", "NOT_SET"}, {"--secret-file", filepath.Join(dir, "none")}, {filepath.Join(dir, "none")}} {
		if code, out, words := develops(t, "x", append([]string{"fb", "sign"}, args...)...); code != 2 || out != "" || strings.Contains(words, "sesame") {
			t.Errorf("%v: %d %q %q", args, code, out, words)
		}
	}
}

// ingress takes what is signed with the secret, as ingress does, and notes it.
func ingress(t *testing.T) (base string, taken *[]string) {
	t.Helper()
	taken = new([]string)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		payload, request, _ := strings.Cut(form.Get("signed_request"), ".")
		_ = payload
		if r.Header.Get(signatureHeader) != signature([]byte("sesame"), body) && request == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		*taken = append(*taken, r.URL.Path+" "+string(body))
		_, _ = io.WriteString(w, "taken")
	}))
	t.Cleanup(srv.Close)
	return srv.URL, taken
}

func TestTriggeringEveryKind(t *testing.T) {
	base, taken := ingress(t)
	for _, kind := range kindNames() {
		code, out, words := develops(t, "", "fb", "trigger", kind, "--url", base+"/webhook/demo", "--text", `"quoted" ❤`)
		if code != 0 || !strings.HasPrefix(out, "200 OK in ") || !strings.Contains(out, "taken") {
			t.Errorf("%s: %d %q %q", kind, code, out, words)
		}
	}
	for i, kind := range kindNames() {
		path, body, _ := strings.Cut((*taken)[i], " ")
		switch {
		case kind == "deletion" || kind == "deauthorize":
			if path != "/"+kind+"/demo" {
				t.Errorf("%s went to %s", kind, path)
			}
		case path != "/webhook/demo" || !strings.Contains(body, `"object":"page"`) || strings.Contains(body, "%["):
			t.Errorf("%s: %s %s", kind, path, body)
		}
	}
	if code, out, _ := develops(t, `{"mine":1}`, "fb", "trigger", "raw", "--url", base+"/webhook/demo"); code != 0 || (*taken)[len(*taken)-1] != `/webhook/demo {"mine":1}` {
		t.Errorf("raw: %d %q", code, out)
	}
}

func TestTriggeringThatCannotBe(t *testing.T) {
	base, taken := ingress(t)
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"another secret":  {[]string{"message", "--url", base + "/webhook/demo", "--secret-env", "HOME"}, 1, "another app secret"},
		"unknown kind":    {[]string{"hologram", "--url", base + "/webhook/demo"}, 2, "no kind of webhook"},
		"no URL":          {[]string{"message", "--url", "::"}, 2, "--url"},
		"no callback URL": {[]string{"deletion", "--url", base + "/hook"}, 2, "/webhook/ACCOUNT"},
		"nobody there":    {[]string{"message", "--url", "http://127.0.0.1:0/webhook/demo"}, 4, "does not answer"},
		"no file":         {[]string{"raw", "--body", "/nowhere/at/all"}, 2, "no such file"},
	} {
		code, out, words := develops(t, "", append([]string{"fb", "trigger"}, c.args...)...)
		if code != c.code || !strings.Contains(words, c.says) {
			t.Errorf("%s: %d %q %q", name, code, out, words)
		}
	}
	if len(*taken) != 0 {
		t.Errorf("taken: %q", *taken)
	}
}

// hears sends a request to a listener and gives the answer and what it printed.
func hears(t *testing.T, l *listener, r *http.Request) (status int, said, out string) {
	t.Helper()
	var o, w bytes.Buffer
	l.app = &app{out: &o, err: &w}
	rec := httptest.NewRecorder()
	l.ServeHTTP(rec, r)
	return rec.Code, rec.Body.String(), o.String() + w.String()
}

func TestListening(t *testing.T) {
	const text = "a secret between us"
	w := wish{kind: "message", page: "102030", psid: "7070707", text: text}
	req, err := w.request("http://x/webhook/demo", []byte("sesame"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	post := func(secret string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/webhook/demo", bytes.NewReader(req.body))
		r.Header.Set(signatureHeader, signature([]byte(secret), req.body))
		return r
	}
	l := &listener{secret: []byte("sesame"), token: "verify-me"}
	status, _, out := hears(t, l, post("sesame"))
	if status != 200 || !strings.Contains(out, "genuine") || !strings.Contains(out, `page "102030" messaging: message{mid text}`) || strings.Contains(out, text) || strings.Contains(out, "7070707") {
		t.Errorf("%d %s", status, out)
	}
	if status, _, out = hears(t, l, post("other")); status != 401 || !strings.Contains(out, "WRONG SIGNATURE") {
		t.Errorf("another secret: %d %s", status, out)
	}
	if status, _, out = hears(t, l, httptest.NewRequest(http.MethodPost, "/x", strings.NewReader("rubbish \x00"))); status != 401 || !strings.Contains(out, "no webhook") {
		t.Errorf("rubbish: %d %s", status, out)
	}
	l.text = true
	if _, _, out = hears(t, l, post("sesame")); !strings.Contains(out, text) {
		t.Errorf("with --text: %s", out)
	}
	for token, want := range map[string]int{"verify-me": 200, "other": 403, "": 403} {
		status, said, _ := hears(t, l, httptest.NewRequest(http.MethodGet, "/webhook/demo?hub.mode=subscribe&hub.challenge=42&hub.verify_token="+token, nil))
		if status != want || want == 200 && said != "42" {
			t.Errorf("verification with %q: %d %q", token, status, said)
		}
	}
	if status, said, _ := hears(t, l, httptest.NewRequest(http.MethodGet, "/x?hub.challenge=%3Cscript%3E&hub.verify_token=verify-me", nil)); status != 403 || said != "" {
		t.Errorf("a challenge that is a page: %d %q", status, said)
	}
}

// What is passed on stays as it is, and the sender gets the answer of ingress.
func TestListeningInFrontOfAnIngress(t *testing.T) {
	base, taken := ingress(t)
	l := &listener{secret: []byte("wrong here, and no matter"), forward: base + "/webhook/demo"}
	body := []byte(`{"object":"page", "entry":[] }`)
	r := httptest.NewRequest(http.MethodPost, "/any", bytes.NewReader(body))
	r.Header.Set(signatureHeader, signature([]byte("sesame"), body))
	if status, said, out := hears(t, l, r); status != 200 || said != "taken" || !strings.Contains(out, "WRONG SIGNATURE") || fmt.Sprint(*taken) != "[/webhook/demo "+string(body)+"]" {
		t.Errorf("%d %q %s, taken %q", status, said, out, *taken)
	}
	l.forward = "http://127.0.0.1:0/webhook/demo"
	if status, _, out := hears(t, l, httptest.NewRequest(http.MethodPost, "/any", bytes.NewReader(body))); status != 502 || !strings.Contains(out, "does not answer") {
		t.Errorf("nobody behind: %d %s", status, out)
	}
}
