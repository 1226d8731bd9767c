package contact

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
)

func idOf(n int) (id ID) {
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

func rowFor(n int, revision uint64, c *contactv1.Contact) row {
	return row{terms: termsOf(c), id: idOf(n), revision: revision, active: !c.GetInactive()}
}

var (
	names  = []string{"Иван", "Ivan", "Иванка", "Петров", "Petrova", "Мария", "Maria", "Ан", "Анна-Мария", "O'Neil", "Müller", "и"}
	firms  = []string{"", "", "Петров и синове", "ACME", "Müller GmbH"}
	emails = []string{"ivan@example.com", "ivan.petrov@example.com", "maria@firma.bg", "ann@acme.example"}
	phones = []string{"+359888123456", "+359888123999", "0888123456", "888123456", "+40888123456", "359888123456", "+12025550182", "029876543"}
)

func drawContact(t *rapid.T) *contactv1.Contact {
	some := func(from []string, most int, label string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(from), 0, most, rapid.ID).Draw(t, label)
	}
	return &contactv1.Contact{
		Name:       strings.Join(rapid.SliceOfN(rapid.SampledFrom(names), 1, 3).Draw(t, "name"), " "),
		Company:    rapid.SampledFrom(firms).Draw(t, "company"),
		Emails:     some(emails, 2, "emails"),
		Phones:     some(phones, 2, "phones"),
		ExternalId: rapid.SampledFrom([]string{"", "CRM-1", "CRM-12", "x"}).Draw(t, "external"),
		Inactive:   rapid.IntRange(0, 4).Draw(t, "inactive") == 0,
	}
}

var queries = rapid.OneOf(
	rapid.SampledFrom([]string{"иван", "ivan petr", "0888 12", "+359 888", "888123", "ivan@", "ivan.petrov@example.com", "crm-1", "анна-м", "мари", "acme ann", "3598", "zz", "", "  ", "\x00", "и ма"}),
	rapid.StringOfN(rapid.RuneFrom([]rune("иванмpetrov @.-+0123")), 0, 6, -1))

// The index finds what looking at every contact finds, after any changes.
func TestIndexFindsWhatLookingAtAllFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := map[int]*contactv1.Contact{}
		var rows []row
		for n := range rapid.IntRange(0, 30).Draw(t, "at first") {
			all[n] = drawContact(t)
			rows = append(rows, rowFor(n, 1, all[n]))
		}
		x := newIndex()
		x.load(rows)
		for step := range rapid.IntRange(0, 40).Draw(t, "changes") {
			n := rapid.IntRange(0, 40).Draw(t, "which")
			if rapid.IntRange(0, 3).Draw(t, "how") == 0 {
				delete(all, n)
				x.remove(idOf(n))
				continue
			}
			all[n] = drawContact(t)
			x.put(rowFor(n, uint64(step+2), all[n]))
			x.put(rowFor(n, 1, &contactv1.Contact{Name: "an older reading"}))
		}
		intact(t, x)
		text, inactive := queries.Draw(t, "query"), rapid.Bool().Draw(t, "inactive")
		q := ParseQuery(text)
		var want []ID
		for n, c := range all {
			if (inactive || !c.GetInactive()) && q.matches(termsOf(c)) {
				want = append(want, idOf(n))
			}
		}
		got, more := x.search(q, len(all)+1, inactive)
		sortIDs(want)
		sortIDs(got)
		if !slices.Equal(got, want) || more {
			t.Fatalf("%q finds %v, want %v", text, got, want)
		}
		if limit := len(want) - 1; limit > 0 {
			if some, more := x.search(q, limit, inactive); len(some) != limit || !more {
				t.Fatalf("%q finds %d of %d, more: %v", text, len(some), limit, more)
			}
		}
		identifies(t, x, all)
	})
}

