package contact

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
)

// L101: everything that is known must be true of a contact.
func TestWhomWhatIsKnownFits(t *testing.T) {
	ivan := &contactv1.Contact{Name: "Иван Петров", Emails: []string{"ivan@example.com", "i@firma.bg"}, Phones: []string{"+359888123456", "029876543"}, ExternalId: "CRM-0815"}
	for _, c := range []struct {
		p    Person
		want bool
	}{
		{Person{}, false},
		{Person{Name: "Ivan Petrov"}, true},
		{Person{Name: "Ivan"}, false},
		{Person{Name: "!"}, false},
		{Person{Email: " I@Firma.BG "}, true},
		{Person{Email: "ivan"}, false},
		{Person{Phone: "+359 888 123 456"}, true},
		{Person{Phone: "00359888123456"}, true},
		{Person{Phone: "0888 123 456"}, true},
		{Person{Phone: "359888123456"}, true},
		{Person{Phone: "+40888123456"}, false},
		{Person{Phone: "+35929876543"}, true},
		{Person{Phone: "02 987 6543"}, true},
		{Person{Phone: "123456"}, false},
		{Person{Phone: "call me"}, false},
		{Person{External: "crm-0815 "}, true},
		{Person{External: "CRM-08"}, false},
		{Person{Email: "ivan@example.com", External: "CRM-0815", Name: "иван петров"}, true},
		{Person{Email: "ivan@example.com", External: "CRM-0816"}, false},
		{Person{Email: "maria@example.com", Name: "Иван Петров"}, false},
	} {
		if got := c.p.Fits(ivan); got != c.want {
			t.Errorf("%+v: %t", c.p, got)
		}
		x := newIndex()
		x.load([]row{rowFor(1, 1, ivan)})
		starts, needs, _ := c.p.terms()
		if got := len(x.identify(starts, needs, 2)) == 1; got != c.want {
			t.Errorf("%+v by the index: %t", c.p, got)
		}
	}
}

// L119: what a customer told is what variables have that say so, not what they
// begin with; it fills a contact that lacks it, as far as it can be kept.
func TestToldAndFill(t *testing.T) {
	declared := []*configv1.Variable{{Name: "who", Tells: configv1.Tells_TELLS_NAME}, {Name: "mail", Tells: configv1.Tells_TELLS_EMAIL, Initial: "a@b.bg"},
		{Name: "call", Tells: configv1.Tells_TELLS_PHONE}, {Name: "number", Tells: configv1.Tells_TELLS_EXTERNAL_ID}, {Name: "order"}}
	if !Tells(declared) || Tells(declared[4:]) {
		t.Error("which variables tell is not known")
	}
	told := Told(declared, map[string]string{"who": " Ana ", "call": "0888 123 456", "number": "CRM-1", "order": "A-17"})
	if want := (Person{Name: "Ana", Phone: "0888 123 456", External: "CRM-1"}); told != want {
		t.Errorf("told is %+v", told)
	}
	for name, c := range map[string]struct {
		p        Person
		has, got *contactv1.Contact
	}{
		"what it lacks":       {told, &contactv1.Contact{}, &contactv1.Contact{Name: "Ana", Phones: []string{"0888123456"}}},
		"not what it has":     {told, &contactv1.Contact{Name: "A.", Phones: []string{"1"}}, &contactv1.Contact{Name: "A.", Phones: []string{"1"}}},
		"nothing that cannot": {Person{Name: "a\x00b", Email: "me", Phone: "soon"}, &contactv1.Contact{}, &contactv1.Contact{}},
	} {
		c.p.Fill(c.has)
		if diff := cmp.Diff(c.got, c.has, protocmp.Transform()); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}
