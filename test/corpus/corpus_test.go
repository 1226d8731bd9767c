package corpus_test

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

var update = flag.Bool("update", false, "write what the desk shows of the corpus instead of checking it")

const golden = "testdata/shown.txt"

// TestTheDeskShowsWhatMetaSent posts every recorded body twice: as it is, which
// is long ago, and as if it were sent now, among items that nobody can read.
// Then the customer writes once more, an agent takes the conversation, and
// reads what came before. It is the same both times, and what the golden file
// says; that one has kinds, lengths and hashes, and nothing of the bodies.
func TestTheDeskShowsWhatMetaSent(t *testing.T) {
	var old, fresh []body
	for i, b := range recorded(t) {
		old = append(old, b.apart(2*i))
		if b := b.apart(2*i + 1); len(b.ids) > 0 { // without any it would be the same body again
			fresh = append(fresh, b.now(time.Now()).crowded())
		}
	}
	h := start(t)
	h.connect(t, slices.Concat(old, fresh))
	shown, again := h.shown(t, old), h.shown(t, fresh)
	for _, b := range fresh {
		// What is long past opens no conversation.
		same := slices.DeleteFunc(slices.Clone(again[b.name]), func(sign string) bool { return sign == opens })
		if !slices.Equal(same, shown[b.name]) {
			t.Errorf("%s shows %q, and sent now and among strangers %q", b.name, shown[b.name], again[b.name])
		}
		shown[b.name] = again[b.name]
	}
	var lines []string
	for _, b := range old {
		lines = append(lines, b.name+": "+strings.Join(shown[b.name], "; "))
	}
	// No agent sees that Meta limits a page, so the metric must tell.
	if limited := `parley_classification_policy_enforcements_total{service="classification"} 4`; !strings.Contains(h.metrics(t), limited) {
		t.Errorf("the metrics do not say %s", limited)
	}
	text := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	have := strings.Split(string(want), "\n")
	for i, line := range strings.Split(text, "\n") {
		if i >= len(have) || have[i] != line {
			t.Fatalf("the desk shows something else; when that is right, renew it with: go test ./test/corpus/ -update\n%s\nwas\n%s",
				line, strings.Join(have[min(i, len(have)):min(i+1, len(have))], ""))
		}
	}
}

// shown posts bodies and gives what people get to see of each.
func (h *house) shown(t *testing.T, bodies []body) map[string][]string {
	t.Helper()
	owner, nameless := map[string]string{}, []string{}
	for _, b := range bodies {
		h.post(t, b.raw)
		if len(b.ids) == 0 {
			nameless = append(nameless, b.name)
		}
		for _, id := range b.ids {
			owner[id] = b.name
		}
	}
	filed := func() (out map[string][]string, people []customer) {
		out = map[string][]string{}
		threads := h.transcript(t)
		for c, facts := range threads {
			switch name, ours := owner[c.page]; {
			case ours && c.psid == "":
				out[name] = append(out[name], signsOf(facts)...)
			case ours:
				out[name] = append(out[name], []string{}...)
				people = append(people, c)
			}
		}
		for i, f := range threads[customer{}][:min(len(nameless), len(threads[customer{}]))] {
			out[nameless[i]] = signsOf([]*threadv1.Fact{f}) // in the order in which they were posted
		}
		return out, people
	}
	await(t, "every body is filed", func() bool { out, _ := filed(); return len(out) == len(bodies) })
	// A body may lead to several threads, and each is filed in its own time: whoever
	// comes while the others are read is read too.
	read := map[customer][]string{}
	out, people := filed()
	for len(read) < len(people) {
		maps.Copy(read, h.read(t, slices.DeleteFunc(people, func(c customer) bool { return read[c] != nil })))
		out, people = filed()
	}
	for c, items := range read {
		out[owner[c.page]] = append(out[owner[c.page]], items...)
	}
	for _, signs := range out {
		slices.Sort(signs)
	}
	return out
}

// signsOf are the signs of facts that belong to no customer: no agent sees
// them, an administrator reads them by export.
func signsOf(facts []*threadv1.Fact) (signs []string) {
	met := 0
	for _, f := range facts {
		k := f.GetEventKept()
		if slices.Contains(strangers, k.GetRaw()) {
			met++
			continue
		}
		signs = append(signs, "of no customer: "+k.GetKind())
	}
	if met != 0 && met != len(strangers) {
		signs = append(signs, fmt.Sprintf("%d strangers of %d", met, len(strangers)))
	}
	return signs
}

const opens = "opens a conversation"

// sign tells one entry of the timeline from another without repeating what the
// customer said; empty for the turns of the conversation that shows it.
func sign(i *deskv1.TimelineItem) string {
	author := strings.ToLower(strings.TrimPrefix(i.GetAuthor().String(), "AUTHOR_"))
	words := []string{author}
	add := func(has bool, word string) {
		if has {
			words = append(words, word)
		}
	}
	d := i.GetDetails()
	if author == "system" {
		switch i.GetText() {
		case "conversation_opened":
			return opens
		case "event_kept", "referral_received", "reacted_earlier", "unreacted_earlier",
			"control_lost", "control_returned", "control_released", "control_requested":
			words = append(words, i.GetText())
			add(i.GetText() == "event_kept", d["kind"])
		default:
			return ""
		}
	} else {
		add(i.GetText() != "", fmt.Sprintf("text %d %.4x", utf8.RuneCountInString(i.GetText()), sha256.Sum256([]byte(i.GetText()))))
	}
	for n, a := range i.GetAttachments() {
		add(true, a.GetType())
		if n < len(i.GetFiles()) {
			f := i.GetFiles()[n]
			add(f.GetStatus() != 0, strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(f.GetStatus().String(), "FILE_STATUS_")+" "+f.GetReason(), "_", " ")))
		}
		add(a.GetUrl() != "", "with link")
		add(a.GetTitle() != "", "with title")
		add(a.Latitude != nil, "with place")
	}
	add(i.GetEdited(), "edited")
	add(i.GetUnsent(), "unsent")
	add(i.GetReplyTo() != "", "is an answer")
	add(i.GetReaction() != "", "has a reaction")
	for _, key := range slices.Sorted(maps.Keys(d)) {
		add(key != "kind", "says "+key)
	}
	return strings.Join(words, ", ")
}

// transcript is every fact of every thread, as an administrator exports it.
func (h *house) transcript(t *testing.T) map[customer][]*threadv1.Fact {
	t.Helper()
	stream, err := h.operate.ExportTranscript(t.Context(), &adminv1.ExportTranscriptRequest{})
	if err != nil {
		t.Fatal(err)
	}
	threads, last := map[customer][]*threadv1.Fact{}, map[customer]uint64{}
	for {
		r, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return threads
		case err != nil:
			t.Fatal(err)
		}
		c := customer{r.GetPage(), r.GetPsid()}
		if r.GetRevision() <= last[c] {
			continue // a thread that changed meanwhile came once more
		}
		last[c] = r.GetRevision()
		threads[c] = append(threads[c], r.GetCommit().GetFacts()...)
	}
}
