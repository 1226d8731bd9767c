package audit_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/audit"
	"github.com/parley-desk/parley/pkg/audit/audittest"
	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	auditv1 "github.com/parley-desk/parley/proto/gen/parley/audit/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/proto/subject"
)

func box(t *testing.T) *secret.Box {
	t.Helper()
	b, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// written is an audit of n records.
func written(t *testing.T, b *secret.Box, n int) (*audittest.Stream, *audit.Log) {
	t.Helper()
	s := &audittest.Stream{}
	l := audit.New(s, b, time.Now)
	for i := range n {
		if _, err := l.Write(t.Context(), &auditv1.Record{Kind: "queue.pause", Actor: "agent:elena", Objects: []string{fmt.Sprint("queues/", i)}}); err != nil {
			t.Fatal(err)
		}
	}
	return s, l
}

// found are the faults of an audit, "5 CHANGED".
func found(t *testing.T, l *audit.Log, after uint64) (all []string) {
	t.Helper()
	v, err := l.Verify(t.Context(), after, audit.MostVerified)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range v.Faults {
		all = append(all, fmt.Sprintf("%d %s", f.Number, f.Reason))
	}
	return all
}

// TestEveryAlterationIsFoundAndNamed (P16, SS6): whatever is done to one record, at
// whatever place, by somebody who has the broker and no keyset, is found at that
// place and at no other. Records beyond one stride, so that strides meet.
func TestEveryAlterationIsFoundAndNamed(t *testing.T) {
	const n = 300
	b := box(t)
	s, l := written(t, b, n)
	whole := s.All()
	if got := found(t, l, 0); got != nil {
		t.Fatalf("an audit nobody touched: %q", got)
	}
	_, other := written(t, box(t), n)
	_ = other
	strange, _ := written(t, box(t), n)
	older, _ := written(t, b, n)
	for i := range whole {
		place := i + 1
		alter := func(name, want string, change func([]bus.AuditEntry) []bus.AuditEntry) {
			s.Alter(change(slices.Clone(whole)))
			if got := strings.Join(found(t, l, 0), ", "); got != want {
				t.Fatalf("%d %s: found %q, want %q", place, name, got, want)
			}
			if after := uint64(max(0, place-2)); place > 1 {
				if got := strings.Join(found(t, l, after), ", "); got != want {
					t.Fatalf("%d %s, beginning behind %d: found %q, want %q", place, name, after, got, want)
				}
			}
		}
		changed := fmt.Sprintf("%d CHANGED", place)
		alter("with another actor", changed, func(all []bus.AuditEntry) []bus.AuditEntry {
			r := audit.Read(all[i])
			r.Actor = "agent:mila"
			all[i].Data, _ = proto.Marshal(r)
			return all
		})
		alter("with a byte more", changed, func(all []bus.AuditEntry) []bus.AuditEntry {
			all[i].Data = append(slices.Clone(all[i].Data), 0)
			return all
		})
		alter("emptied", changed, func(all []bus.AuditEntry) []bus.AuditEntry { all[i].Data, all[i].Seal = nil, ""; return all })
		alter("with another seal", changed, func(all []bus.AuditEntry) []bus.AuditEntry { all[i].Seal = strings.Repeat("0", 64); return all })
		alter("of another deployment", changed, func(all []bus.AuditEntry) []bus.AuditEntry { all[i] = strange.All()[i]; return all })
		alter("dropped", fmt.Sprintf("%d MISSING", place), func(all []bus.AuditEntry) []bus.AuditEntry { return slices.Delete(all, i, i+1) })
		// One that was sealed for this place in another life of the same deployment.
		want := fmt.Sprintf("%d BROKEN, %d BROKEN", place, place+1)
		switch place {
		case 1:
			want = "2 BROKEN"
		case n:
			want = fmt.Sprintf("%d BROKEN", n)
		}
		alter("of a copy that went on by itself", want, func(all []bus.AuditEntry) []bus.AuditEntry { all[i] = older.All()[i]; return all })
		if i == 0 {
			continue
		}
		alter("swapped with the one before", fmt.Sprintf("%d MOVED, %d MOVED", place-1, place), func(all []bus.AuditEntry) []bus.AuditEntry {
			all[i-1].Data, all[i-1].Seal, all[i].Data, all[i].Seal = all[i].Data, all[i].Seal, all[i-1].Data, all[i-1].Seal
			return all
		})
		alter("put twice", fmt.Sprintf("%d MOVED", place), func(all []bus.AuditEntry) []bus.AuditEntry {
			all[i].Data, all[i].Seal = all[i-1].Data, all[i-1].Seal
			return all
		})
	}
	s.Alter(nil)
	if got := found(t, l, 0); len(got) != n || got[0] != "1 MISSING" || got[n-1] != fmt.Sprint(n, " MISSING") {
		t.Errorf("of an audit of which all is gone %d are missed", len(got))
	}
}

// TestWhatComesAfterAGapIsChained: somebody drops the newest record; the next one
// cannot heal that.
func TestWhatComesAfterAGapIsChained(t *testing.T) {
	b := box(t)
	s, _ := written(t, b, 5)
	s.Alter(s.All()[:4])
	l := audit.New(s, b, time.Now) // another process, which has not seen it
	for range 3 {
		if _, err := l.Write(t.Context(), &auditv1.Record{Kind: "queue.pause"}); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(found(t, l, 0), ", "); got != "5 MISSING" {
		t.Errorf("found %q", got)
	}
}

// TestWritersRace: several processes write at once, answers are lost, and what a
// caller was told stands there once, the numbers are 1 to n, and the chain holds.
func TestWritersRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const processes, callers, each = 4, 5, 20
		b, s := box(t), &audittest.Stream{}
		dice := rand.New(rand.NewPCG(1, 2))
		s.Lose(func() audittest.Away {
			switch dice.IntN(10) { // under the lock of the stream
			case 0:
				return audittest.Lost
			case 1, 2:
				return audittest.Stored
			}
			return audittest.Here
		})
		var mu sync.Mutex
		told, refused := map[string]uint64{}, map[string]bool{}
		var wait sync.WaitGroup
		for p := range processes {
			l := audit.New(s, b, time.Now)
			for c := range callers {
				wait.Go(func() {
					for i := range each {
						name := fmt.Sprint(p, "/", c, "/", i)
						number, err := l.Write(t.Context(), &auditv1.Record{Kind: "queue.pause", Objects: []string{name}})
						mu.Lock()
						if err == nil {
							told[name] = number
						} else {
							refused[name] = true
						}
						mu.Unlock()
						time.Sleep(time.Duration(i) * time.Millisecond)
					}
				})
			}
		}
		wait.Wait()
		times := map[string]int{}
		for _, e := range s.All() {
			r := audit.Read(e)
			times[r.GetObjects()[0]]++
			if number, ok := told[r.GetObjects()[0]]; ok && number != e.Number {
				t.Errorf("%s was told %d and stands at %d", r.GetObjects()[0], number, e.Number)
			}
		}
		for name := range told {
			if times[name] != 1 {
				t.Errorf("%s stands there %d times", name, times[name])
			}
		}
		if len(told) < processes*callers*each*9/10 {
			t.Errorf("only %d were written, %d refused", len(told), len(refused))
		}
		s.Lose(nil)
		if got := found(t, audit.New(s, b, time.Now), 0); got != nil {
			t.Errorf("the chain: %q", got)
		}
	})
}

