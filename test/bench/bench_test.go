package bench

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// The baseline takes what is signed and nothing else, and a volley fails when
// anything is not answered 200.
func TestVolleyAndBaselineAgree(t *testing.T) {
	l := listen(t)
	go func() { _ = ServePlain(l) }()
	addr := l.Addr().String()
	v := volley{on: self(), addr: addr, callers: 4, length: 50 * time.Millisecond, posts: webhooks(addr, 16, 3)}
	got, err := v.fire(t.Context())
	if err != nil || got.answered == 0 || got.answered != len(got.each) || got.rate() <= 0 {
		t.Fatalf("%d answered, %v", got.answered, err)
	}
	v.posts = [][]byte{bytes.Replace(v.posts[0], []byte("sha256="), []byte("sha256=0"), 1)}
	if _, err := v.fire(t.Context()); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("a forged webhook: %v, want 401", err)
	}
}

// self stands for a process whose use of the processor does not matter.
func self() *process { return &process{pid: os.Getpid()} }

// Everything that goes into the bare pipeline comes out of it, once.
func TestFlowThroughTheBarePipeline(t *testing.T) {
	l := listen(t)
	go func() { _ = ServeBare(l, t.TempDir()) }()
	addr := l.Addr().String()
	seen := newArrivals()
	stop, err := watchBare(addr, seen)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	f, err := newFlow(t.Context(), addr, seen)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	for range 2 {
		took, err := f.run(t.Context(), 100, 300*time.Millisecond)
		if err != nil || len(took) != 30 {
			t.Fatalf("%d of 30 came through, %v", len(took), err)
		}
	}
}

func TestArrivalsThatNeverCome(t *testing.T) {
	seen := newArrivals()
	seen.leave("1", time.Now())
	seen.see("2", time.Now()) // nobody awaits it
	if _, err := seen.take(context.Background(), time.Millisecond); err == nil || !strings.Contains(err.Error(), "1 of") {
		t.Errorf("got %v", err)
	}
}

func TestMetaAnswersWhatIsAsked(t *testing.T) {
	m, err := serveMeta()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.close() }()
	for !listens(m.addr) {
		if t.Context().Err() != nil {
			t.Fatal("it does not listen")
		}
	}
	resp, err := http.Get("http://" + m.addr + "/v26.0/1?fields=first_name,locale")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v", err)
	}
	_ = resp.Body.Close()
}

func TestFindingsSayWhetherTheyMet(t *testing.T) {
	for _, c := range []struct {
		f    Finding
		want string
	}{
		{Finding{"a", Bound{AtLeast: 0.4}, 0.41, ""}, "a ≥ 0.40 0.41 met"},
		{Finding{"a", Bound{AtLeast: 0.4}, 0.39, ""}, "a ≥ 0.40 0.39 **missed**"},
		{Finding{"a", Bound{AtMost: 3, Unit: "×"}, 3.2, ""}, "a ≤ 3.00× 3.20× **missed**"},
		{Finding{"a", Bound{AtLeast: 50_000, Unit: " events/s"}, 1_234_567, ""}, "a ≥ 50,000 events/s 1,234,567 events/s met"},
		{Finding{"a", Bound{Unit: " ms"}, 12.34, ""}, "a – 12.3 ms –"},
	} {
		if got := strings.TrimSpace(strings.Join(c.f.row(), " ")); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestFiguresReplaceFiguresAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(path, []byte("# Speed\n"+figuresBegin+"\nold\n"+figuresEnd+"\nwords\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := Machine{Processor: "Chip", Cores: 2, Go: "go1.26", Kernel: "6.1"}
	for range 2 {
		if err := WritePage(path, m, time.Minute, []Finding{{"a", Bound{AtMost: 3}, 2, "x"}}); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(path)
	page := string(raw)
	if err != nil || strings.Contains(page, "old") || strings.Count(page, "| a | ≤ 3.00 | 2.00 | met | x |") != 1 ||
		!strings.HasPrefix(page, "# Speed\n") || !strings.HasSuffix(page, figuresEnd+"\nwords\n") {
		t.Errorf("the page is\n%s", page)
	}
	if err := os.WriteFile(path, []byte("# Speed\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if WritePage(path, m, 0, nil) == nil {
		t.Error("a page without a place for figures was overwritten")
	}
}

func TestQuantilesAndMetrics(t *testing.T) {
	all := []time.Duration{5, 1, 4, 2, 3}
	if median(all) != 3 || quantile(all, 99) != 5 || quantile(all, 0) != 1 || median([]float64(nil)) != 0 || all[0] != 5 {
		t.Error("quantiles are wrong")
	}
	out := []byte("BenchmarkPick/x-2  4000  1 ns/op  44.25 floor-µs  94.7 p50-µs  2.14 ratio\nBenchmarkPick/x-2 4000 1 ns/op 46 floor-µs 1e+02 p50-µs 2.2 ratio\n")
	if got := metric(out, "ratio"); !slices.Equal(got, []float64{2.14, 2.2}) {
		t.Errorf("ratios %v", got)
	}
	if got := metric(out, "p50-µs"); !slices.Equal(got, []float64{94.7, 100}) {
		t.Errorf("p50 %v", got)
	}
}
