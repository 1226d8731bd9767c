package rules_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/rules"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	routingv1 "github.com/parley-desk/parley/proto/gen/parley/routing/v1"
)

// about is a context in which everything is known.
func about() *routingv1.RoutingContext {
	c := &routingv1.RoutingContext{
		Customer: &routingv1.Customer{Name: "Ivan Petrov", Locale: "bg_BG", Language: "bg", Timezone: 5.5, TimezoneKnown: true, Psid: "4711"},
		Page:     &routingv1.Page{Id: "shop", PageId: "1001", Name: "The Shop", Language: "bg"},
		Message:  &routingv1.Message{Text: "Искам РЕКЛАМАЦИЯ на поръчка 12", Payload: "MENU", Attachments: []string{"image"}},
		Referral: &routingv1.Referral{Ref: "spring", Source: "ADS", Type: "OPEN_THREAD", AdId: "77", AdTitle: "Spring sale"},
		Conversation: &routingv1.Conversation{Workstream: "care", Previous: 2, Priority: 5,
			Skills: map[string]int32{"bulgarian": 3}},
		Variables: map[string]string{"tier": "gold", "orders": "12"},
		Contact: &routingv1.Contact{Known: true, Id: "7", Name: "Ivan Petrov", Emails: []string{"ivan@example.com", "petrov@acme.example"},
			Phones: []string{"+359888123456"}, ExternalId: "CRM-1", Company: "Acme", Fields: map[string]string{"segment": "gold"}},
		Now: timestamppb.New(time.Date(2026, 11, 27, 8, 30, 0, 0, time.UTC)),
	}
	rules.Complete(directory.NewSnapshot(), c, time.Time{})
	return c
}

// L4, L40, S11: what conditions can ask.
func TestConditionsSeeTheConversation(t *testing.T) {
	for condition, want := range map[string]bool{
		``:                                  true,
		`true`:                              true,
		`customer.name == "Ivan Petrov"`:    true,
		`customer.language in ["bg", "mk"]`: true,
		`customer.timezone == 5.5 && customer.timezone_known`:             true,
		`customer.psid.startsWith("47")`:                                  true,
		`page.id == "shop" && page.page_id == "1001"`:                     true,
		`message.text.lower().contains("рекламация")`:                     true,
		`message.text.contains("рекламация")`:                             false,
		`message.text.matches("(?i)поръчка [0-9]+")`:                      true,
		`"image" in message.attachments`:                                  true,
		`message.payload == "MENU"`:                                       true,
		`referral.source == "ADS" && referral.ad_id == "77"`:              true,
		`conversation.previous > 0`:                                       true,
		`"bulgarian" in conversation.skills`:                              true,
		`conversation.skills["bulgarian"] >= 4`:                           false,
		`variables.tier == "gold"`:                                        true,
		`int(variables["orders"]) > 10`:                                   true,
		`now.getHours("Europe/Sofia") == 10`:                              true,
		`now.getDayOfWeek("Europe/Sofia") == 5`:                           true,
		`now.getHours() == 8`:                                             true,
		`["spring", "summer"].exists(s, referral.ref == s)`:               true,
		`conversation.priority == 5 ? page.language == "bg" : false`:      true,
		`!(customer.locale == "bg_BG") || customer.locale == "en_US"`:     false,
		`contact.known && contact.company == "Acme"`:                      true,
		`contact.external_id.startsWith("CRM-")`:                          true,
		`contact.emails.exists(e, e.endsWith("@acme.example"))`:           true,
		`contact.phones[0].startsWith("+359")`:                            true,
		`has(contact.fields.segment) && contact.fields.segment == "gold"`: true,
		`"vip" in contact.fields`:                                         false,
	} {
		c := rules.NewCondition(condition)
		if err := c.Check(); err != nil {
			t.Errorf("%s: cannot be saved: %v", condition, err)
			continue
		}
		if got, err := c.Match(about()); err != nil || got != want {
			t.Errorf("%s: %t, %v, want %t", condition, got, err, want)
		}
	}
}

func TestConditionsThatCannotBeSaved(t *testing.T) {
	nest := func(n int) string {
		return strings.Repeat("[1,2,3,4,5,6,7,8,9,10].exists(x, ", n) + "true" + strings.Repeat(")", n)
	}
	for condition, want := range map[string]string{
		`customer.nmae == "x"`:           "line 1, column 9: undefined field 'nmae'",
		"true &&\n customer.name == 5":   "line 2, column 16",
		`weather == "fine"`:              "undeclared reference to 'weather'",
		`customer.name`:                  "it gives string",
		`customer.name ==`:               "line 1, column",
		`1 / 0 == 1`:                     "divides by zero",
		`conversation.previous % 0 == 1`: "divides by zero",
		`message.text.matches("(")`:      "line 1, column",
		nest(12):                         "costs at most",
		strings.Repeat("(", 300) + "true" + strings.Repeat(")", 300): "recursion limit",
		strings.Repeat("true && ", 600) + "true":                     "exceeds limit",
		`message.text.matches("` + strings.Repeat("a?", 900) + `")`:  "costs at most",
		`timestamp("yesterday") < now`:                               "line 1, column",
	} {
		err := rules.NewCondition(condition).Check()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want …%s…", condition, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "parley.routing") {
			t.Errorf("%.60s: the message speaks of the inside: %v", condition, err)
		}
	}
}