// identifies compares Identify with looking at every contact. An external id in
// another's e-mail address, which is found by the same terms, is not drawn.
func identifies(t *rapid.T, x *index, all map[int]*contactv1.Contact) {
	like := drawContact(t)
	known := func(label string) bool { return rapid.Bool().Draw(t, label) }
	var p Person
	if known("name") {
		p.Name = like.GetName()
	}
	if known("external") {
		p.External = strings.ToLower(like.GetExternalId())
	}
	if len(like.GetEmails()) > 0 && known("email") {
		p.Email = like.GetEmails()[0]
	}
	if len(like.GetPhones()) > 0 && known("phone") {
		p.Phone = like.GetPhones()[0]
	}
	var want []ID
	for n, c := range all {
		if !c.GetInactive() && p.Fits(c) {
			want = append(want, idOf(n))
		}
	}
	starts, needs, _ := p.terms()
	got := x.identify(starts, needs, len(all)+1)
	sortIDs(want)
	sortIDs(got)
	if !slices.Equal(got, want) {
		t.Fatalf("%+v is %v, want %v", p, got, want)
	}
}

func sortIDs(ids []ID) { slices.SortFunc(ids, func(a, b ID) int { return slices.Compare(a[:], b[:]) }) }

// intact checks that the entries are in order, in blocks that are not too long,
// and are those of the rows.
func intact(t *rapid.T, x *index) {
	n, want := 0, 0
	var last entry
	for _, b := range x.blocks {
		if len(b) == 0 || len(b) > blockSize {
			t.Fatalf("a block has %d entries", len(b))
		}
		for _, e := range b {
			if n > 0 && x.compare(last, e) >= 0 {
				t.Fatalf("%q is before %q", x.text(last), x.text(e))
			}
			last = e
			n++
		}
	}
	for _, at := range x.byID {
		x.entries(at, func(entry) { want++ })
	}
	if n != want {
		t.Fatalf("%d entries, want %d", n, want)
	}
}

// Blocks are split and dropped as contacts come and go by thousands.
func TestIndexGrowsAndShrinks(t *testing.T) {
	const n = 5000
	x := newIndex()
	for i := range n {
		x.put(rowFor(i, 1, &contactv1.Contact{Name: fmt.Sprintf("Ivan %d", (i*7919)%n)}))
	}
	found, more := x.search(ParseQuery("ivan 1234"), 10, false)
	if len(found) != 1 || more {
		t.Errorf("found %v, more: %v", found, more)
	}
	for i := range n {
		x.remove(idOf(i))
	}
	if len(x.blocks) != 0 || len(x.byID) != 0 || len(x.free) != n {
		t.Errorf("%d blocks, %d ids, %d free are left", len(x.blocks), len(x.byID), len(x.free))
	}
}

func TestAContactIsFoundByWhatPeopleType(t *testing.T) {
	x := newIndex()
	x.put(rowFor(1, 1, &contactv1.Contact{Name: "Иван Димитров Петров", Company: "Петров и синове ООД", Emails: []string{"I.Petrov@example.com"},
		Phones: []string{"+359888123456"}, ExternalId: "CRM-0042"}))
	for _, q := range []string{"иван", "Ivan", "petrov ivan", "димитр", "i.petrov", "i.petrov@exam", "+359888", "00359 888 12", "0888123456", "0888 123 456",
		"888123", "359888", "crm-0042", "CRM-00", "sinove", "иван 0888", "ivan i.petrov@example.com"} {
		if found, _ := x.search(ParseQuery(q), 10, false); len(found) != 1 {
			t.Errorf("%q does not find him", q)
		}
	}
	for _, q := range []string{"", "van", "ivan mariya", "123456", "example.com", "+44", "и5"} {
		if found, _ := x.search(ParseQuery(q), 10, false); len(found) != 0 {
			t.Errorf("%q finds him", q)
		}
	}
	if c := cmp.Compare(len(x.blocks), 1); c != 0 {
		t.Errorf("%d blocks", len(x.blocks))
	}
}
