package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// TestWhatIsDrawnAnewIsPressed: a page that draws its buttons anew for a while, faster
// than a slow machine can press them, has one pressed once for each time that somebody
// presses.
func TestWhatIsDrawnAnewIsPressed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!DOCTYPE html><title>drawn</title><main></main><script>
			let pressed = 0, drawn = 0;
			addEventListener('mousedown', () => pressed++);
			const draw = setInterval(() => {
				document.querySelector('main').innerHTML = '<button>press</button>';
				if (++drawn === 500) clearInterval(draw);
			}, 1);
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