// A condition may be good for most conversations and fail for some.
func TestConditionsThatFail(t *testing.T) {
	for _, condition := range []string{
		`1 / (conversation.previous - 2) > 0`,
		`int(variables.tier) > 0`,
		`variables.colour == "red"`,
		`now.getHours("Europe/Nowhere") > 3`,
		`message.attachments[5] == "image"`,
	} {
		c := rules.NewCondition(condition)
		if err := c.Check(); err != nil {
			t.Errorf("%s: cannot be saved: %v", condition, err)
		}
		if got, err := c.Match(about()); err == nil || got {
			t.Errorf("%s: %t, %v; want a failure", condition, got, err)
		}
	}
	if got, err := rules.NewCondition("what?").Match(about()); err == nil || got {
		t.Errorf("no condition at all: %t, %v", got, err)
	}
}

func TestConditionsNameVariables(t *testing.T) {
	got := strings.Join(rules.NewCondition(`variables.tier == "gold" || variables["orders"] == customer.name && page.id == "x"`).Variables(), " ")
	if got != "tier orders" {
		t.Errorf("variables %q", got)
	}
}

// Whatever is saved takes bounded work, with the largest context there is.
func TestSavedConditionsAreCheap(t *testing.T) {
	c := &routingv1.RoutingContext{Message: &routingv1.Message{Text: strings.Repeat("щ", 40_000)},
		Customer: &routingv1.Customer{Name: strings.Repeat("x", 10_000)}, Variables: map[string]string{}}
	for range 1000 {
		c.Message.Attachments = append(c.Message.Attachments, "image")
	}
	c.Contact = &routingv1.Contact{Company: strings.Repeat("щ", 1000), Fields: map[string]string{}}
	for n := range 1000 {
		c.Contact.Emails = append(c.Contact.Emails, strings.Repeat("x", 1000))
		c.Contact.Fields[fmt.Sprint("field ", n)] = strings.Repeat("x", 1000)
	}
	rules.Complete(directory.NewSnapshot(), c, time.Now())
	if who := c.GetContact(); len(who.GetEmails()) != 10 || len(who.GetEmails()[9]) != 200 || len(who.GetFields()) != 50 || len(who.GetFields()["field 0"]) != 200 || len(who.GetCompany()) != 200 {
		t.Errorf("a contact of %d bytes", proto.Size(who))
	}
	if n := len(c.GetMessage().GetText()); n > 2000 || n < 1999 {
		t.Errorf("text of %d bytes", n)
	}
	if n := len(c.GetCustomer().GetName()); n != 200 {
		t.Errorf("name of %d bytes", n)
	}
	if n := len(c.GetMessage().GetAttachments()); n != 30 {
		t.Errorf("%d attachments", n)
	}
}

// A contact that is known shows as it is, and none as one of whom nothing is known;
// the record that it was read from stays whole.
func TestACustomerIsRecognised(t *testing.T) {
	who := &contactv1.Contact{Id: "7", Name: strings.Repeat("x", 300), Emails: []string{strings.Repeat("y", 254)}, Fields: map[string]string{"segment": "gold"}}
	before, c := proto.CloneOf(who), about()
	rules.Recognise(c, who)
	if got := c.GetContact(); !got.GetKnown() || len(got.GetName()) != 200 || len(got.GetEmails()[0]) != 200 || got.GetFields()["segment"] != "gold" || !proto.Equal(who, before) {
		t.Errorf("%v of %v", got, who)
	}
	rules.Recognise(c, nil)
	if matched, err := rules.NewCondition(`!contact.known && contact.name == "" && !has(contact.fields.segment)`).Match(c); err != nil || !matched {
		t.Errorf("nobody: %t, %v", matched, err)
	}
}

// Who the customer is known to be is read where a rule that runs may ask for it.
func TestRulesAskForTheContact(t *testing.T) {
	asks := &configv1.Ruleset{Meta: meta("asks"), Classify: []*configv1.ClassificationRule{classify("x", "contact.known", nil)}}
	other := &configv1.Ruleset{Meta: meta("other"), Classify: []*configv1.ClassificationRule{classify("x", "true", nil)}}
	for name, c := range map[string]struct {
		world *directory.Snapshot
		want  bool
	}{
		"work classification": {world(nil, other, asks), true},
		"routing":             {world([]*configv1.RoutingRule{to(`has(contact.fields.tier)`, "sales")}), true},
		"neither":             {world([]*configv1.RoutingRule{to("true", "sales")}, other), false},
		"no rules":            {world(nil), false},
	} {
		if got := rules.New(c.world).AskForContact("care"); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if rules.New(world(nil, asks)).AskForContact("gone") {
		t.Error("a workstream that is gone asks")
	}
}

func FuzzCondition(f *testing.F) {
	f.Add(`message.text.lower().contains("a") && variables.tier != ""`)
	f.Add(`[1,2].all(x, x > conversation.previous)`)
	f.Add("\x00(((")
	f.Fuzz(func(t *testing.T, text string) {
		c := rules.NewCondition(text)
		matched, err := c.Match(about())
		if err != nil && matched {
			t.Errorf("%q: fails and matches", text)
		}
		if c.Check() == nil {
			c.Variables()
		}
	})
}
