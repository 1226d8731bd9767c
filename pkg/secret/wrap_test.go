package secret_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/secret/kmstest"
)

const kmsToken = "canary-kms-token-b81f02"

// kms plays the transit engine.
type kms struct{ *kmstest.Server }

func newKMS(t *testing.T) kms { return kms{kmstest.New(t, kmsToken)} }

func (k kms) wrap(t *testing.T, key string) secret.Wrap {
	t.Helper()
	w, err := secret.NewWrap(secret.KMS{Key: k.URI(key), Token: secret.NewText(kmsToken), CA: k.CA})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (k kms) open(t *testing.T, path string, wrap secret.Wrap) *secret.Box {
	t.Helper()
	b, err := secret.OpenWrapped(t.Context(), path, true, wrap)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestAWrappedKeysetOpensOnlyWithItsKey (SS1).
func TestAWrappedKeysetOpensOnlyWithItsKey(t *testing.T) {
	k := newKMS(t)
	path := filepath.Join(t.TempDir(), "keyset.json")
	first := k.open(t, path, k.wrap(t, "parley"))
	s := seal(t, first, "a/b#c")
	if err := first.Rotate(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil || bytes.Contains(data, []byte("keyData")) || !bytes.Contains(data, []byte("vault")) {
		t.Errorf("after a rotation the file holds %s, %v", data, err)
	}
	again := k.open(t, path, k.wrap(t, "parley"))
	if !opens(again, "a/b#c", s) || !opens(again, "a/b#c", seal(t, first, "a/b#c")) {
		t.Error("what was sealed does not open")
	}
	if file, set := again.Wrapped(); file != k.URI("parley") || set != file {
		t.Errorf("wrapped with %q, set %q", file, set)
	}
	for name, wrap := range map[string]secret.Wrap{"none": nil, "another": k.wrap(t, "other")} {
		_, err := secret.OpenWrapped(t.Context(), path, true, wrap)
		if !fault.Is(err, fault.Precondition) || !strings.Contains(err.Error(), "wrapped with") {
			t.Errorf("with %s: %v", name, err)
		}
	}
	// The name of the key alone does not help.
	forged := bytes.Replace(data, []byte(k.URI("parley")), []byte(k.URI("other")), 1)
	if err := os.WriteFile(path, forged, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = secret.OpenWrapped(t.Context(), path, false, k.wrap(t, "other"))
	if !fault.Is(err, fault.Precondition) || !strings.Contains(err.Error(), "message authentication failed") {
		t.Errorf("with the wrong key: %v", err)
	}
}

// Moving to a KMS, to another key and back loses nothing, and processes that
// run go on.
func TestRewrap(t *testing.T) {
	k := newKMS(t)
	path := filepath.Join(t.TempDir(), "keyset.json")
	one, two := k.wrap(t, "one"), k.wrap(t, "two")
	s := seal(t, k.open(t, path, nil), "a/b#c")
	running := k.open(t, path, one)
	if file, set := running.Wrapped(); file != "" || set != k.URI("one") {
		t.Errorf("wrapped with %q, set %q", file, set)
	}
	for _, step := range []struct{ from, to secret.Wrap }{{nil, one}, {one, one}, {one, two}, {two, nil}, {nil, one}} {
		if err := secret.Rewrap(t.Context(), path, step.from, step.to); err != nil {
			t.Fatal(err)
		}
		b, err := secret.OpenWrapped(t.Context(), path, false, step.to)
		if err != nil || !opens(b, "a/b#c", s) {
			t.Errorf("after a move: %v", err)
		}
	}
	if err := k.open(t, path, one).Rotate(); err != nil {
		t.Fatal(err)
	}
	if sealed := seal(t, running, "a/b#c"); !opens(k.open(t, path, one), "a/b#c", sealed) {
		t.Error("the process that ran all along seals with a key of its own")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
}

// What the KMS says is told by its kind; the token is in no error.
func TestAKMSThatFails(t *testing.T) {
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code); _, _ = io.WriteString(w, body) }
	}
	elsewhere := newKMS(t)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   fault.Kind
		says   string
	}{
		"sealed":            {status(503, `{"errors":["Vault is sealed"]}`), fault.Unavailable, "Vault is sealed"},
		"stands by":         {status(473, ``), fault.Unavailable, "status 473"},
		"too many":          {status(429, ``), fault.Unavailable, "status 429"},
		"denied":            {status(403, `{"errors":["permission denied"]}`), fault.Denied, "update on transit/decrypt/parley"},
		"tells the token":   {status(403, `{"errors":["bad token `+kmsToken+`"]}`), fault.Denied, "bad token [secret]"},
		"no such key":       {status(400, `{"errors":["encryption key not found"]}`), fault.Precondition, "encryption key not found"},
		"no such mount":     {status(404, `{"errors":[]}`), fault.Precondition, "status 404"},
		"elsewhere":         {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL+r.URL.Path, 307) }, fault.Precondition, "points elsewhere"},
		"not JSON":          {status(200, `<html>`), fault.Precondition, "is no KMS"},
		"nothing":           {status(200, `{"data":{}}`), fault.Precondition, "is no KMS"},
		"not base64":        {status(200, `{"data":{"plaintext":"%%"}}`), fault.Precondition, "is no KMS"},
		"another plaintext": {status(200, `{"data":{"plaintext":"aGVsbG8="}}`), fault.Internal, "invalid keyset"},
		"endless": {func(w http.ResponseWriter, r *http.Request) {
			for err := error(nil); err == nil; _, err = w.Write(bytes.Repeat([]byte(" "), 1<<16)) {
			}
		}, fault.Precondition, "is no KMS"},
		"breaks off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "{")
		}, fault.Unavailable, "breaks off"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKMS(t)
			path := filepath.Join(t.TempDir(), "keyset.json")
			k.open(t, path, k.wrap(t, "parley"))
			k.Answer(c.answer)
			_, err := secret.OpenWrapped(t.Context(), path, false, k.wrap(t, "parley"))
			if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), kmsToken) {
				t.Errorf("%v: %v", fault.KindOf(err), err)
			}
		})
	}
	if elsewhere.Asked() != 0 {
		t.Error("a redirect was followed, with the token")
	}
}

