package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// TestWhatIsDrawnAnewIsPressed: a page that draws its buttons anew all the time has
// one pressed once for each time that somebody presses.
func TestWhatIsDrawnAnewIsPressed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!DOCTYPE html><title>drawn</title><main></main><script>
			let pressed = 0;
			addEventListener('mousedown', () => pressed++);
			setInterval(() => document.querySelector('main').innerHTML = '<button>press</button>', 1);
		</script>`))
	}))
	defer server.Close()
	b := webtest.Browse(t)
	b.Go(server.URL)
	for range 4 {
		b.Click("main button")
	}
	if n := b.Eval("String(pressed)"); n != "4" {
		t.Errorf("pressed %s times, want 4", n)
	}
}
