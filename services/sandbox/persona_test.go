package sandbox_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/parley-desk/parley/pkg/graph"
	sealed "github.com/parley-desk/parley/pkg/secret"
)

// TestPagesSpeakByPersonas by the house's own client: the telephone shows who
// says a message, also after the persona is gone, by which no more can be said.
func TestPagesSpeakByPersonas(t *testing.T) {
	t.Parallel()
	m := start(t, config(t, newIngress(t)))
	m.write(psid, "Има ли някой?")
	client, err := graph.New(graph.Config{BaseURL: m.url + "/graph"}, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), noop.NewTracerProvider().Tracer(""))
	if err != nil {
		t.Fatal(err)
	}
	shop := graph.Page{ID: page, AppSecret: sealed.NewText(secret), Token: sealed.NewText(token), Version: "v26.0"}
	id, err := client.CreatePersona(t.Context(), shop, "Мими", "")
	if err != nil {
		t.Fatal(err)
	}
	say := func() graph.Outcome {
		return client.Send(t.Context(), shop, graph.Message{PSID: psid, Text: "Да", MessagingType: "RESPONSE", Persona: id})
	}
	if out := say(); out.Class != graph.Sent {
		t.Fatalf("the send is %+v", out)
	}
	if err := client.DeletePersona(t.Context(), shop, id); err != nil {
		t.Fatal(err)
	}
	if err := client.DeletePersona(t.Context(), shop, id); err == nil {
		t.Error("it is taken away twice")
	}
	if out := say(); out.Class != graph.Refused || out.Code != 100 {
		t.Errorf("a send by a persona that is gone is %+v", out)
	}
	if _, err := client.CreatePersona(t.Context(), shop, "", ""); err == nil {
		t.Error("a persona has no name")
	}
	shown, err := http.Get(m.url + "/sandbox/customers/" + page + "/" + psid + "/messages")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = shown.Body.Close() }()
	var thread struct{ Messages []struct{ Text, As string } }
	if err := json.NewDecoder(shown.Body).Decode(&thread); err != nil {
		t.Fatal(err)
	}
	if last := thread.Messages[len(thread.Messages)-1]; last.Text != "Да" || last.As != "Мими" {
		t.Errorf("the telephone shows %+v", last)
	}
}
