package provision_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	"github.com/parley-desk/parley/services/admin/internal/provision"
)

const now = int64(1_790_000_000_000)

var day = (24 * time.Hour).Milliseconds()

// house is a page as it should be, its evidence, and Meta's answers about it.
type house struct {
	setup   provision.Setup
	seen    provision.Seen
	answers provision.Answers
	heard   bool // Meta was asked after outbound spoke
}

func running() house {
	yes := provision.Answer{Definite: true}
	return house{
		setup: provision.Setup{Page: "shop", PageID: "102030", Account: "demo", AppID: "4242", VerifyToken: "f1", Tagged: true, Basis: "b1"},
		seen: provision.Seen{Callback: &provisionv1.CallbackSeen{AtMs: now - day, TokenFingerprint: "f1"},
			Events: &provisionv1.EventsSeen{FirstMs: now - day, LastMs: now - 1000, Account: "demo"}},
		answers: provision.Answers{DebugToken: yes, Approved: yes, Subscription: yes, Fields: provision.Fields(),
			Live: []string{"pages_messaging", "business_asset_user_profile_access", "human_agent"},
			Token: &provisionv1.Token{Valid: true, Type: "PAGE", AppId: "4242", PageId: "102030",
				Scopes: []string{"pages_messaging", "pages_manage_metadata", "pages_read_engagement"}}},
	}
}

// used is what outbound had said when Meta was asked.
func (h house) used() *provisionv1.TokenUsed {
	if h.heard {
		return h.seen.Used
	}
	return nil
}

func (h house) record() *provisionv1.Record {
	return provision.Take(nil, h.setup.Basis, h.used(), h.answers, now)
}

func (h house) judge() *adminv1.PageStatus { return provision.Judge(h.setup, h.seen, h.record(), now) }

func refused(basis string) *provisionv1.TokenUsed {
	return &provisionv1.TokenUsed{AtMs: now - 10, Basis: basis, Code: 190, Subcode: 460}
}

func word(s adminv1.PageState) string { return strings.TrimPrefix(s.String(), "PAGE_STATE_") }

