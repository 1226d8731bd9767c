package web_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/parley-desk/parley/pkg/rights"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	"github.com/parley-desk/parley/services/desk/web/webtest"
)

// TestEveryScopeHasAText: what a program can be given stands in the form, each with what
// it allows.
func TestEveryScopeHasAText(t *testing.T) {
	all, offered := textsIn(t, "src/texts/setup/"), read(t, "src/setup/clients.tsx")
	words := rights.Programs()
	for number := range authv1.Permission_name {
		if name := rights.Name(rights.Permission(number)); len(rights.Scope(name)) > 0 {
			words = append(words, name)
		}
	}
	if len(words) < 20 {
		t.Errorf("only %d scopes were found", len(words))
	}
	for _, word := range words {
		if key := "s_" + strings.ReplaceAll(word, ".", "_"); all[key][0] == "" {
			t.Errorf("src/texts/setup has no text %s", key)
		}
		if !strings.Contains(offered, "'"+word+"'") {
			t.Errorf("src/setup/clients.tsx does not offer %s", word)
		}
	}
}

// TestAnAdministratorHandsOutTokens: a client is made with what it may, its token is
// shown once, turned, and revoked; by keys as by the mouse.
func TestAnAdministratorHandsOutTokens(t *testing.T) {
	b := setUp(t, webtest.Admin)
	b.turnTo("clients")
	b.Await("the clients", "document.querySelectorAll('[data-client]').length === 3")
	b.Click("[data-deed=new-client]")
	b.put("id", "crm-two")
	b.tap("[name='contact.read']")
	b.put("days", "30")
	b.With("what makes it", "document.querySelector('[data-part=make] .primary')", "e.focus()")
	b.Enter()
	b.Await("its token, chosen", "document.activeElement?.name === 'token' && document.activeElement.value === 'pc_made'")
	asked := webtest.Told[*adminv1.CreateClientRequest](b.house.Office, adminv1.ClientService_CreateClient_FullMethodName)
	if c := asked[0].GetClient(); c.GetId() != "crm-two" || fmt.Sprint(c.GetScopes()) != "[contact.read]" || c.GetLifeMs() != 30*86_400_000 || len(c.GetQueues()) != 0 {
		t.Errorf("asked for %v", c)
	}
	b.Shot("client-token")
	b.Click("[data-deed=kept]")
	b.Await("that it is gone", "!document.documentElement.innerHTML.includes('pc_made') && ![...document.querySelectorAll('input')].some((e) => e.value === 'pc_made')")

	b.Click("[data-client=crm-sync] [data-deed=turn]")
	b.put("overlap", "7")
	b.Click("dialog .primary")
	b.Await("the next token", "document.querySelector('[name=token]')?.value === 'pc_turned'")
	if r := webtest.Told[*adminv1.RotateClientRequest](b.house.Office, adminv1.ClientService_RotateClient_FullMethodName); r[0].GetId() != "crm-sync" || r[0].GetOverlapMs() != 7*86_400_000 {
		t.Errorf("turned %v", r)
	}
	b.Click("[data-client=crm-sync] [data-deed=revoke]")
	b.Click("dialog .danger")
	b.Await("that the question is gone", "!document.querySelector('dialog')")
	if r := webtest.Told[*adminv1.RevokeClientRequest](b.house.Office, adminv1.ClientService_RevokeClient_FullMethodName); r[0].GetId() != "crm-sync" {
		t.Errorf("revoked %v", r)
	}
}

// TestClientsAreForWhoManagesThem: others are not offered the screen, and not shown it.
func TestClientsAreForWhoManagesThem(t *testing.T) {
	b := setUp(t, webtest.Auditor)
	if n := b.Eval("String(document.querySelectorAll('.places a[href=\"#/clients\"]').length)"); n != "0" {
		t.Error("an auditor is offered API clients")
	}
	b.turnTo("clients")
	b.Await("that it is not for them", "document.querySelector('main > [role=alert]') && !document.querySelector('[data-part=clients]')")
}

// TestASentenceIsFoundByItsForm: whatever stands for its values, a sentence of the house
// is shown in the words of its own form and not of a likeness.
func TestASentenceIsFoundByItsForm(t *testing.T) {
	b := setUp(t, webtest.Admin)
	b.Click("button[lang=bg]")
	b.Await("the language", "document.documentElement.lang === 'bg'")
	name := find(t, "dist", "sentences.")
	b.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf("void import('/%s').then((m) => { window.worded = m.worded; })", name)))
	b.Await("the sentences", "window.worded")
	for form, own := range worded(t) {
		if !strings.Contains(form, " ") {
			continue
		}
		filled, want := form, own
		for n := 1; strings.Contains(filled, "{}"); n++ {
			value := strconv.Quote("v" + strconv.Itoa(n))
			filled, want = strings.Replace(filled, "{}", value, 1), strings.Replace(want, "{}", value, 1)
		}
		if got := b.Eval(fmt.Sprintf("worded(%q) ?? ''", filled)); got != want {
			t.Errorf("%q is shown as %q, want %q", filled, got, want)
		}
	}
	for said, want := range map[string]string{
		`there is no queue "x"; create it first or in the same manifest`:                        `няма опашка "x"; първо създайте такова`,
		`fallback: queue front is gone`:                                                         `резервно: опашка front вече я няма`,
		`overflow: front is closed`:                                                             `препълване: front е затворена`,
		`asks for skill "de" (classify[2], rule "a; b"), which no agent has; give it to agents`: `иска умение "de" (classify[2], правило "a; b"), което никой няма; дайте го на хора`,
		`accounts/demo#app_secret did not come back: set it with ` + "`parleyctl channel rotate-secret demo`; until then its webhooks are refused": "accounts/demo#app_secret не се върна: задайте я с `parleyctl channel rotate-secret demo`; дотогава събитията му се отказват",
		`what nobody says`: ``,
	} {
		if got := b.Eval(fmt.Sprintf("worded(%q) ?? ''", said)); got != want {
			t.Errorf("%q is shown as %q, want %q", said, got, want)
		}
	}
}
