package provision

import (
	"fmt"
	"strconv"
	"time"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
)

const pageToken = "PAGE" // type of the tokens of pages

// Thresholds are how many days before an end administrators are told of it, the
// widest first.
func Thresholds() []int { return []int{14, 7, 1} }

// Threshold is the narrowest of Thresholds that the end at endMS is within, in
// days; one that is over is within the narrowest. 0: within none, or no end.
func Threshold(endMS, nowMS int64) int {
	within := 0
	for _, days := range Thresholds() {
		if endMS > 0 && endMS-nowMS <= int64(days)*24*time.Hour.Milliseconds() {
			within = days
		}
	}
	return within
}

// Warning is an end of a token that came within another threshold.
type Warning struct {
	Days  int   // the threshold
	EndMS int64 // ms since 1970 UTC
	Data  bool  // the end of its access to data, not of the token
}

// Warnings are what administrators are to be told when the record becomes next:
// each threshold once, as both hold what was told.
func Warnings(before, next *provisionv1.Record) []Warning {
	if before.GetBasis() != next.GetBasis() {
		before = nil
	}
	var all []Warning
	tell := func(told, days int32, end int64, data bool) {
		if days > 0 && (told == 0 || days < told) {
			all = append(all, Warning{Days: int(days), EndMS: end, Data: data})
		}
	}
	t := next.GetToken()
	tell(before.GetTokenWarnedDays(), next.GetTokenWarnedDays(), t.GetEndsMs(), false)
	tell(before.GetDataWarnedDays(), next.GetDataWarnedDays(), t.GetDataEndsMs(), true)
	return all
}

// warn notes in the record within which thresholds its token is.
func warn(r *provisionv1.Record, nowMS int64) {
	r.TokenWarnedDays, r.DataWarnedDays = 0, 0
	if t := r.GetToken(); t.GetValid() {
		r.TokenWarnedDays = int32(Threshold(t.GetEndsMs(), nowMS))
		r.DataWarnedDays = int32(Threshold(t.GetDataEndsMs(), nowMS))
	}
}

// Dead tells whether a Graph error says that the token is of no use any more.
// It goes by numbers alone: the words differ for the same thing. 190/2069032
// says that a token of another type is wanted, not that this one is dead.
func Dead(code, subcode int32) bool {
	return code == 102 || code == 190 && subcode != 2069032
}

// cause is why a token is dead and who brings it back how, by subcode of 190:
// where Meta only waits for the person, the token lives on after that.
func cause(subcode int32, page string) (f found, remedy string) {
	renew := "make a new page token and store it with parleyctl page token set " + page
	switch subcode {
	case 458:
		return say("APP_REMOVED", "the app was removed by the person who connected the page"),
			"have that person, or another who administers the page, add the app again at Meta; then " + renew
	case 459:
		return say("PERSON_CHECKED", "the person who connected the page must pass a check of Facebook's"),
			"have that person sign in at facebook.com and pass it; the token lives on then"
	case 460:
		return say("PERSON_SIGNED_OUT", "the person who connected the page has a new password, or Facebook ended their sessions"),
			"have that person, or another who administers the page, sign in; then " + renew
	case 463:
		return say("TOKEN_ENDED", "the token has ended"), renew + ", from a long-lived token of the person's, so that it does not end again"
	case 464:
		return say("PERSON_UNCONFIRMED", "the account of the person who connected the page is not confirmed"),
			"have that person confirm it at facebook.com; the token lives on then"
	case 467:
		return say("TOKEN_WITHDRAWN", "the token was withdrawn, as when the person who connected the page signed out or was removed"),
			"have somebody who administers the page sign in; then " + renew
	case 490:
		return say("PERSON_ENROLLED", "the person who connected the page is enrolled in a check of Facebook's"),
			"have that person sign in at facebook.com and pass it; the token lives on then"
	case 492:
		return say("PERSON_WITHOUT_ROLE", "the person who connected the page has no role on it any more"),
			"have an administrator of the page give that person the role again; or, as somebody who has it, " + renew
	}
	return say("TOKEN_REFUSED", "Meta does not take the token"), renew
}