func TestEveryCheckFailsInItsWay(t *testing.T) {
	refuse := func(code, subcode int) provision.Answer {
		return provision.Answer{Definite: true, Code: code, Subcode: subcode}
	}
	for name, c := range map[string]struct {
		spoil func(*house)
		state string
		check string // that tells of it
		says  string // in what was found or what to do
	}{
		"nothing is wrong":     {func(*house) {}, "RUNNING", "events", "the last at"},
		"no verify token":      {func(h *house) { h.setup.VerifyToken = "" }, "FAILED", "callback", "apply account demo again, which makes one"},
		"never verified":       {func(h *house) { h.seen.Callback = nil }, "VERIFYING", "callback", "parleyctl channel callback demo"},
		"another verify token": {func(h *house) { h.setup.VerifyToken = "f2" }, "VERIFYING", "callback", "earlier verify token"},
		"no secret":            {func(h *house) { h.setup.NoSecret = "app_secret is not set" }, "FAILED", "app", "app_secret is not set"},
		"no token":             {func(h *house) { h.setup.NoToken = "access_token is not set" }, "FAILED", "token", "parleyctl page token set"},
		"a wrong secret":       {func(h *house) { h.answers.DebugToken = refuse(190, 0) }, "FAILED", "app", "compare app_id and app_secret"},
		"what a wrong secret leaves open": {func(h *house) {
			h.answers.DebugToken, h.answers.Subscription = refuse(190, 0), provision.Answer{}
		}, "FAILED", "subscription", "see to the app first"},
		"what a missing token leaves open": {func(h *house) {
			h.setup.NoToken, h.answers = "access_token is not set", provision.Answers{}
		}, "FAILED", "app", "set them first"},
		"an unknown app":              {func(h *house) { h.answers.DebugToken = refuse(101, 0) }, "FAILED", "app", "(101/0)"},
		"another app's token":         {func(h *house) { h.answers.DebugToken = refuse(100, 0) }, "FAILED", "token", "another app"},
		"a token by another app's id": {func(h *house) { h.answers.Token.AppId = "77" }, "FAILED", "token", "app 77"},
		"a person's token":            {func(h *house) { h.answers.Token.Type = "USER" }, "FAILED", "token", `"USER"`},
		"another page's token":        {func(h *house) { h.answers.Token.PageId = "9" }, "FAILED", "token", "for page 9"},
		"a new password": {func(h *house) { h.answers.Token.Valid, h.answers.Token.Code, h.answers.Token.Subcode = false, 190, 460 },
			"DISCONNECTED", "token", "new password"},
		"a checkpoint": {func(h *house) { h.answers.Token.Valid, h.answers.Token.Code, h.answers.Token.Subcode = false, 190, 459 },
			"DISCONNECTED", "token", "lives on"},
		"dead for no reason":            {func(h *house) { h.answers.Token.Valid = false }, "DISCONNECTED", "token", "(0/0)"},
		"ended":                         {func(h *house) { h.answers.Token.EndsMs = now }, "DISCONNECTED", "token", "has ended"},
		"dead in its use":               {func(h *house) { h.answers.Subscription = refuse(190, 492) }, "DISCONNECTED", "token", "no role"},
		"dead by a relative":            {func(h *house) { h.answers.Subscription = refuse(102, 0) }, "DISCONNECTED", "token", "(102/0)"},
		"a message was refused":         {func(h *house) { h.seen.Used = refused("b1") }, "DISCONNECTED", "token", "a message was refused"},
		"and Meta says the same":        {func(h *house) { h.seen.Used, h.heard, h.answers.Token.Valid = refused("b1"), true, false }, "DISCONNECTED", "token", "(0/0)"},
		"and Meta calls the token good": {func(h *house) { h.seen.Used, h.heard = refused("b1"), true }, "DEGRADED", "token", "if replies wait"},
		"with another token":            {func(h *house) { h.seen.Used = refused("b0") }, "RUNNING", "token", "good"},
		"a message was taken":           {func(h *house) { h.seen.Used = &provisionv1.TokenUsed{AtMs: now, Basis: "b1"} }, "RUNNING", "token", "good"},
		"ends in a fortnight":           {func(h *house) { h.answers.Token.EndsMs = now + 10*day }, "DEGRADED", "token", "within 14 days"},
		"ends in a week":                {func(h *house) { h.answers.Token.EndsMs = now + 5*day }, "DEGRADED", "token", "within 7 days"},
		"ends tomorrow":                 {func(h *house) { h.answers.Token.EndsMs = now + day/2 }, "DEGRADED", "token", "within 1 day,"},
		"ends in a month":               {func(h *house) { h.answers.Token.EndsMs = now + 30*day }, "RUNNING", "token", "good until"},
		"no more data in a week":        {func(h *house) { h.answers.Token.DataEndsMs = now + 5*day }, "DEGRADED", "token", "access to data"},
		"no pages_messaging":            {func(h *house) { h.answers.Token.Scopes = h.answers.Token.GetScopes()[1:] }, "FAILED", "permissions", "pages_messaging"},
		"no metadata":                   {func(h *house) { h.answers.Token.Scopes = []string{"pages_messaging"} }, "DEGRADED", "permissions", "pages_read_engagement"},
		"development mode":              {func(h *house) { h.answers.Live = h.answers.Live[1:] }, "DEGRADED", "permissions", "development mode"},
		"no profiles":                   {func(h *house) { h.answers.Live = []string{"pages_messaging", "human_agent"} }, "DEGRADED", "permissions", "no name"},
		"no human agent":                {func(h *house) { h.answers.Live = h.answers.Live[:2] }, "DEGRADED", "permissions", "human_agent"},
		"no human agent, and no use for it": {func(h *house) { h.answers.Live, h.setup.Tagged = h.answers.Live[:2], false },
			"RUNNING", "permissions", "granted"},
		"approvals that nobody tells": {func(h *house) { h.answers.Live, h.answers.Approved = nil, provision.Answer{} }, "RUNNING", "permissions", "granted"},
		"unsubscribed":                {func(h *house) { h.answers.Fields = nil }, "FAILED", "subscription", "parleyctl channel subscribe shop"},
		"without messages":            {func(h *house) { h.answers.Fields = provision.Fields()[1:] }, "FAILED", "subscription", "messages"},
		"with messages alone":         {func(h *house) { h.answers.Fields = provision.Fields()[:1] }, "DEGRADED", "subscription", "standby"},
		"not allowed to look":         {func(h *house) { h.answers.Subscription = refuse(200, 0) }, "FAILED", "subscription", "(200/0)"},
		"no event":                    {func(h *house) { h.seen.Events = nil }, "VERIFYING", "events", "write to the page"},
		"events by another account":   {func(h *house) { h.seen.Events.Account = "old" }, "VERIFYING", "events", "no signed event"},
		"Meta away from the first": {func(h *house) { h.answers = provision.Answers{} },
			"VERIFYING", "token", "could not be asked"},
	} {
		t.Run(name, func(t *testing.T) {
			h := running()
			c.spoil(&h)
			got := h.judge()
			if word(got.GetState()) != c.state {
				t.Errorf("it is %s, want %s: %v", word(got.GetState()), c.state, got.GetChecks())
			}
			for _, check := range got.GetChecks() {
				if check.GetName() == c.check && !strings.Contains(check.GetFound()+"\n"+check.GetRemedy(), c.says) {
					t.Errorf("%s says %q and %q, not %q", c.check, check.GetFound(), check.GetRemedy(), c.says)
				}
			}
		})
	}
}