func TestAKMSThatIsNotThere(t *testing.T) {
	k := newKMS(t)
	path := filepath.Join(t.TempDir(), "keyset.json")
	running := k.open(t, path, k.wrap(t, "parley"))
	other := k.open(t, path, k.wrap(t, "parley"))
	before := seal(t, running, "a/b#c")
	if err := other.Rotate(); err != nil {
		t.Fatal(err)
	}
	unknown := seal(t, other, "a/b#c")
	k.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	asked := k.Asked()
	for range 5 {
		if _, err := running.Seal("a/b#c", canary, 1); !fault.Is(err, fault.Unavailable) {
			t.Errorf("sealed: %v", err)
		}
		if _, err := running.Reveal("a/b#c", unknown); !fault.Is(err, fault.Unavailable) {
			t.Errorf("opened what is sealed with a key it does not know: %v", err)
		}
	}
	if n := k.Asked() - asked; n > 9 {
		t.Errorf("it was asked %d times in a burst", n)
	}
	if !opens(running, "a/b#c", before) {
		t.Error("what opened before does not any more")
	}
	k.Close()
	_, err := secret.OpenWrapped(t.Context(), path, false, k.wrap(t, "parley"))
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("at an address where nobody is: %v", err)
	}
	// Another certificate than the one that was named is nobody either.
	stranger := newKMS(t)
	w, err := secret.NewWrap(secret.KMS{Key: stranger.URI("parley"), Token: secret.NewText(kmsToken)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.EncryptWithContext(t.Context(), []byte("x"), nil); !fault.Is(err, fault.Unavailable) || stranger.Asked() != 0 {
		t.Errorf("a stranger was asked: %v", err)
	}
}

// A key that encrypts and does not decrypt would lock the deployment out.
func TestNothingIsWrappedThatDoesNotUnwrap(t *testing.T) {
	k := newKMS(t)
	path := filepath.Join(t.TempDir(), "keyset.json")
	s := seal(t, k.open(t, path, nil), "a/b#c")
	k.Answer(k.denyDecrypt)
	if err := secret.Rewrap(t.Context(), path, nil, k.wrap(t, "parley")); !fault.Is(err, fault.Denied) {
		t.Errorf("rewrapped: %v", err)
	}
	b, err := secret.Open(path, false)
	if err != nil || !opens(b, "a/b#c", s) {
		t.Errorf("the keyset is gone: %v", err)
	}
}

func (k kms) denyDecrypt(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.URL.Path, "/decrypt/") {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	k.Answer(nil)
	defer k.Answer(k.denyDecrypt)
	k.Serve(w, r)
}

func TestTokensOfFiles(t *testing.T) {
	k := newKMS(t)
	file := filepath.Join(t.TempDir(), "token")
	w, err := secret.NewWrap(secret.KMS{Key: k.URI("parley"), Token: secret.NewText("old"), TokenFile: file, CA: k.CA})
	if err != nil {
		t.Fatal(err)
	}
	try := func() error { _, err := w.EncryptWithContext(context.Background(), []byte("x"), nil); return err }
	if err := try(); !fault.Is(err, fault.Unavailable) {
		t.Errorf("without the file: %v", err)
	}
	for content, kind := range map[string]fault.Kind{"": fault.Unavailable, "a\nb": fault.Unavailable, "wrong": fault.Denied} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := try(); !fault.Is(err, kind) {
			t.Errorf("with %q: %v", content, err)
		}
	}
	if err := os.WriteFile(file, []byte(kmsToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := try(); err != nil {
		t.Errorf("renewed: %v", err)
	}
	none, err := secret.NewWrap(secret.KMS{Key: k.URI("parley"), CA: k.CA})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := none.EncryptWithContext(t.Context(), []byte("x"), nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("without a token: %v", err)
	}
}

func TestKeysThatCannotBe(t *testing.T) {
	if w, err := secret.NewWrap(secret.KMS{}); w != nil || err != nil {
		t.Errorf("none: %v, %v", w, err)
	}
	for _, uri := range []string{"aws-kms://arn:aws:kms:eu:1:key/x", "hcvault://", "hcvault://host/", "hcvault://host/keys/parley",
		"hcvault://host/transit/parley", "hcvault://host/transit/keys/", "hcvault://host/transit/keys/a/b", "hcvault://host/../keys/x",
		"hcvault://host/transit/keys/..", "hcvault://host/a%2Fb/keys/x", "hcvault://host/transit/keys/x?y=z", "hcvault://host/transit/keys/x#y",
		"hcvault://root:" + kmsToken + "@host/transit/keys/x", "https://host/transit/keys/x", "http://[::1", "\x00"} {
		_, err := secret.NewWrap(secret.KMS{Key: uri})
		if !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), kmsToken) {
			t.Errorf("%q: %v", uri, err)
		}
	}
	for _, uri := range []string{"hcvault://host/transit/keys/parley", "hcvault://[::1]:8200/ns1/team/transit/keys/parley-1.b"} {
		if w, err := secret.NewWrap(secret.KMS{Key: uri}); err != nil || w.Name() != uri {
			t.Errorf("%q: %v", uri, err)
		}
	}
	empty := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, ca := range []string{empty, empty + "x"} {
		if _, err := secret.NewWrap(secret.KMS{Key: "hcvault://host/transit/keys/x", CA: ca}); err == nil {
			t.Errorf("certificates of %s are taken", ca)
		}
	}
}
