package trace_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parley-desk/parley/cli"
	"github.com/parley-desk/parley/pkg/keyspace/keyspacetest"
)

// ask runs parleyctl and gives what it says.
func (h *house) ask(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, words bytes.Buffer
	if code := cli.Main(append(args, "--server", h.server), strings.NewReader(""), &out, &words); code != want {
		t.Fatalf("parleyctl %v: code %d, want %d:\n%s%s", args, code, want, out.String(), words.String())
	}
	return out.String()
}

// customers are the ids of those who have written, as transcripts have them.
func (h *house) customers(t *testing.T) (psids []string) {
	t.Helper()
	for line := range strings.Lines(h.ask(t, 0, "export", "transcript", "--ndjson")) {
		var entry struct {
			PSID string `json:"psid"`
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.PSID != "" && !slices.Contains(psids, entry.PSID) {
			psids = append(psids, entry.PSID)
		}
	}
	return psids
}

// of are the lines of the transcripts that are of one customer.
func of(transcripts, psid string) (lines []string) {
	for line := range strings.Lines(transcripts) {
		if strings.Contains(line, psid) {
			lines = append(lines, line)
		}
	}
	return lines
}

// stands names the places in which a text is, of what the broker has of streams,
// of Redis, and of what the house said.
func (h *house) stands(t *testing.T, redis func() map[string]string, text string) (places []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(h.dir, "nats"), func(path string, d fs.DirEntry, err error) error {
		stream := filepath.Base(filepath.Dir(filepath.Dir(path)))
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".blk") || strings.HasPrefix(stream, "KV_") {
			return nil
		}
		if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, []byte(text)) {
			places = append(places, stream)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range redis() {
		if strings.Contains(key+value, text) {
			places = append(places, "redis")
		}
	}
	if strings.Contains(h.telemetry(t), text) {
		places = append(places, "telemetry")
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// TestOneCustomerIsErasedFromAWholeHouse: two customers are talked to; of the one
// who is erased nothing is anywhere, and of the other everything.
func TestOneCustomerIsErasedFromAWholeHouse(t *testing.T) {
	rdb := keyspacetest.Server(t)
	socket, err := rdb.ConfigGet(t.Context(), "unixsocket").Result()
	if err != nil {
		t.Fatal(err)
	}
	redis := func() map[string]string {
		all := map[string]string{}
		keys, err := rdb.Keys(t.Context(), "*").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			// Whatever sort it is of, the server can write it out.
			dump, _ := rdb.Dump(t.Context(), key).Result()
			all[key] = dump
		}
		return all
	}
	h := start(t, map[string]string{"PARLEY_REDIS_URL": "unix://" + socket["unixsocket"], "PARLEY_ATTACHMENT_ERASE_REST": "100ms"})
	h.apply(t)
	h.work(t)
	h.each(t, 2, "desk SendMessage", "graph send")
	var psids []string
	await(t, "both customers to be in the transcripts", func() bool { psids = h.customers(t); return len(psids) == 2 })
	gone, stays := psids[0], psids[1]
	for _, who := range psids {
		await(t, "something of everybody everywhere", func() bool {
			at := strings.Join(h.stands(t, redis, who), " ")
			return strings.Contains(at, "INBOUND") && strings.Contains(at, "THREAD") && strings.Contains(at, "redis")
		})
	}
	was := of(h.ask(t, 0, "export", "transcript", "--ndjson"), stays)

	thread := page + "/" + gone
	if said := h.ask(t, 0, "privacy", "erase", "--thread", thread, "--dry-run", "-o", "json"); !strings.Contains(said, `"THREAD"`) {
		t.Errorf("the dry run says %s", said)
	}
	h.ask(t, 0, "privacy", "hold", "--thread", thread, "--reason", "case 7")
	h.ask(t, 2, "privacy", "erase", "--thread", thread, "--end-conversation")
	h.ask(t, 0, "privacy", "release", "--thread", thread)
	h.ask(t, 0, "privacy", "erase", "--thread", thread, "--end-conversation")
	await(t, "the certificate", func() bool {
		var out bytes.Buffer
		return cli.Main([]string{"privacy", "certificate", "--thread", thread, "--server", h.server}, strings.NewReader(""), &out, io.Discard) == 0
	})
	if at := h.stands(t, redis, gone); len(at) > 0 {
		t.Errorf("who was erased is in %v\n%s", at, h.ask(t, 0, "privacy", "status"))
	}
	if left := of(h.ask(t, 0, "export", "transcript", "--ndjson"), gone); len(left) > 0 {
		t.Errorf("the transcripts still have %v", left)
	}
	if now := of(h.ask(t, 0, "export", "transcript", "--ndjson"), stays); !slices.Equal(now, was) {
		t.Errorf("of the other one there is\n%v\nand there was\n%v", now, was)
	}
	if at := fmt.Sprint(h.stands(t, redis, stays)); !strings.Contains(at, "INBOUND") || !strings.Contains(at, "THREAD") {
		t.Errorf("the other one is only in %s", at)
	}
	h.ask(t, 1, "privacy", "erase", "--thread", thread)
}