func TestAPageThatWasNeverCheckedIsPending(t *testing.T) {
	h := running()
	for name, r := range map[string]*provisionv1.Record{"no record": nil, "a record of another set-up": provision.Take(nil, "b0", nil, h.answers, now)} {
		if got := provision.Judge(h.setup, h.seen, r, now); word(got.GetState()) != "PENDING" || len(got.GetChecks()) != 6 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// draw gives any house, good and bad.
func draw(t *rapid.T, label string) house {
	h := running()
	answer := func(name string) provision.Answer {
		return provision.Answer{Definite: rapid.Bool().Draw(t, label+name+" answered"),
			Code: rapid.SampledFrom([]int{0, 0, 0, 100, 101, 102, 190, 200}).Draw(t, label+name+" code"), Subcode: rapid.SampledFrom([]int{0, 460, 2069032}).Draw(t, label+name+" subcode")}
	}
	h.answers.DebugToken, h.answers.Approved, h.answers.Subscription = answer("token"), answer("approved"), answer("subscription")
	h.answers.Fields = rapid.SliceOfDistinct(rapid.SampledFrom(provision.Fields()), rapid.ID[string]).Draw(t, label+"fields")
	h.answers.Token = &provisionv1.Token{Valid: rapid.Bool().Draw(t, label+"valid"), Type: rapid.SampledFrom([]string{"PAGE", "USER"}).Draw(t, label+"type"),
		AppId: rapid.SampledFrom([]string{"4242", "77"}).Draw(t, label+"app"), PageId: rapid.SampledFrom([]string{"102030", ""}).Draw(t, label+"page"),
		EndsMs: rapid.SampledFrom([]int64{0, now - day, now + day, now + 40*day}).Draw(t, label+"ends"),
		Scopes: rapid.SampledFrom([][]string{nil, {"pages_messaging"}, h.answers.Token.GetScopes()}).Draw(t, label+"scopes")}
	if rapid.Bool().Draw(t, label+"no callback") {
		h.seen.Callback = nil
	}
	if rapid.Bool().Draw(t, label+"no events") {
		h.seen.Events = nil
	}
	if rapid.Bool().Draw(t, label+"refused") {
		h.seen.Used, h.heard = refused(rapid.SampledFrom([]string{"b0", "b1"}).Draw(t, label+"set-up")), rapid.Bool().Draw(t, label+"heard")
	}
	return h
}

// RUNNING is true: every check passed. And no failure that stops is ever shown
// as a page that serves.
func TestRunningMeansThatEverythingPassed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		got := draw(t, "").judge()
		for _, c := range got.GetChecks() {
			bad := c.GetVerdict() != adminv1.Verdict_VERDICT_PASSED
			if word(got.GetState()) == "RUNNING" && bad {
				t.Fatalf("RUNNING, and %v", c)
			}
			if word(got.GetState()) == "DEGRADED" && bad && c.GetHarm() != adminv1.Harm_HARM_LESS {
				t.Fatalf("DEGRADED, and %v", c)
			}
			if bad && (c.GetFound() == "" || c.GetRemedy() == "") {
				t.Fatalf("a check that does not say what to do: %v", c)
			}
			if (c.GetVerdict() == adminv1.Verdict_VERDICT_FAILED) != (c.GetHarm() != adminv1.Harm_HARM_UNSPECIFIED) {
				t.Fatalf("verdict and harm disagree: %v", c)
			}
		}
	})
}