// judgeAnswers looks at what Meta says of the token when it is asked.
func judgeAnswers(s Setup, r *provisionv1.Record, nowMS int64) *adminv1.PageCheck {
	t := r.GetToken()
	a, sub := t.GetAnswered(), r.GetSubscription().GetAnswered()
	fail := func(harm adminv1.Harm, f found, remedy string) *adminv1.PageCheck {
		return failed(Token, harm, f, remedy, a)
	}
	use := "make a token for this page with this app and store it with parleyctl page token set " + s.Page
	own := "ask Meta for the page's own: press Generate token beside the page in the app under Messenger, Settings; or read GET /" + s.PageID +
		"?fields=access_token with the token of somebody who administers the page"
	switch {
	case s.NoToken != "":
		return failed(Token, stops, found{reason: "NO_TOKEN", text: s.NoToken}, use, &provisionv1.Answered{AtMs: r.GetCheckedMs()})
	case t.GetValid() && t.GetType() == pageToken && t.GetPageId() != s.PageID: // then nothing that was asked with it says more
		return fail(stops, say("TOKEN_OF_PAGE", "the token is for page %s", t.GetPageId()), use)
	case Dead(sub.GetCode(), sub.GetSubcode()) && (a.GetAtMs() == 0 || t.GetType() == pageToken):
		found, remedy := cause(sub.GetSubcode(), s.Page)
		return failed(Token, disconnects, found.and(" %s", numbers(sub)), remedy, sub)
	case a.GetAtMs() == 0:
		return unasked(Token, s, r, a)
	case a.GetCode() != 0:
		return fail(stops, say("TOKEN_OF_ANOTHER_APP", "the token belongs to another app %s", numbers(a)), use)
	case !t.GetValid() && (t.GetCode() == 0 || Dead(t.GetCode(), t.GetSubcode())):
		found, remedy := cause(t.GetSubcode(), s.Page)
		return fail(disconnects, found.and(" %s", pair(t)), remedy)
	case !t.GetValid():
		return fail(stops, say("TOKEN_REFUSED", "Meta does not take the token").and(" %s", pair(t)), use)
	case t.GetType() != pageToken:
		return fail(stops, say("TOKEN_TYPE", "it is a token of type %s, not a page's", strconv.Quote(t.GetType())), own)
	case t.GetAppId() != s.AppID:
		return fail(stops, say("TOKEN_OF_APP", "the token belongs to app %s", t.GetAppId()), use)
	case t.GetEndsMs() > 0 && t.GetEndsMs() <= nowMS:
		found, remedy := cause(463, s.Page)
		return fail(disconnects, found.and(", on %s", day(t.GetEndsMs())), remedy)
	}
	return judgeEnd(s, t, nowMS)
}

// Candidate is the check of a token that is not in force yet, by what Meta
// answered when asked with it; that of the app when Meta does not know the app.
func Candidate(s Setup, a Answers, nowMS int64) *adminv1.PageCheck {
	r := Take(nil, s.Basis, nil, a, nowMS)
	if app := judgeApp(s, r); app.GetVerdict() == adminv1.Verdict_VERDICT_FAILED {
		return app
	}
	return judgeAnswers(s, r, nowMS)
}

// judgeEnd looks at a good token's ends; the one that comes first is told first.
func judgeEnd(s Setup, t *provisionv1.Token, nowMS int64) *adminv1.PageCheck {
	ends, data := t.GetEndsMs(), t.GetDataEndsMs()
	renew := "make a new page token before and store it with parleyctl page token set " + s.Page
	again := "have the person who connected the page sign in to the app again; or " + renew
	switch {
	case Threshold(ends, nowMS) > 0 && (data == 0 || ends <= data):
		return failed(Token, less, say("TOKEN_ENDS_SOON", "the token ends %s", within(ends, nowMS)).with(day(ends)), renew, t.GetAnswered())
	case data > 0 && data <= nowMS:
		return failed(Token, less, say("DATA_ENDED", "the token's access to data has ended, on %s", day(data)), again, t.GetAnswered())
	case Threshold(data, nowMS) > 0:
		return failed(Token, less, say("DATA_ENDS_SOON", "the token's access to data ends %s", within(data, nowMS)).with(day(data)), again, t.GetAnswered())
	case ends > 0 && data > 0:
		return passed(Token, say("TOKEN_GOOD_UNTIL_DATA", "good until %s; its access to data ends on %s", day(ends), day(data)), t.GetAnswered())
	case ends > 0:
		return passed(Token, say("TOKEN_GOOD_UNTIL", "good until %s", day(ends)), t.GetAnswered())
	case data > 0:
		return passed(Token, say("TOKEN_GOOD_DATA", "good; its access to data ends on %s", day(data)), t.GetAnswered())
	}
	return passed(Token, say("TOKEN_GOOD", "good, without an end"), t.GetAnswered())
}

// pair is the code and subcode with which Meta calls a token bad.
func pair(t *provisionv1.Token) string { return fmt.Sprintf("(%d/%d)", t.GetCode(), t.GetSubcode()) }

// within says how soon, in the steps at which administrators are told again.
func within(ms, nowMS int64) string {
	if days := Threshold(ms, nowMS); days > 1 {
		return fmt.Sprintf("within %d days, on %s", days, day(ms))
	}
	return "within 1 day, on " + day(ms)
}
