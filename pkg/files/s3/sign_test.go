package s3

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/secret"
)

// TestSignatures against the examples that AWS publishes ("Signature calculations
// for the authorization header: transferring payload in a single chunk").
func TestSignatures(t *testing.T) {
	k := keys{"us-east-1", "AKIAIOSFODNN7EXAMPLE", secret.NewText("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")}
	at := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		method, path, query, body, signed, want string
		header                                  map[string]string
	}{
		"get a part of an object": {method: "GET", path: "/test.txt", header: map[string]string{"Range": "bytes=0-9"},
			signed: "host;range;x-amz-content-sha256;x-amz-date", want: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
		"put an object": {method: "PUT", path: "/test$file.text", body: "Welcome to Amazon S3.",
			header: map[string]string{"Date": "Fri, 24 May 2013 00:00:00 GMT", "X-Amz-Storage-Class": "REDUCED_REDUNDANCY"},
			signed: "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class", want: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
		"get the life cycle": {method: "GET", path: "/", query: "lifecycle",
			signed: "host;x-amz-content-sha256;x-amz-date", want: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
		"list objects": {method: "GET", path: "/", query: "max-keys=2&prefix=J",
			signed: "host;x-amz-content-sha256;x-amz-date", want: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), c.method, "https://examplebucket.s3.amazonaws.com/", strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			r.URL.Path, r.URL.RawPath, r.URL.RawQuery = c.path, escape(c.path), c.query
			for name, value := range c.header {
				r.Header.Set(name, value)
			}
			sum := sha256.Sum256([]byte(c.body))
			k.sign(r, hex.EncodeToString(sum[:]), at)
			want := "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=" + c.signed + ",Signature=" + c.want
			if got := r.Header.Get("Authorization"); got != want {
				t.Errorf("signed\n%s, want\n%s", got, want)
			}
		})
	}
}