// TestWhatCannotBeRecordedIsNotDone, and what fails after it was recorded is told.
func TestWhatCannotBeRecordedIsNotDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := box(t), &audittest.Stream{}
		l := audit.New(s, b, time.Now)
		s.Lose(func() audittest.Away { return audittest.Lost })
		done := false
		began := time.Now()
		err := l.Do(t.Context(), &auditv1.Record{Kind: "person.erase"}, func(context.Context) error { done = true; return nil })
		f := new(fault.Error)
		if !errors.As(err, &f) || f.Reason != audit.Away || f.Kind != fault.Unavailable || done {
			t.Errorf("done %v, %v", done, err)
		}
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("whoever asked waited %v", took)
		}
		s.Lose(nil)
		sorry := fault.New(fault.Precondition, "LEGAL_HOLD", "not now")
		if err := l.Do(t.Context(), &auditv1.Record{Kind: "person.erase", Actor: "local:root"}, func(context.Context) error { return sorry }); !errors.Is(err, sorry) {
			t.Errorf("the act's own fault became %v", err)
		}
		if err := l.Do(t.Context(), &auditv1.Record{Kind: "person.erase"}, func(context.Context) error { done = true; return nil }); err != nil || !done {
			t.Errorf("done %v, %v", done, err)
		}
		all := s.All()
		if len(all) != 3 {
			t.Fatalf("%d records", len(all))
		}
		if r := audit.Read(all[1]); r.GetUndone() != 1 || r.GetReason() != "LEGAL_HOLD" || r.GetActor() != "local:root" || r.GetKind() != "person.erase" {
			t.Errorf("what failed is told as %v", r)
		}
	})
}

