package graph_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
)

func TestTakeControlWritesWhatMetaAsksFor(t *testing.T) {
	var method, path, body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		method, path, body = r.Method, r.URL.Path, string(b)
		_, _ = io.WriteString(w, `{"success":true}`)
	}))
	defer server.Close()
	if err := client(t, server.URL, 0).TakeControl(t.Context(), page(), "4040"); err != nil {
		t.Fatal(err)
	}
	if method != http.MethodPost || path != "/v26.0/102030/take_thread_control" || body != `{"recipient":{"id":"4040"}}` {
		t.Errorf("%s %s %s", method, path, body)
	}
}

// Only an answer that says so is success, whatever else comes.
func TestTakeControlOfAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		reason string // of the house; empty: another one
		later  bool   // doing it again may help
	}{
		"no default app":      {400, `{"error":{"message":"x","code":27}}`, graph.ReasonControlBlocked, false},
		"refused":             {400, `{"error":{"message":"x","code":100}}`, graph.ReasonControlRefused, false},
		"no success":          {200, `{"success":false}`, graph.ReasonControlRefused, false},
		"nothing of it":       {200, `{}`, graph.ReasonControlRefused, false},
		"null":                {200, `null`, graph.ReasonControlRefused, false},
		"success of text":     {200, `{"success":"true"}`, "", true},
		"a list":              {200, `[true]`, "", true},
		"cut off":             {200, `{"success":tr`, "", true},
		"a page":              {200, `<html>`, "", true},
		"empty":               {200, ``, "", true},
		"an error of success": {200, `{"success":true,"error":{"message":"x","code":27}}`, graph.ReasonControlBlocked, false},
		"Meta is ill":         {503, `{"error":{"message":"x","code":2}}`, "", true},
		"a page of a failure": {502, strings.Repeat("<", 1<<16), "", true},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer server.Close()
			err := client(t, server.URL, 0).TakeControl(t.Context(), page(), "4040")
			var f *fault.Error
			if err == nil || !errors.As(err, &f) {
				t.Fatalf("got %v", err)
			}
			if c.reason != "" && f.Reason != c.reason || c.later != fault.Retryable(err) {
				t.Errorf("reason %q, later %v: %v", f.Reason, fault.Retryable(err), err)
			}
		})
	}
}
