package verify_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-desk/parley/services/ingress/internal/verify"
)

func sign(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func TestSignatureVectors(t *testing.T) {
	keys := verify.Keys{Current: []byte("sesame")}
	for _, v := range []struct{ name, body, sum string }{
		{"ascii", "hello world", "f39034b29165ec6a5104d9aef27266484ab26c8caa7bca8bcb2dd02e8be61b17"},
		{"ascii 2", "hello world2", "60905fdf409d0b4f721e99f6f25b31567a68a6b45e933d814e17a246be4c5a53"},
		{"escaped", `{"text":"\u00e4\u00f6\u00e5"}`, "424e406ac23e52e0e085c7f54f829c7c3384facb9058f85bd74d48616e9f66d6"},
		{"utf-8", `{"text":"äöå"}`, "5facaf043979846c98d2c7f1f1af836b90c39fc2b2bd38c1deb26961560badcc"},
	} {
		if got := verify.Signature("sha256="+v.sum, []byte(v.body), keys); got != verify.Current {
			t.Errorf("%s: %v", v.name, got)
		}
		if got := verify.Signature("sha256="+v.sum, []byte(v.body+" "), keys); got != verify.Wrong {
			t.Errorf("%s with a byte more: %v", v.name, got)
		}
	}
}

// Recorded bodies hold escapes, escaped slashes and spaces. The signature is
// over what came, so the same JSON written another way is another body (SI1).
func TestRecordedBodiesAreSignedAsTheyCame(t *testing.T) {
	files, err := filepath.Glob("../../../../../shared/payloads/*-wh-*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("the payload corpus is not beside the repository")
	}
	keys, rewritten := verify.Keys{Current: []byte("sesame")}, 0
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		header := sign("sesame", string(body))
		if got := verify.Signature(header, body, keys); got != verify.Current {
			t.Errorf("%s: %v", filepath.Base(file), got)
		}
		var value any
		if err := json.Unmarshal(body, &value); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(again, body) {
			continue
		}
		rewritten++
		if got := verify.Signature(header, again, keys); got != verify.Wrong {
			t.Errorf("%s written again: %v", filepath.Base(file), got)
		}
	}
	if rewritten == 0 {
		t.Error("no recorded body changes when it is written again: nothing was proved")
	}
}

func TestVerdicts(t *testing.T) {
	const body = `{"object":"page"}`
	both := verify.Keys{Current: []byte("new"), Previous: []byte("old")}
	for _, c := range []struct {
		name, header string
		keys         verify.Keys
		want         verify.Verdict
	}{
		{"current", sign("new", body), both, verify.Current},
		{"previous", sign("old", body), both, verify.Previous},
		{"upper-case digits", "sha256=" + strings.ToUpper(sign("new", body)[7:]), both, verify.Current},
		{"stranger", sign("other", body), both, verify.Wrong},
		{"none", "", both, verify.Missing},
		{"sha1", "sha1=" + sign("new", body)[7:], both, verify.Missing},
		{"no prefix", sign("new", body)[7:], both, verify.Missing},
		{"short", sign("new", body)[:70], both, verify.Missing},
		{"long", sign("new", body) + "00", both, verify.Missing},
		{"no digits", "sha256=" + strings.Repeat("zz", 32), both, verify.Missing},
		{"retired", sign("old", body), verify.Keys{Current: []byte("new")}, verify.Wrong},
		{"empty secret", sign("", body), verify.Keys{}, verify.Wrong},
		{"empty previous", sign("", body), verify.Keys{Current: []byte("new")}, verify.Wrong},
	} {
		if got := verify.Signature(c.header, []byte(body), c.keys); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func FuzzHeaderNeverVerifiesByItself(f *testing.F) {
	f.Add("sha256=", "body")
	f.Add(sign("guess", "body"), "body")
	f.Add("sha256="+strings.Repeat("0", 64), "")
	keys := verify.Keys{Current: []byte("0d9c1b7e6a"), Previous: []byte("5f3e2d1c0b")}
	f.Fuzz(func(t *testing.T, header, body string) {
		if v := verify.Signature(header, []byte(body), keys); v.Genuine() &&
			!strings.EqualFold(header, sign("0d9c1b7e6a", body)) && !strings.EqualFold(header, sign("5f3e2d1c0b", body)) {
			t.Fatalf("%q verified as %v", header, v)
		}
	})
}
