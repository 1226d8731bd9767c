package graph_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/graph"
)

func TestProfile(t *testing.T) {
	const (
		refusedField = `{"error":{"code":100,"error_subcode":2018247}}`
		people       = `{"data":[{"participants":{"data":[{"id":"102030","name":"Page"},{"id":"4040","name":"Елена"}]}}]}`
	)
	for name, c := range map[string]struct {
		names, extras, people string
		want                  graph.Profile
		zone                  float64
	}{
		"all":              {`{"first_name":"John","last_name":"Smith","profile_pic":"https://x/p"}`, `{"locale":"en_GB","timezone":2}`, "", graph.Profile{Name: "John Smith", Picture: "https://x/p", Locale: "en_GB"}, 2},
		"name alone":       {`{"name":"Sample Customer"}`, refusedField, "", graph.Profile{Name: "Sample Customer"}, 0},
		"first alone":      {`{"first_name":"John"}`, refusedField, "", graph.Profile{Name: "John"}, 0},
		"empty":            {`{}`, refusedField, people, graph.Profile{Name: "Елена"}, 0},
		"empty strings":    {`{"first_name":"","last_name":""}`, refusedField, people, graph.Profile{Name: "Елена"}, 0},
		"refused":          {refusedField, refusedField, people, graph.Profile{Name: "Елена"}, 0},
		"nothing anywhere": {refusedField, refusedField, `{"data":[]}`, graph.Profile{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body := map[string]string{"first_name,last_name,name,profile_pic": c.names, "locale,timezone": c.extras, "participants": c.people}[r.URL.Query().Get("fields")]
				if body == refusedField {
					w.WriteHeader(http.StatusBadRequest)
				}
				_, _ = io.WriteString(w, body)
			}))
			defer server.Close()
			got, err := client(t, server.URL, 0).Profile(t.Context(), page(), "4040")
			if err != nil {
				t.Fatal(err)
			}
			if (got.Timezone != nil) != (c.zone != 0) || (got.Timezone != nil && *got.Timezone != c.zone) {
				t.Errorf("time zone %v, want %v", got.Timezone, c.zone)
			}
			got.Timezone = nil
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// A page that grants more than the name costs one request, and one that does
// not is not asked for more every time; when that changes, nothing is lost.
func TestProfileLearnsWhatThePageGrants(t *testing.T) {
	var asked []string
	granted := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fields := r.URL.Query().Get("fields")
		asked = append(asked, fields)
		if !granted && strings.Contains(fields, "locale") {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":{"code":100,"error_subcode":2018247}}`)
			return
		}
		answer := map[string]any{}
		if strings.Contains(fields, "name") {
			answer["name"] = "Елена"
		}
		if strings.Contains(fields, "locale") {
			answer["locale"] = "bg_BG"
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	defer server.Close()
	c := client(t, server.URL, 0)
	const names, extras = "first_name,last_name,name,profile_pic", "locale,timezone"
	for _, step := range []struct {
		granted bool
		asked   []string
		locale  string
	}{
		{true, []string{names, extras}, "bg_BG"},
		{true, []string{names + "," + extras}, "bg_BG"},
		{false, []string{names + "," + extras, names, extras}, ""},
		{false, []string{names}, ""},
		{true, []string{names}, ""}, // for an hour
	} {
		asked, granted = nil, step.granted
		got, err := c.Profile(t.Context(), page(), "4040")
		if err != nil || got.Name != "Елена" || got.Locale != step.locale {
			t.Errorf("got %+v, %v, want locale %q", got, err, step.locale)
		}
		if !slices.Equal(asked, step.asked) {
			t.Errorf("asked %q, want %q", asked, step.asked)
		}
	}
}

func TestProfileSaysWhatMayPass(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":{"code":80006}}`)
	}))
	defer server.Close()
	_, err := client(t, server.URL, time.Minute).Profile(t.Context(), page(), "4040")
	if !fault.Is(err, fault.Exhausted) || !fault.Retryable(err) {
		t.Errorf("error %v, want exhausted", err)
	}
}

func TestDebugTokenAsksInTheAppsName(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer 4242|app-secret" || r.URL.Query().Get("input_token") != "page-token" {
			t.Error("not asked as Meta's page says")
		}
		_, _ = io.WriteString(w, `{"data":{"app_id":4242,"type":"PAGE","is_valid":true,"expires_at":0,"profile_id":"102030","scopes":["pages_messaging"]}}`)
	}))
	defer server.Close()
	got, err := client(t, server.URL, 0).DebugToken(t.Context(), page(), "4242")
	if err != nil {
		t.Fatal(err)
	}
	if !got.Valid || got.AppID != "4242" || got.Page != "102030" || !got.Expires.IsZero() || len(got.Scopes) != 1 {
		t.Errorf("got %+v", got)
	}
}

// A token that is dead is an answer, with its reasons; only a refusal of the
// question is an error.
func TestDebugTokenTellsWhyATokenIsDead(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"data":{"app_id":"4242","is_valid":false,"expires_at":1760000000,"data_access_expires_at":1760000001,
			"error":{"code":190,"subcode":460,"message":"changed"},"scopes":[]}}`)
	}))
	defer server.Close()
	got, err := client(t, server.URL, 0).DebugToken(t.Context(), page(), "4242")
	if err != nil || got.Valid || got.Code != 190 || got.Subcode != 460 || got.Expires.Unix() != 1760000000 || got.DataExpires.Unix() != 1760000001 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// An answer that says nothing of the token is none.
func TestAnEmptyAnswerAboutATokenIsNone(t *testing.T) {
	for _, body := range []string{`{}`, `{"data":null}`, `{"id":"1","name":"x"}`, `{"data":[]}`, `{"data":{"is_valid":"perhaps"}}`} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
		got, err := client(t, server.URL, 0).DebugToken(t.Context(), page(), "4242")
		if !fault.Is(err, fault.Unavailable) || got.Valid {
			t.Errorf("%s: got %+v, %v", body, got, err)
		}
		server.Close()
	}
}

func TestApprovedAreThoseThatAreLive(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer 4242|app-secret" || r.URL.Path != "/v26.0/4242/permissions" {
			t.Error("not asked as Meta's page says")
		}
		_, _ = io.WriteString(w, `{"data":[{"permission":"pages_messaging","status":"live"},{"permission":"human_agent","status":"unapproved"}]}`)
	}))
	defer server.Close()
	got, err := client(t, server.URL, 0).Approved(t.Context(), page(), "4242")
	if err != nil || len(got) != 1 || got[0] != "pages_messaging" {
		t.Errorf("got %v, %v", got, err)
	}
}
