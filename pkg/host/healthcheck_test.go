package host_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/host"
)

func TestHealthcheckTellsReadyFromNot(t *testing.T) {
	ready := true
	probes := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" || !ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer probes.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(probes.URL, "http://"), ":")
	check := func(listen string) error {
		cmd, err := host.Command(host.Program{Name: "parley-x"})
		if err != nil {
			t.Fatal(err)
		}
		cmd.SetArgs([]string{"healthcheck", "--ops.listen", listen})
		cmd.SetErr(io.Discard)
		return cmd.ExecuteContext(t.Context())
	}
	for _, listen := range []string{"127.0.0.1:" + port, ":" + port, "0.0.0.0:" + port} {
		if err := check(listen); err != nil {
			t.Errorf("ready at %s: %v", listen, err)
		}
	}
	ready = false
	for listen, want := range map[string]string{":" + port: "not ready", "": "empty", "nowhere": "host:port", "127.0.0.1:1": "no answer"} {
		if err := check(listen); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v does not say %q", listen, err, want)
		}
	}
}
