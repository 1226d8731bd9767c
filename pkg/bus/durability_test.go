package bus

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

func TestWhoeverToldMustBeEnough(t *testing.T) {
	for _, c := range []struct {
		syncs, size, silent int
		enough              bool
	}{
		{1, 1, 0, true}, {0, 1, 1, false}, {0, 0, 0, false},
		{3, 3, 0, true}, {2, 3, 1, true}, {1, 3, 2, false},
		{2, 3, 0, false}, // one was not asked: nobody named it
		{3, 5, 2, true}, {2, 5, 3, false}, {2, 4, 2, false}, {3, 4, 1, true},
	} {
		told := testimony{syncs: map[string]bool{}, size: c.size, silent: c.silent}
		for n := range c.syncs {
			told.syncs[fmt.Sprint(n)] = true
		}
		if told.forgetful() || told.enough() != c.enough {
			t.Errorf("%+v is enough: %v", c, told.enough())
		}
	}
}

// monitoring is the monitoring port of a broker of three; silent while down.
type monitoring struct {
	*httptest.Server
	down atomic.Bool
}

func monitorOf(t *testing.T, id string, syncs bool) *monitoring {
	m := &monitoring{}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if m.down.Load() {
			panic(http.ErrAbortHandler)
		}
		_, _ = fmt.Fprintf(w, `{"server_id":%q,"config":{"sync_always":%v},"meta_cluster":{"cluster_size":3}}`, id, syncs)
	}))
	t.Cleanup(m.Close)
	return m
}

// A broker that was down when the process started is asked again. When it turns
// out to forget, doctor says so for ever.
func TestWhoWasDownIsAskedAgain(t *testing.T) {
	for _, syncs := range []bool{true, false} {
		b := openOne(t)
		third := monitorOf(t, "3", syncs)
		third.down.Store(true)
		b.cfg.MonitorURL = strings.Join([]string{monitorOf(t, "1", true).URL, monitorOf(t, "2", true).URL, third.URL}, ",")
		told, err := b.testify(t.Context())
		if err != nil || b.judge(told) != nil {
			t.Fatalf("with one of three down: %+v, %v, %v", told, err, b.judge(told))
		}
		if b.askAgain(t.Context()) {
			t.Fatal("nobody is asked any more, while one is down")
		}
		if c := b.checkSafety(); len(c) != 1 || c[0].Level != Warning {
			t.Errorf("while one is down doctor says %+v", c)
		}
		third.down.Store(false)
		if !b.askAgain(t.Context()) {
			t.Error("all have told, and are asked again")
		}
		want := map[bool]Level{true: Fine, false: Failed}[syncs]
		if c := b.checkSafety(); len(c) != 1 || c[0].Level != want {
			t.Errorf("when all have told (the third syncs: %v) doctor says %+v", syncs, c)
		}
	}
}