// TestDescribe: a record has what the option names, and nothing else of a request,
// whatever stands there.
func TestDescribe(t *testing.T) {
	l := audit.New(&audittest.Stream{}, box(t), time.Now)
	ref := &deskv1.ConversationRef{Page: "10", Psid: "PSID-CANARY", Conversation: "c1"}
	for method, c := range map[string]struct {
		request proto.Message
		objects string
		changes string
		person  bool
	}{
		"/parley.desk.v1.DeskService/AssignConversation": {&deskv1.AssignConversationRequest{Ref: ref, Target: &deskv1.AssignConversationRequest_ToAgent{ToAgent: "mila"}, Note: "TEXT-CANARY"}, "conversations/c1", "to_agent=mila", true},
		"/parley.desk.v1.DeskService/ActOnConversations": {&deskv1.ActOnConversationsRequest{Refs: []*deskv1.ConversationRef{ref, {Page: "10", Psid: "PSID-CANARY", Conversation: "c2"}},
			Action: &deskv1.ActOnConversationsRequest_ForceClose{ForceClose: true}, Note: "TEXT-CANARY"}, "conversations/c1 conversations/c2", "force_close=true", false},
		"/parley.desk.v1.DeskService/SetAgentPresence":     {&deskv1.SetAgentPresenceRequest{OfAgent: "mila", Presence: 4}, "agents/mila", "presence=PRESENCE_AWAY", false},
		"/parley.admin.v1.OperateService/DropDeadLetter":   {&adminv1.DropDeadLetterRequest{Sequence: 7, Reason: "TEXT-CANARY"}, "letters/7", "", false},
		"/parley.admin.v1.OperateService/ExportTranscript": {&adminv1.ExportTranscriptRequest{Page: "10", Psid: "PSID-CANARY"}, "pages/10", "", true},
		"/parley.admin.v1.ProvisionService/SetPageToken":   {&adminv1.SetPageTokenRequest{Page: "shop", AccessToken: &configv1.Secret{Value: "SECRET-CANARY"}, Unchecked: true}, "pages/shop", "unchecked=true", false},
		"/parley.admin.v1.VariableService/SetVariables":    {&adminv1.SetVariablesRequest{Page: "10", Psid: "PSID-CANARY", Conversation: "c1", Variables: map[string]string{"order": "TEXT-CANARY"}}, "conversations/c1", "", true},
		"/parley.admin.v1.KeyService/RotateKey":            {&adminv1.RotateKeyRequest{}, "", "", false},
		"/parley.contact.v1.ContactService/ImportContacts": {&contactv1.ImportContactsRequest{Rows: []*contactv1.ImportRow{{Contact: &contactv1.Contact{Name: "NAME-CANARY"}}}}, "", "", false},
		"/parley.admin.v1.QueueService/PauseQueue":         {&adminv1.PauseQueueRequest{Queue: strings.Repeat("x", 10_000) + "TEXT-CANARY", Pause: true}, "queues/" + strings.Repeat("x", 128) + "…", "pause=true", false},
	} {
		said := audit.Option(method)
		if said == nil {
			t.Errorf("%s is not recorded", method)
			continue
		}
		r := l.Describe(method, said, c.request)
		var changes []string
		for _, change := range r.GetChanges() {
			changes = append(changes, change.GetField()+"="+change.GetAfter())
		}
		if got := strings.Join(r.GetObjects(), " "); got != c.objects || strings.Join(changes, " ") != c.changes || (r.GetPerson() != "") != c.person {
			t.Errorf("%s: about %q, %q, %q", method, got, changes, r.GetPerson())
		}
		if data, _ := proto.Marshal(r); strings.Contains(string(data), "CANARY") {
			t.Errorf("%s records %v", method, r)
		}
	}
	if a, b := l.Person(subject.Thread{Page: "1", PSID: "2"}), l.Person(subject.Thread{Page: "1", PSID: "3"}); a == b || len(a) != 24 {
		t.Errorf("people are %q and %q", a, b)
	}
}