// Trouble on the way to Meta changes no verdict, only says since when.
func TestNoTransientTroubleChangesAVerdict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := draw(t, "")
		before := h.record()
		silent := h.answers
		for name, a := range map[string]*provision.Answer{"token": &silent.DebugToken, "approved": &silent.Approved, "subscription": &silent.Subscription} {
			if rapid.Bool().Draw(t, name+" away") || !a.Definite {
				*a = provision.Answer{}
			}
		}
		kept := proto.CloneOf(before)
		after := provision.Take(before, h.setup.Basis, h.used(), silent, now+1000)
		if !proto.Equal(kept, before) {
			t.Fatal("the record before was changed")
		}
		was, is := provision.Judge(h.setup, h.seen, before, now+1000), provision.Judge(h.setup, h.seen, after, now+1000)
		if was.GetState() != is.GetState() {
			t.Fatalf("%v became %v by trouble alone\n%v\n%v", was.GetState(), is.GetState(), was.GetChecks(), is.GetChecks())
		}
		again := provision.Take(after, h.setup.Basis, nil, provision.Answers{}, now+2000)
		if since := again.GetApp().GetSilentSinceMs(); since == 0 || since > now+2000 || after.GetApp().GetSilentSinceMs() != 0 && since != after.GetApp().GetSilentSinceMs() {
			t.Fatalf("silent since %d, before since %d", since, after.GetApp().GetSilentSinceMs())
		}
	})
}

func TestWhenMetaIsAskedAgain(t *testing.T) {
	due := func(spoil func(*house), later int64) int64 {
		h := running()
		r := provision.Take(nil, h.setup.Basis, nil, h.answers, now)
		spoil(&h)
		if h.answers.Fields == nil {
			r = provision.Take(nil, h.setup.Basis, nil, h.answers, now)
		}
		return provision.Due(h.setup, h.seen, r, now+later) - now
	}
	hour := int64(3_600_000)
	if got := due(func(*house) {}, 1); got <= 0 || got > hour {
		t.Errorf("a page that runs is asked after %d ms, want within an hour", got)
	}
	if got := due(func(h *house) { h.setup.Basis = "b2" }, 7); got != 7 {
		t.Errorf("a page that changed is asked after %d ms, want at once", got)
	}
	if got := due(func(h *house) { h.seen.Events.FirstMs = now + 5 }, 7); got != 7 {
		t.Errorf("a page that was heard first is asked after %d ms, want at once", got)
	}
	if got := due(func(h *house) { h.answers = provision.Answers{} }, 7); got != 30_000 {
		t.Errorf("while Meta is silent it is asked after %d ms, want 30 s", got)
	}
	heard := func(h *house) { h.seen.Used = refused("b1") }
	if got := due(heard, 7); got != 7 {
		t.Errorf("a page of which a message was refused is asked after %d ms, want at once", got)
	}
	if got := due(func(h *house) { heard(h); h.answers = provision.Answers{} }, 7); got != 30_000 {
		t.Errorf("such a page is asked after %d ms while Meta is silent, want 30 s", got)
	}
	if got := due(func(h *house) { h.seen.Used = refused("b0") }, 7); got <= 0 {
		t.Errorf("a page of which a message was refused before it changed is asked after %d ms", got)
	}
	fresh := func(h *house) { h.seen.Events, h.setup.ChangedMs = nil, now }
	if got := due(fresh, 7); got != 30_000 {
		t.Errorf("a page that is being set up is asked after %d ms, want 30 s", got)
	}
	if got := due(fresh, 2*hour); got <= 0 || got > hour {
		t.Errorf("a page that nobody writes to is asked after %d ms, want within an hour", got)
	}
	if got := due(func(h *house) { h.setup.NoToken, h.answers = "none", provision.Answers{} }, 7); got == 30_000 {
		t.Error("a page that Meta cannot be asked about is asked about all the time")
	}
}
