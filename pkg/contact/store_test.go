package contact_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/fault"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// house is a store over a log of its own, and a book of it.
type house struct {
	*contact.Store
	*contact.Finder
	bus *bus.Bus
}

func open(t testing.TB) house {
	t.Helper()
	b := bustest.Open(t)
	s := contact.Open(b, time.Now)
	return house{s, &contact.Finder{Store: s, Book: book(t, s)}, b}
}

func book(t testing.TB, s *contact.Store) *contact.Book {
	t.Helper()
	book := contact.NewBook(s)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := book.Run(ctx); err != nil {
			t.Errorf("the book ended: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	if err := book.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	return book
}

// found waits until a query finds exactly these names.
func (h house) found(t *testing.T, query string, inactive bool, want ...string) {
	t.Helper()
	var got []string
	late, tick := time.After(time.Minute), time.NewTicker(2*time.Millisecond)
	defer tick.Stop()
	for {
		all, _, err := h.Search(t.Context(), query, 10, inactive)
		if err != nil {
			t.Fatal(err)
		}
		got = nil
		for _, c := range all {
			got = append(got, c.GetName())
		}
		slices.Sort(got)
		if slices.Equal(got, want) {
			return
		}
		select {
		case <-tick.C: // the book follows
		case <-late:
			t.Errorf("%q finds %q, want %q", query, got, want)
			return
		}
	}
}

func reason(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Reason
	}
	return ""
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

var mila = contact.Deed{By: "agents/mila"}

func TestARepeatedRequestMakesOneContact(t *testing.T) {
	h, get := open(t), must[*contactv1.Contact](t)
	d := contact.Deed{By: "crm", Request: "r1"}
	first := get(h.Create(t.Context(), d, &contactv1.Contact{Name: " Иван  Петров", Emails: []string{"Ivan@Example.com", "ivan@example.com", " "}, Phones: []string{"+359 888 123 456"}, ExternalId: "CRM-1"}))
	want := &contactv1.Contact{Id: first.GetId(), Etag: first.GetEtag(), Name: "Иван  Петров", Emails: []string{"ivan@example.com"}, Phones: []string{"+359888123456"}, ExternalId: "CRM-1",
		CreatedMs: first.GetCreatedMs(), UpdatedMs: first.GetUpdatedMs(), UpdatedBy: "crm"}
	if diff := cmp.Diff(want, first, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	again := get(h.Create(t.Context(), d, &contactv1.Contact{Name: "Иван Петров", ExternalId: "CRM-1"}))
	if diff := cmp.Diff(first, again, protocmp.Transform()); diff != "" {
		t.Errorf("the same request gave another contact: %s", diff)
	}
	if _, err := h.Create(t.Context(), contact.Deed{By: "crm", Request: "r2"}, &contactv1.Contact{Name: "Other", ExternalId: " CRM-1 "}); reason(err) != contact.ExternalTaken {
		t.Errorf("a second contact with the external id: %v", err)
	}
	if other := get(h.Create(t.Context(), contact.Deed{By: "other", Request: "r1"}, &contactv1.Contact{Name: "Other"})); other.GetId() == first.GetId() {
		t.Error("the request of another caller gave the same contact")
	}
	if r, err := h.External(t.Context(), "CRM-1"); err != nil || r.GetContact().GetId() != first.GetId() {
		t.Errorf("CRM-1 is %v, %v", r, err)
	}
	h.found(t, "ivan p", false, "Иван  Петров")
}

// TestWhatIsFoundIsWhatIsStored, also of who is too long for the book to keep, of
// who was changed, and of who is found by what was merged into it.
func TestWhatIsFoundIsWhatIsStored(t *testing.T) {
	h, get := open(t), must[*contactv1.Contact](t)
	short := get(h.Create(t.Context(), mila, &contactv1.Contact{Name: "Ivan Short", Notes: "n", Fields: map[string]string{"tier": "gold"}}))
	get(h.Create(t.Context(), mila, &contactv1.Contact{Name: "Ivan Long", Notes: strings.Repeat("long ", 400)}))
	taken := get(h.Create(t.Context(), mila, &contactv1.Contact{Name: "Petar Taken"}))
	if _, err := h.Merge(t.Context(), mila, short.GetId(), taken.GetId(), ""); err != nil {
		t.Fatal(err)
	}
	get(h.Update(t.Context(), mila, &contactv1.Contact{Id: short.GetId(), Name: "Ivan Changed"}, []string{"name"}))
	h.found(t, "ivan", false, "Ivan Changed", "Ivan Long")
	h.found(t, "petar", false, "Ivan Changed")
	for _, query := range []string{"ivan", "petar"} {
		all, _, err := h.Search(t.Context(), query, 10, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			r, err := h.Get(t.Context(), c.GetId())
			if diff := cmp.Diff(r.GetContact(), c, protocmp.Transform()); err != nil || diff != "" {
				t.Errorf("%q finds another than is stored: %s, %v", query, diff, err)
			}
		}
	}
}

func TestAChangeIsMadeOfWhatWasRead(t *testing.T) {
	h, get := open(t), must[*contactv1.Contact](t)
	c := get(h.Create(t.Context(), mila, &contactv1.Contact{Name: "Ivan", ExternalId: "a", Notes: "n"}))
	edit := &contactv1.Contact{Id: c.GetId(), Name: "Ivan Petrov", ExternalId: "b", Fields: map[string]string{"tier": "gold"}}
	d := contact.Deed{By: "agents/mila", Request: "u1", Etag: c.GetEtag()}
	changed := get(h.Update(t.Context(), d, edit, []string{"name", "external_id", "fields.tier"}))
	if changed.GetName() != "Ivan Petrov" || changed.GetNotes() != "n" || changed.GetFields()["tier"] != "gold" || changed.GetEtag() == c.GetEtag() {
		t.Errorf("%v", changed)
	}
	if again := get(h.Update(t.Context(), d, edit, []string{"name"})); again.GetEtag() != changed.GetEtag() {
		t.Errorf("the same request changed it again: %v", again)
	}
	if _, err := h.Update(t.Context(), contact.Deed{By: "agents/mila", Etag: c.GetEtag()}, edit, []string{"notes"}); reason(err) != contact.Changed {
		t.Errorf("an old etag: %v", err)
	}
	if _, err := h.External(t.Context(), "a"); reason(err) != contact.Unknown {
		t.Errorf("the old external id: %v", err)
	}
	second := get(h.Create(t.Context(), mila, &contactv1.Contact{Name: "Second", ExternalId: "a"}))
	if _, err := h.Update(t.Context(), mila, &contactv1.Contact{Id: second.GetId(), ExternalId: "b"}, []string{"external_id"}); reason(err) != contact.ExternalTaken {
		t.Errorf("an external id of another one: %v", err)
	}
	_, err := h.Update(t.Context(), mila, &contactv1.Contact{Id: second.GetId(), Emails: []string{"x"}, Phones: []string{"y"}}, []string{"emails", "phones", "name"})
	var f *fault.Error
	if !errors.As(err, &f) || len(f.Violations) < 2 || f.Kind != fault.Invalid {
		t.Errorf("bad fields: %v", err)
	}
	r := must[*contactv1.Record](t)(h.Get(t.Context(), c.GetId()))
	if n := len(r.GetTrail()); n != 2 || !slices.Equal(r.GetTrail()[1].GetFields(), []string{"name", "external_id", "fields"}) {
		t.Errorf("the trail is %v", r.GetTrail())
	}
	h.found(t, "petrov", false, "Ivan Petrov")
}

func TestMergedContactsResolveAndComeBack(t *testing.T) {
	h, get := open(t), must[*contactv1.Contact](t)
	a := get(h.Create(t.Context(), mila, &contactv1.Contact{Name: "Ivan Petrov"}))
	b := get(h.Create(t.Context(), mila, &contactv1.Contact{Name: "Иво Петров", Emails: []string{"ivo@example.com"}}))
	c := get(h.Create(t.Context(), mila, &contactv1.Contact{Name: "Иво П.", Notes: "n"}))
	d := contact.Deed{By: "agents/mila", Request: "m1", Etag: b.GetEtag()}
	get(h.Merge(t.Context(), d, b.GetId(), c.GetId(), c.GetEtag()))
	get(h.Merge(t.Context(), d, b.GetId(), c.GetId(), ""))
	into := get(h.Merge(t.Context(), mila, a.GetId(), b.GetId(), ""))
	if into.GetNotes() != "n" || !slices.Equal(into.GetEmails(), []string{"ivo@example.com"}) {
		t.Errorf("it took %v", into)
	}
	if now := get(h.Resolve(t.Context(), c.GetId())); now.GetId() != a.GetId() {
		t.Errorf("c is %v", now)
	}
	h.found(t, "иво", false, "Ivan Petrov")
	for what, err := range map[string]error{
		"change":  second(h.Update(t.Context(), mila, b, []string{"name"})),
		"delete":  second(h.Delete(t.Context(), mila, b.GetId())),
		"merge":   second(h.Merge(t.Context(), mila, b.GetId(), a.GetId(), "")),
		"unmerge": second(h.Unmerge(t.Context(), mila, c.GetId())),
	} {
		if reason(err) != contact.Merged {
			t.Errorf("%s of a merged one: %v", what, err)
		}
	}
	if back := get(h.Unmerge(t.Context(), mila, b.GetId())); back.GetMergedInto() != "" {
		t.Errorf("b is %v", back)
	}
	if now := get(h.Resolve(t.Context(), c.GetId())); now.GetId() != b.GetId() {
		t.Errorf("c is %v", now)
	}
	if now := get(h.Resolve(t.Context(), a.GetId())); now.GetNotes() != "" || len(now.GetEmails()) != 0 {
		t.Errorf("a kept %v", now)
	}
	if err := second(h.Unmerge(t.Context(), mila, a.GetId())); reason(err) != contact.NotMerged {
		t.Errorf("undo of nothing: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestADeletedContactLeavesNothing(t *testing.T) {
	h, get := open(t), must[*contactv1.Contact](t)
	a := get(h.Create(t.Context(), mila, &contactv1.Contact{Name: "Secret Person", ExternalId: "secret-id"}))
	b := get(h.Create(t.Context(), mila, &contactv1.Contact{Name: "Secret Twin"}))
	get(h.Merge(t.Context(), mila, a.GetId(), b.GetId(), ""))
	h.found(t, "secret", false, "Secret Person")
	ids := must[[]string](t)(h.Delete(t.Context(), mila, a.GetId()))
	if len(ids) != 2 {
		t.Errorf("forgot %v", ids)
	}
	for _, c := range []*contactv1.Contact{a, b} {
		if _, err := h.Get(t.Context(), c.GetId()); reason(err) != contact.Unknown {
			t.Errorf("read of a deleted one: %v", err)
		}
	}
	h.found(t, "secret", false)
	ctx, stop := context.WithCancel(t.Context())
	_ = h.bus.Bucket(subject.ContactBucket).Watch(ctx, stop, func(e bus.Entry) {
		if strings.Contains(strings.ToLower(e.Key+string(e.Value)), "secret") {
			t.Errorf("the bucket still has %q", e.Key)
		}
	})
}

func TestOnlyOneMatchIdentifies(t *testing.T) {
	h, get := open(t), must[*contactv1.Contact](t)
	ivan := get(h.Create(t.Context(), mila, &contactv1.Contact{Name: "Иван Петров", Emails: []string{"ivan@example.com"}}))
	get(h.Create(t.Context(), mila, &contactv1.Contact{Name: "Maria Ilieva"}))
	twin := get(h.Create(t.Context(), mila, &contactv1.Contact{Name: "Maria Ilieva", Inactive: true}))
	h.found(t, "ilieva", true, "Maria Ilieva", "Maria Ilieva")
	for p, want := range map[contact.Person]bool{
		{Name: "Ivan Petrov"}: true, {Name: "Ivan Petrov", Email: "ivan@example.com"}: true, {Email: "IVAN@example.com"}: true,
		{Name: "Ivan Petrov", Email: "other@example.com"}: false, {Name: "Ivan"}: false, {Name: "Ivan Petrov Dimitrov"}: false, {}: false,
		{Name: "Ivan Petrov", Phone: "nonsense"}: false, {Name: "мария илиева"}: true,
	} {
		if _, got := h.Book.Identify(p); got != want {
			t.Errorf("%+v is identified: %v, want %v", p, got, want)
		}
	}
	if id, _ := h.Book.Identify(contact.Person{Name: "ivan petrov"}); id.String() != ivan.GetId() {
		t.Errorf("Ivan is %s", id)
	}
	twin.Inactive = false
	get(h.Update(t.Context(), mila, twin, []string{"inactive"}))
	h.found(t, "ilieva", false, "Maria Ilieva", "Maria Ilieva")
	if id, ok := h.Book.Identify(contact.Person{Name: "Maria Ilieva"}); ok {
		t.Errorf("one of two was taken: %s", id)
	}
}

func TestRowsAreKnownByTheirExternalIDs(t *testing.T) {
	h := open(t)
	put := must[[]contact.Result](t)
	rows := func(company string) (rows []contact.Row) {
		for i := range contact.MostRows {
			rows = append(rows, contact.Row{Contact: &contactv1.Contact{ExternalId: fmt.Sprint("crm", i), Name: fmt.Sprint("Person ", i), Company: company}, Paths: []string{"name", "company"}})
		}
		return append(rows[:contact.MostRows-2], contact.Row{Contact: &contactv1.Contact{Name: "No id"}, Paths: []string{"name"}}, contact.Row{Contact: &contactv1.Contact{ExternalId: "nameless"}, Paths: []string{"name"}})
	}
	count := func(results []contact.Result) (n [4]int) {
		for _, r := range results {
			n[r.Outcome]++
		}
		return n
	}
	most := contact.MostRows - 2
	for i, step := range []struct {
		company string
		dry     bool
		want    [4]int
	}{{"ACME", true, [4]int{0, most, 0, 2}}, {"ACME", false, [4]int{0, most, 0, 2}}, {"ACME", false, [4]int{most, 0, 0, 2}},
		{"Firma", true, [4]int{0, 0, most, 2}}, {"Firma", false, [4]int{0, 0, most, 2}}} {
		if got := count(put(h.Put(t.Context(), "crm", rows(step.company), step.dry))); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
	twice := []contact.Row{{Contact: &contactv1.Contact{ExternalId: "twice", Name: "One"}, Paths: []string{"name"}}, {Contact: &contactv1.Contact{ExternalId: "twice", Name: "Two"}, Paths: []string{"name"}}}
	if got := count(put(h.Put(t.Context(), "crm", twice, false))); got != [4]int{0, 1, 1, 0} {
		t.Errorf("the same external id twice: %v", got)
	}
	h.found(t, "two", false, "Two")
}

// Two who change one contact at once without having read it both get their way,
// one after the other.
func TestChangesAtOnceAreBothMade(t *testing.T) {
	h, get := open(t), must[*contactv1.Contact](t)
	c := get(h.Create(t.Context(), mila, &contactv1.Contact{Name: "Ivan"}))
	var both sync.WaitGroup
	for i := range 8 {
		both.Go(func() {
			name := fmt.Sprint("f", i)
			if _, err := h.Update(t.Context(), mila, &contactv1.Contact{Id: c.GetId(), Fields: map[string]string{name: "x"}}, []string{"fields." + name}); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	if r := must[*contactv1.Record](t)(h.Get(t.Context(), c.GetId())); len(r.GetContact().GetFields()) != 8 {
		t.Errorf("%v", r.GetContact())
	}
}