// TestList goes backwards page by page, by every filter.
func TestList(t *testing.T) {
	b, s := box(t), &audittest.Stream{}
	now := time.UnixMilli(1_000_000_000_000)
	l := audit.New(s, b, func() time.Time { return now })
	const n = 700
	for i := range n {
		now = now.Add(time.Hour)
		r := &auditv1.Record{Kind: []string{"config.change", "queue.pause", "configure.else"}[i%3], Actor: []string{"agent:elena", "local:root"}[i%2],
			Objects: []string{[]string{"queues/front", "queues/frontier", "pages/shop"}[i%3]}, Person: fmt.Sprint(i % 5)}
		if _, err := l.Write(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		f    audit.Filter
		want func(i int) bool
	}{
		"all":                  {audit.Filter{}, func(int) bool { return true }},
		"an actor":             {audit.Filter{Actor: "local:root"}, func(i int) bool { return i%2 == 1 }},
		"a kind":               {audit.Filter{Kind: "config.change"}, func(i int) bool { return i%3 == 0 }},
		"kinds":                {audit.Filter{Kind: "config"}, func(i int) bool { return i%3 == 0 }},
		"a thing":              {audit.Filter{Object: "queues/front"}, func(i int) bool { return i%3 == 0 }},
		"things":               {audit.Filter{Object: "queues"}, func(i int) bool { return i%3 != 2 }},
		"a person":             {audit.Filter{Person: "3"}, func(i int) bool { return i%5 == 3 }},
		"all at once":          {audit.Filter{Kind: "queue", Actor: "agent:elena", Object: "queues", Person: "4"}, func(i int) bool { return i%3 == 1 && i%2 == 0 && i%5 == 4 }},
		"from a time":          {audit.Filter{From: 1_000_000_000_000 + 650*3_600_000}, func(i int) bool { return i+1 >= 650 }},
		"before a time":        {audit.Filter{Until: 1_000_000_000_000 + 50*3_600_000}, func(i int) bool { return i+1 < 50 }},
		"of what is not there": {audit.Filter{Kind: "burn"}, func(int) bool { return false }},
	} {
		var want, got []uint64
		for i := n - 1; i >= 0; i-- {
			if c.want(i) {
				want = append(want, uint64(i+1))
			}
		}
		for _, after := range []uint64{0, 1, 255, 256, 444, 699, 700, 701} {
			if got = nil; after > 0 {
				want = slices.DeleteFunc(want, func(number uint64) bool { return number <= after })
			}
			for next := uint64(0); ; {
				page, more, err := l.List(t.Context(), c.f, audit.Range{From: next, After: after}, 7)
				if err != nil || len(page) > 7 {
					t.Fatal(len(page), err)
				}
				for _, r := range page {
					got = append(got, r.GetNumber())
				}
				if next = more; next == 0 {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s behind %d: %d records, want %d", name, after, len(got), len(want))
			}
		}
	}
}
