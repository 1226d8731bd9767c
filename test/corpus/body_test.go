package corpus_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// corpus finds the folder of webhook bodies of the world, which is kept beside
// the repository or beside a folder that holds it; empty when there is none.
func corpus(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		if found := filepath.Join(dir, "shared", "payloads"); exists(found) {
			return found
		}
	}
	return ""
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// body is a recorded webhook body under ids that no other body has.
type body struct {
	name string
	raw  []byte
	ids  []string
}

// recorded gives every recorded body, in the order of the corpus.
func recorded(t *testing.T) (bodies []body) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(corpus(t), "*-wh-*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("the payload corpus is not beside the repository")
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, body{name: strings.TrimSuffix(filepath.Base(file), ".json"), raw: raw})
	}
	return bodies
}

// apart gives the pages and people of a body ids of its own, so that bodies
// that were recorded with the same ones do not meet in a thread. Ids that were
// numbers stay numbers, and nothing else is touched.
func (b body) apart(number int) body {
	var whole struct {
		Entry []struct {
			ID                          json.RawMessage
			Messaging, Standby, Changes []struct {
				Sender, Recipient struct{ ID json.RawMessage }
			}
		}
	}
	_ = json.Unmarshal(b.raw, &whole) // what has no such place has no id there
	fresh := body{name: b.name, raw: b.raw}
	seen := map[string]bool{"": true}
	rename := func(raw json.RawMessage) {
		old := strings.Trim(string(raw), `"`)
		if seen[old] {
			return
		}
		seen[old] = true
		id := strconv.Itoa(5_000_000_000_000_000 + number*100 + len(fresh.ids))
		place := regexp.MustCompile(`("id"\s*:\s*"?)` + regexp.QuoteMeta(old) + `("?\s*[,}])`)
		fresh.raw = place.ReplaceAll(fresh.raw, []byte("${1}"+id+"${2}"))
		fresh.ids = append(fresh.ids, id)
	}
	for _, e := range whole.Entry {
		rename(e.ID)
		for _, items := range [][]struct {
			Sender, Recipient struct{ ID json.RawMessage }
		}{e.Messaging, e.Standby, e.Changes} {
			for _, i := range items {
				rename(i.Sender.ID)
				rename(i.Recipient.ID)
			}
		}
	}
	return fresh
}

var (
	moments = regexp.MustCompile(`("(?:time|timestamp|watermark)"\s*:\s*"?)(\d{10}(?:\d{3})?)("?\s*[,}])`)
	lists   = regexp.MustCompile(`("(?:messaging|standby|changes)"\s*:\s*\[)`)
)

// now is the body as if it were sent at this moment.
func (b body) now(t time.Time) body {
	b.raw = moments.ReplaceAllFunc(b.raw, func(found []byte) []byte {
		parts := moments.FindSubmatch(found)
		digits := strconv.FormatInt(t.UnixMilli(), 10)[:len(parts[2])]
		return bytes.Join([][]byte{parts[1], []byte(digits), parts[3]}, nil)
	})
	return b
}

// strangers are items that nobody can read.
var strangers = []string{`42`, `null`, `{"message": "none"}`, `["message"]`}

// crowded is the body with strangers before the items of every list.
func (b body) crowded() body {
	b.raw = lists.ReplaceAll(b.raw, []byte("${1}"+strings.Join(strangers, ", ")+", "))
	return b
}

func TestBodiesAreChangedWhereTheyShouldBe(t *testing.T) {
	b := body{raw: []byte(`{"entry":[{"id":"P","time":1458668856451,"messaging":[{"sender":{"id":12},"recipient":{"id": "P"},"timestamp":1458668856,"message":{"text":"P 12","id":"12"}}]}]}`)}
	got := string(b.apart(7).now(time.UnixMilli(1_800_000_000_123)).crowded().raw)
	want := fmt.Sprintf(`{"entry":[{"id":"%[1]d","time":1800000000123,"messaging":[42, null, {"message": "none"}, ["message"], `+
		`{"sender":{"id":%[2]d},"recipient":{"id": "%[1]d"},"timestamp":1800000000,"message":{"text":"P 12","id":"%[2]d"}}]}]}`,
		5_000_000_000_000_700, 5_000_000_000_000_701)
	if got != want {
		t.Errorf("\n%s, want\n%s", got, want)
	}
}
