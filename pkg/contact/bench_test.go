package contact

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
)

// million is how many contacts the promise about searching speaks of.
const million = 1_000_000

// syllables make names that are unlike each other as names are: few are common
// and most are rare.
var syllables = []string{"ив", "ан", "пе", "тър", "ма", "ри", "я", "ге", "ор", "ги", "ди", "ми", "тро", "ва", "ни", "ко", "лай", "сто", "ян", "еле", "на", "хри", "сти", "бо", "рис", "ан", "га", "вел", "рад", "ка"}

func someName(r *rand.Rand) string {
	word := func(common []string) string {
		if r.IntN(3) > 0 {
			return common[int(float64(len(common))*r.Float64()*r.Float64())]
		}
		w := ""
		for range 2 + r.IntN(3) {
			w += syllables[r.IntN(len(syllables))]
		}
		return w
	}
	return word(firstNames) + " " + word(lastNames)
}

var (
	firstNames = []string{"Иван", "Георги", "Мария", "Димитър", "Петър", "Елена", "Николай", "Йорданка", "Александър", "Христо", "Ivan", "Maria", "John", "Anna", "Стефан", "Васил", "Красимира", "Борис"}
	lastNames  = []string{"Иванов", "Иванова", "Георгиева", "Димитров", "Петров", "Петрова", "Николов", "Стоянова", "Тодоров", "Ангелов", "Илиев", "Smith", "Müller", "Христова", "Василев", "Колева"}
)

func someContact(r *rand.Rand, n int) *contactv1.Contact {
	return &contactv1.Contact{Name: someName(r), Emails: []string{fmt.Sprintf("user%d@example%d.com", n, r.IntN(50))},
		Phones: []string{fmt.Sprintf("+35988%07d", r.IntN(10_000_000))}, ExternalId: fmt.Sprintf("CRM-%07d", n)}
}

// BenchmarkSearch measures searches as people type them, letter by letter, among a
// million contacts, and what the index takes. Run it with -benchtime=20000x.
func BenchmarkSearch(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	rows := make([]row, million)
	for n := range rows {
		c := someContact(r, n)
		rows[n] = row{terms: termsOf(c), whole: whole(c), id: idOf(n), revision: 1, active: true}
	}
	before := memory()
	began := time.Now()
	x := newIndex()
	x.load(rows)
	sorted := time.Since(began)
	runtime.GC()
	took := make([]time.Duration, 0, b.N)
	for b.Loop() {
		q := typed(r)
		began := time.Now()
		x.search(ParseQuery(q), 20, false)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(took[len(took)-1].Microseconds()), "max-µs")
	b.ReportMetric(sorted.Seconds(), "sort-s")
	b.ReportMetric(float64(memory()-before)/million, "B/contact-beside-rows")
	var text int
	for _, r := range x.rows {
		text += len(r.terms) + len(r.whole)
	}
	b.ReportMetric(float64(text)/million+64, "B/contact-rows")
}

// typed is what somebody has typed so far of what they look for.
func typed(r *rand.Rand) string {
	c := someContact(r, r.IntN(million))
	from := []string{c.GetName(), c.GetName(), c.GetName() + " " + c.GetPhones()[0][:6], c.GetEmails()[0], c.GetPhones()[0], "0" + c.GetPhones()[0][4:], c.GetExternalId(), firstNames[r.IntN(18)] + " " + firstNames[r.IntN(18)]}
	text := []rune(from[r.IntN(len(from))])
	return string(text[:1+r.IntN(len(text))])
}

func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkPut measures one change among a million contacts.
func BenchmarkPut(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	x := newIndex()
	rows := make([]row, million)
	for n := range rows {
		rows[n] = row{terms: termsOf(someContact(r, n)), id: idOf(n), revision: 1, active: true}
	}
	x.load(rows)
	n := uint64(2)
	for b.Loop() {
		at := r.IntN(million)
		x.put(row{terms: termsOf(someContact(r, at)), id: idOf(at), revision: n, active: true})
		n++
	}
}
