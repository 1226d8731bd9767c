package secret

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/keyfile"
)

const (
	vaultScheme = "hcvault"
	// vaultAnswer is the most that is read of an answer, in bytes; a wrapped
	// keyset is a few thousand.
	vaultAnswer = 1 << 20
	// toldOfAnswer is how much of a refusal's own words is kept for the log.
	toldOfAnswer = 200
)

// vaultPath is a key of the transit engine: /MOUNT/keys/NAME, where the mount
// may have several parts, the first a namespace.
var vaultPath = regexp.MustCompile(`^/((?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)+)keys/([A-Za-z0-9_-][A-Za-z0-9._-]*)$`)

// vault wraps with a key of the transit engine of HashiCorp Vault or OpenBao,
// which never leaves it. Only HTTPS is spoken.
type vault struct {
	KMS
	host, mount, key string
	client           *http.Client
}

func newVault(u *url.URL, k KMS) (Wrap, error) {
	parts := vaultPath.FindStringSubmatch(u.Path)
	switch {
	case u.User != nil:
		return nil, badKey("it has a user; put the token into secrets.kms.token or secrets.kms.token_file")
	case u.Host == "" || u.RawQuery != "" || u.Fragment != "" || parts == nil || u.RawPath != "":
		return nil, badKey("it names %q of host %q", u.Path, u.Host)
	}
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		transport = &http.Transport{}
	}
	transport = transport.Clone()
	roots, err := keyfile.Authorities("secrets.kms.ca", k.CA)
	if err != nil {
		return nil, err
	}
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	return &vault{KMS: k, host: u.Host, mount: parts[1], key: parts[2], client: &http.Client{Transport: transport, Timeout: wrapLimit,
		// Another address would be sent the token too.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// Name implements Wrap.
func (v *vault) Name() string { return v.Key }

// EncryptWithContext implements Wrap. Associated data would need a key of a
// certain type; none is used, and any is refused.
func (v *vault) EncryptWithContext(ctx context.Context, plain, associated []byte) ([]byte, error) {
	if len(associated) > 0 {
		return nil, errors.New("a key of the transit engine takes no associated data here")
	}
	answer, err := v.ask(ctx, "encrypt", map[string]string{"plaintext": base64.StdEncoding.EncodeToString(plain)})
	switch {
	case err != nil:
		return nil, err
	case answer.Ciphertext == "":
		return nil, v.senseless("encrypt")
	}
	return []byte(answer.Ciphertext), nil
}

// DecryptWithContext implements Wrap.
func (v *vault) DecryptWithContext(ctx context.Context, wrapped, associated []byte) ([]byte, error) {
	if len(associated) > 0 {
		return nil, errors.New("a key of the transit engine takes no associated data here")
	}
	answer, err := v.ask(ctx, "decrypt", map[string]string{"ciphertext": string(wrapped)})
	if err != nil {
		return nil, err
	}
	plain, err := base64.StdEncoding.DecodeString(answer.Plaintext)
	if err != nil || len(plain) == 0 {
		return nil, v.senseless("decrypt")
	}
	return plain, nil
}

// transit is the part of an answer that matters.
type transit struct {
	Ciphertext string `json:"ciphertext"`
	Plaintext  string `json:"plaintext"`
}

// ask has the transit engine do one thing with the key.
func (v *vault) ask(ctx context.Context, what string, in map[string]string) (transit, error) {
	token, err := v.token()
	if err != nil {
		return transit{}, err
	}
	body, err := json.Marshal(in)
	if err != nil {
		return transit{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+v.host+"/v1/"+v.mount+what+"/"+v.key, bytes.NewReader(body))
	if err != nil {
		return transit{}, err
	}
	req.Header.Set("X-Vault-Token", token.Reveal())
	req.Header.Set("X-Vault-Request", "true") // asked for by agents and proxies that guard against forged requests
	req.Header.Set("Content-Type", "application/json")
	resp, err := v.client.Do(req)
	if err != nil {
		return transit{}, v.away("does not answer", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, vaultAnswer))
	if err != nil {
		return transit{}, v.away("breaks off its answer", err)
	}
	if resp.StatusCode != http.StatusOK {
		return transit{}, v.refusal(what, resp.StatusCode, data, token)
	}
	var answer struct {
		Data transit `json:"data"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return transit{}, v.senseless(what)
	}
	return answer.Data, nil
}

// token is what the service knows this process by. A file that is not there
// yet is waited for: whoever renews it may start later.
func (v *vault) token() (Text, error) {
	if v.TokenFile == "" {
		if v.Token.Empty() {
			return Text{}, fault.New(fault.Invalid, "KMS_TOKEN", "there is no token for the KMS at %s; set secrets.kms.token_file, or secrets.kms.token", v.host)
		}
		return v.Token, nil
	}
	data, err := os.ReadFile(v.TokenFile)
	if value := strings.TrimSpace(string(data)); err == nil && value != "" && !strings.ContainsAny(value, "\r\n") {
		return NewText(value), nil
	}
	return Text{}, &fault.Error{Kind: fault.Unavailable, Reason: KMSAway, Cause: err,
		Message: "there is no token in " + v.TokenFile + ", which secrets.kms.token_file names"}
}

func (v *vault) away(how string, cause error) error {
	return &fault.Error{Kind: fault.Unavailable, Reason: KMSAway, Message: "the KMS at " + v.host + " " + how, Cause: cause}
}

// senseless is an answer of success that holds nothing of use.
func (v *vault) senseless(what string) error {
	return fault.New(fault.Precondition, KMSRefused, "what answers at %s to %s with %s is no KMS; check secrets.kms.key", v.host, what, v.key)
}

// refusal reads an answer that is no success: the service's status codes are
// its own (429, 472 and 473 are nodes that stand by, 503 is one that is sealed).
func (v *vault) refusal(what string, status int, data []byte, token Text) error {
	cause := fmt.Errorf("status %d%s", status, words(data, token))
	switch {
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		return &fault.Error{Kind: fault.Denied, Reason: KMSDenied, Cause: cause, Message: fmt.Sprintf(
			"the KMS at %s does not let this process %s with %s; its token must be valid and have update on %s%s/%s", v.host, what, v.key, v.mount, what, v.key)}
	case status >= http.StatusInternalServerError || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status == 472 || status == 473:
		return v.away(fmt.Sprintf("answers with status %d", status), cause)
	case status >= http.StatusMultipleChoices && status < http.StatusBadRequest:
		return &fault.Error{Kind: fault.Precondition, Reason: KMSRefused, Cause: cause,
			Message: "the KMS at " + v.host + " points elsewhere; name the node that answers in secrets.kms.key"}
	}
	return &fault.Error{Kind: fault.Precondition, Reason: KMSRefused, Cause: cause, Message: fmt.Sprintf(
		"the KMS at %s cannot %s with %s; it must be the key that the keyset was wrapped with", v.host, what, v.key)}
}

// words are what a refusal says of itself, for the log: short, quoted, and
// without the token, should it be repeated there.
func words(data []byte, token Text) string {
	var said struct {
		Errors []string `json:"errors"`
	}
	if json.Unmarshal(data, &said) != nil || len(said.Errors) == 0 {
		return ""
	}
	text := strings.ReplaceAll(strings.Join(said.Errors, "; "), token.Reveal(), hidden)
	if len(text) > toldOfAnswer {
		text = text[:toldOfAnswer]
	}
	return fmt.Sprintf(": %q", text)
}
