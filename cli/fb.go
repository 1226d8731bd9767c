package cli

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	signatureHeader = "X-Hub-Signature-256"
	maxBody         = 8 << 20 // bytes of a webhook body
)

func (a *app) facebookCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "fb", Short: "Sign, send and watch webhooks, and read Meta's errors",
		Long: "Sign, send and watch webhooks as Meta's, for those who develop, and read its errors. None of these commands asks the admin API. The app\n" +
			"secret comes from an environment variable or a file, never from the command line, where others could see it."}
	cmd.AddCommand(a.signCommand(), a.triggerCommand(), a.listenCommand(), a.metaErrorCommand())
	return cmd
}

// credential is where a secret comes from.
type credential struct{ variable, file string }

func (c *credential) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.variable, "secret-env", "APP_SECRET", "environment variable with the app secret")
	cmd.Flags().StringVar(&c.file, "secret-file", "", "file with the app secret, instead")
}

// secret gives the secret, without a line break at its end.
func (a *app) secret(c credential) ([]byte, error) {
	text, _ := a.env.Lookup(c.variable)
	if c.file != "" {
		raw, err := a.env.ReadFile(c.file)
		if err != nil {
			return nil, fmt.Errorf("--secret-file: %w", err)
		}
		text = string(raw)
	}
	if text = strings.TrimRight(text, "\r\n"); text == "" {
		return nil, fmt.Errorf("there is no app secret: set %s, or say --secret-file", c.variable)
	}
	return []byte(text), nil
}

// input reads a file, or standard input for "-" and nothing.
func (a *app) input(args []string) ([]byte, error) {
	if len(args) == 0 || args[0] == "-" {
		raw, err := io.ReadAll(io.LimitReader(a.in, maxBody+1))
		if err == nil && len(raw) > maxBody {
			err = fmt.Errorf("standard input is longer than %d bytes", maxBody)
		}
		return raw, err
	}
	return a.env.ReadFile(args[0])
}

func sum(secret, body []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	_, _ = mac.Write(body)
	return mac.Sum(nil)
}

// signature is the value of the signature header.
func signature(secret, body []byte) string { return "sha256=" + hex.EncodeToString(sum(secret, body)) }

// signedRequest is body as a signed_request.
func signedRequest(secret, body []byte) string {
	written := base64.RawURLEncoding.EncodeToString(body)
	return base64.RawURLEncoding.EncodeToString(sum(secret, []byte(written))) + "." + written
}

func (a *app) signCommand() *cobra.Command {
	var from credential
	var request bool
	cmd := &cobra.Command{
		Use:   "sign [FILE]",
		Short: "Print the signature header of a body, byte for byte as it is in FILE or standard input",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			secret, err := a.secret(from)
			if err != nil {
				return err
			}
			body, err := a.input(args)
			if err != nil {
				return err
			}
			if request {
				a.print("%s", signedRequest(secret, body))
				return nil
			}
			a.print("%s: %s", signatureHeader, signature(secret, body))
			return nil
		},
	}
	from.flags(cmd)
	cmd.Flags().BoolVar(&request, "signed-request", false, "print the body as a signed_request instead")
	return cmd
}

func (a *app) triggerCommand() *cobra.Command {
	var from credential
	var to, body string
	var show bool
	w := wish{}
	cmd := &cobra.Command{
		Use:   "trigger KIND",
		Short: "Post a signed webhook to ingress and show its answer; exit code 1 unless it is 200",
		Long: "Post a signed webhook to ingress and show its answer. KIND is one of\n\n  " + strings.Join(kindNames(), " ") + "\n\n" +
			"or raw, for a body of your own from --body. Deletion and deauthorize go to the callbacks of these names.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			secret, err := a.secret(from)
			if err != nil {
				return err
			}
			w.kind = args[0]
			if w.kind == "raw" {
				if w.raw, err = a.input([]string{body}); err != nil {
					return err
				}
			}
			req, err := w.request(to, secret, time.Now())
			if err != nil {
				return err
			}
			if show {
				a.say("%s", req.shown)
			}
			return a.post(cmd.Context(), req)
		},
	}
	from.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&to, "url", "http://127.0.0.1:8081/webhook/demo", "callback URL of the account")
	f.StringVar(&body, "body", "-", "file with the body for raw; - is standard input")
	f.BoolVar(&show, "show", false, "show what is posted")
	f.StringVar(&w.page, "page", "1020304050607080", "Meta's page id")
	f.StringVar(&w.psid, "psid", "24681357924681357", "page-scoped id of the customer")
	f.StringVar(&w.text, "text", "Hello from parleyctl", "text, title or reference of what is said")
	f.StringVar(&w.mid, "mid", "", "message id; a new one when it is empty")
	return cmd
}

// post sends a request and shows the answer.
func (a *app) post(ctx context.Context, r request) error {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(r.body))
	if err != nil {
		return fmt.Errorf("--url %q: %w", r.url, err)
	}
	req.Header = r.header
	began := time.Now()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return unreachable{r.url, err}
	}
	defer func() { _ = resp.Body.Close() }()
	said, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return err
	}
	a.print("%d %s in %d ms", resp.StatusCode, http.StatusText(resp.StatusCode), time.Since(began).Milliseconds())
	if wait := resp.Header.Get("Retry-After"); wait != "" {
		a.print("Retry-After: %s", wait)
	}
	if len(said) > 0 {
		a.print("%s", strings.TrimSpace(strings.ToValidUTF8(string(said), "�")))
	}
	if hint := map[int]string{401: "the account has another app secret, or there is no such account", 404: "there is no ingress behind the URL",
		403: "the verify token is another", 503: "ingress cannot store it now"}[resp.StatusCode]; hint != "" {
		a.say("%s", hint)
	}
	if resp.StatusCode != http.StatusOK {
		return errTold
	}
	return nil
}

// unreachable says that nobody answered at a URL.
type unreachable struct {
	url string
	err error
}

// Error names the URL and why.
func (u unreachable) Error() string { return fmt.Sprintf("%s does not answer: %v", u.url, u.err) }

// callbackOf is the callback of another name beside a webhook's URL.
func callbackOf(webhook, name string) (string, error) {
	u, err := url.Parse(webhook)
	if err != nil || u.Host == "" || !strings.Contains(u.Path, "/webhook/") {
		return "", fmt.Errorf("--url %q is no callback URL; it ends in /webhook/ACCOUNT", webhook)
	}
	u.Path = strings.Replace(u.Path, "/webhook/", "/"+name+"/", 1)
	return u.String(), nil
}
