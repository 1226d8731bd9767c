// Package provision decides whether a page's connection to Meta works. It asks
// nobody: given how the page is set up, what ingress saw of it and what Meta
// answered, it says how the page stands, check by check.
//
// Answers and verdicts are apart. A Record keeps the last definite answer to
// each question and since when it could not be asked again; Judge draws the
// verdicts from it anew each time. So no trouble on the way to Meta ever makes
// a page that ran a page that failed, and time alone can bring a warning.
package provision

import (
	"fmt"
	"slices"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
)

// Names of the checks, in their order.
const (
	Callback     = "callback"
	App          = "app"
	Token        = "token"
	Permissions  = "permissions"
	Subscription = "subscription"
	Events       = "events"
)

// Setup is a page as administrators set it up.
type Setup struct {
	Page        string // resource id
	PageID      string // Meta's page id
	Account     string // channel account, by id
	AppID       string
	VerifyToken string // fingerprint; empty when none is set
	Tagged      bool   // its workstream answers with the human-agent tag
	NoSecret    string // why there is no app secret; empty: there is one
	NoToken     string // why there is no access token; empty: there is one
	ChangedMs   int64  // when administrators last changed it
	Basis       string // of the answers about it: ids and fingerprints
}

// Seen is what ingress saw of the page and outbound heard of its token; nil:
// nothing yet.
type Seen struct {
	Callback     *provisionv1.CallbackSeen
	Deauthorized *provisionv1.DeauthorizedSeen
	Events       *provisionv1.EventsSeen
	Used         *provisionv1.TokenUsed
}

// unheard tells whether outbound said something of this set-up that the last
// answer about the token does not know.
func (s Seen) unheard(basis string, r *provisionv1.Record) bool {
	return s.Used != nil && s.Used.GetBasis() == basis && s.Used.GetAtMs() != r.GetHeardMs()
}

// refused is what a message was refused with for its token; nil: it was not.
func (s Seen) refused(basis string) *provisionv1.Answered {
	if s.Used.GetBasis() != basis || s.Used.GetCode() == 0 {
		return nil
	}
	return &provisionv1.Answered{AtMs: s.Used.GetAtMs(), Code: s.Used.GetCode(), Subcode: s.Used.GetSubcode()}
}

// Judge tells how a page stands at nowMS. A nil record was never checked; one
// about another set-up means nothing.
func Judge(s Setup, seen Seen, r *provisionv1.Record, nowMS int64) *adminv1.PageStatus {
	status := &adminv1.PageStatus{Page: s.Page, PageId: s.PageID, Account: s.Account}
	if r.GetBasis() != s.Basis || r.GetCheckedMs() == 0 {
		for _, name := range []string{Callback, App, Token, Permissions, Subscription, Events} {
			status.Checks = append(status.Checks, unknown(name, say("NOT_CHECKED", "not checked yet"), "", nil))
		}
		status.State = StateOf(status.GetChecks())
		return status
	}
	status.CheckedMs = r.GetCheckedMs()
	if t := r.GetToken(); t.GetValid() {
		status.TokenEndsMs, status.DataEndsMs = t.GetEndsMs(), t.GetDataEndsMs()
	}
	status.Checks = []*adminv1.PageCheck{
		judgeCallback(s, seen.Callback, nowMS), judgeApp(s, r), judgeToken(s, seen, r, nowMS),
		judgePermissions(s, seen, r, nowMS), judgeSubscription(s, r), judgeEvents(s, seen.Events, nowMS),
	}
	status.State = StateOf(status.GetChecks())
	return status
}

// StateOf is what checks amount to: the worst failure decides, then whatever is
// awaited. Running is a page whose every check passed.
func StateOf(checks []*adminv1.PageCheck) adminv1.PageState {
	worst, awaited, ran := adminv1.Harm_HARM_UNSPECIFIED, false, false
	for _, c := range checks {
		ran = ran || c.GetRanMs() > 0
		switch c.GetVerdict() {
		case adminv1.Verdict_VERDICT_PASSED:
		case adminv1.Verdict_VERDICT_FAILED:
			worst = max(worst, c.GetHarm())
		case adminv1.Verdict_VERDICT_WAITING, adminv1.Verdict_VERDICT_UNKNOWN, adminv1.Verdict_VERDICT_UNSPECIFIED:
			awaited = true
		}
	}
	switch {
	case !ran:
		return adminv1.PageState_PAGE_STATE_PENDING
	case worst == adminv1.Harm_HARM_DISCONNECTS:
		return adminv1.PageState_PAGE_STATE_DISCONNECTED
	case worst == adminv1.Harm_HARM_STOPS:
		return adminv1.PageState_PAGE_STATE_FAILED
	case awaited:
		return adminv1.PageState_PAGE_STATE_VERIFYING
	case worst == adminv1.Harm_HARM_LESS:
		return adminv1.PageState_PAGE_STATE_DEGRADED
	}
	return adminv1.PageState_PAGE_STATE_RUNNING
}

// Silent tells whether a question of the record was left without answer when it
// was last asked. Where Meta does not know the app, others are not asked.
func Silent(r *provisionv1.Record) bool {
	if r.GetApp().GetCode() != 0 && r.GetApp().GetSilentSinceMs() == 0 {
		return false
	}
	return slices.ContainsFunc(answers(r), func(a *provisionv1.Answered) bool { return a.GetAtMs() == 0 || a.GetSilentSinceMs() > 0 })
}

func answers(r *provisionv1.Record) []*provisionv1.Answered {
	return []*provisionv1.Answered{r.GetApp(), r.GetToken().GetAnswered(), r.GetSubscription().GetAnswered()}
}

// found is what was found: a word for programs, and its sentence with the values in it.
type found struct {
	reason, text string
	values       []string
}

// say is a finding whose sentence is a format of values, each a "%s".
func say(reason, format string, values ...string) found {
	all := make([]any, len(values))
	for i, v := range values {
		all[i] = v
	}
	return found{reason, fmt.Sprintf(format, all...), values}
}

// with is a finding with other values: the sentence has them in words.
func (f found) with(values ...string) found { return found{f.reason, f.text, values} }

// and is a finding whose sentence says more.
func (f found) and(format string, values ...string) found {
	return found{f.reason, f.text + say("", format, values...).text, append(slices.Clone(f.values), values...)}
}

func passed(name string, f found, a *provisionv1.Answered) *adminv1.PageCheck {
	return &adminv1.PageCheck{Name: name, Verdict: adminv1.Verdict_VERDICT_PASSED, Found: f.text, Reason: f.reason, Values: f.values,
		RanMs: a.GetAtMs(), SilentSinceMs: a.GetSilentSinceMs()}
}

func failed(name string, harm adminv1.Harm, f found, remedy string, a *provisionv1.Answered) *adminv1.PageCheck {
	c := passed(name, f, a)
	c.Verdict, c.Harm, c.Remedy = adminv1.Verdict_VERDICT_FAILED, harm, remedy
	return c
}

func waiting(name string, f found, remedy string, nowMS int64) *adminv1.PageCheck {
	c := passed(name, f, &provisionv1.Answered{AtMs: nowMS})
	c.Verdict, c.Remedy = adminv1.Verdict_VERDICT_WAITING, remedy
	return c
}

func unknown(name string, f found, remedy string, a *provisionv1.Answered) *adminv1.PageCheck {
	c := passed(name, f, a)
	c.Verdict, c.Remedy = adminv1.Verdict_VERDICT_UNKNOWN, remedy
	return c
}
