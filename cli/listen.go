package cli

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) listenCommand() *cobra.Command {
	var from credential
	l := listener{app: a}
	address, tokenVariable := "", ""
	cmd := &cobra.Command{
		Use:   "listen",
		Short: "Receive webhooks, check their signature and print a line for each event, until interrupted",
		Long: "Receive webhooks, check their signature and print a line for each event. With --forward it stands before an ingress:\n" +
			"what comes is passed on byte for byte, and the sender gets the ingress's answer. Without, it answers 200 itself.\n\n" +
			"What people wrote and who they are is left out, unless --text.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if l.secret, err = a.secret(from); err != nil {
				return err
			}
			l.token, _ = a.env.Lookup(tokenVariable)
			return l.serve(cmd.Context(), address)
		},
	}
	from.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&address, "address", "127.0.0.1:8085", "where to listen")
	f.StringVar(&tokenVariable, "verify-token-env", "VERIFY_TOKEN", "environment variable with the verify token, to answer Meta's verification without --forward")
	f.StringVar(&l.forward, "forward", "", "callback URL of an ingress to pass everything on to")
	f.BoolVar(&l.text, "text", false, "show customers' ids and what was said")
	return cmd
}

// listener is a receiver of webhooks.
type listener struct {
	app      *app
	secret   []byte
	token    string
	forward  string
	text     bool
	printing sync.Mutex
}

func (l *listener) serve(ctx context.Context, address string) error {
	open, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("--address: %w", err)
	}
	srv := &http.Server{Handler: l, ReadHeaderTimeout: 3 * time.Second, ReadTimeout: 15 * time.Second, IdleTimeout: time.Minute}
	l.app.say("listening on http://%s, any path; interrupt to end", open.Addr())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(open) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(srv.Shutdown(closing), ignoreClosed(<-done))
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// ServeHTTP takes one request, prints it and answers.
func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "", http.StatusRequestEntityTooLarge)
		return
	}
	status, said := http.StatusOK, []byte(nil)
	verdict := l.verdict(r, body)
	switch {
	case l.forward != "":
		if status, said, err = l.pass(r, body); err != nil {
			status = http.StatusBadGateway
			l.app.say("%v", unreachable{l.forward, err})
		}
	case r.Method == http.MethodGet:
		status, said = l.verify(r)
	case verdict != "genuine":
		status = http.StatusUnauthorized
	}
	l.tell(r, body, verdict, status)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(said) // #nosec G705 -- plain text, and says so
}

// verdict says what the signature is worth.
func (l *listener) verdict(r *http.Request, body []byte) string {
	given := r.Header.Get(signatureHeader)
	switch {
	case r.Method == http.MethodGet:
		return "a verification"
	case given == "":
		return "unsigned"
	case !hmac.Equal([]byte(given), []byte(signature(l.secret, body))):
		return "WRONG SIGNATURE"
	}
	return "genuine"
}

// verify answers Meta's verification of a callback.
func (l *listener) verify(r *http.Request) (int, []byte) {
	query := r.URL.Query()
	challenge := query.Get("hub.challenge")
	if l.token == "" || !hmac.Equal([]byte(query.Get("hub.verify_token")), []byte(l.token)) || strings.Trim(challenge, "0123456789") != "" {
		return http.StatusForbidden, nil
	}
	return http.StatusOK, []byte(challenge)
}

// pass passes a request on as it is and gives the answer.
func (l *listener) pass(r *http.Request, body []byte) (int, []byte, error) {
	to := l.forward
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	req, err := http.NewRequestWithContext(r.Context(), r.Method, to, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	for _, name := range []string{"Content-Type", "User-Agent", signatureHeader} {
		if v := r.Header.Get(name); v != "" {
			req.Header.Set(name, v)
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	said, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	return resp.StatusCode, said, err
}

// tell prints a request: a line, and one for each event in it.
func (l *listener) tell(r *http.Request, body []byte, verdict string, status int) {
	l.printing.Lock()
	defer l.printing.Unlock()
	l.app.print("%s %s %q %s, %d bytes, answered %d", time.Now().UTC().Format(time.RFC3339), r.Method, r.URL.Path, verdict, len(body), status)
	if r.Method != http.MethodPost {
		return
	}
	var hook struct {
		Object string `json:"object"`
		Entry  []map[string]json.RawMessage
	}
	if json.Unmarshal(body, &hook) != nil {
		l.app.print("  no webhook: its body is no JSON of that shape")
		return
	}
	for _, entry := range hook.Entry {
		for _, lane := range []string{"messaging", "standby", "changes"} {
			var items []map[string]json.RawMessage
			if json.Unmarshal(entry[lane], &items) != nil {
				continue
			}
			for _, item := range items {
				l.app.print("  page %q %s: %s", loose(entry["id"]), lane, l.line(item))
			}
		}
	}
}

// line is one event: the keys that say what happened, and with --text all of it.
func (l *listener) line(item map[string]json.RawMessage) string {
	if l.text {
		raw, err := json.Marshal(item)
		if err != nil {
			return "?"
		}
		return string(raw)
	}
	var keys []string
	for key, value := range item {
		switch key {
		case "sender", "recipient", "timestamp":
			continue
		case "field":
			key += " " + loose(value)
		}
		var inner map[string]json.RawMessage
		if json.Unmarshal(value, &inner) == nil && key != "value" {
			names := make([]string, 0, len(inner))
			for name := range inner {
				names = append(names, fmt.Sprintf("%.40q", name))
			}
			slices.Sort(names)
			key = fmt.Sprintf("%.40q{%s}", key, strings.Join(names, " "))
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return strings.ReplaceAll(strings.Join(keys, " "), `"`, "")
}

// loose is a string or a number as text.
func loose(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}
