package provision

import (
	"fmt"
	"slices"
	"strings"
	"time"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
)

const (
	stops       = adminv1.Harm_HARM_STOPS
	less        = adminv1.Harm_HARM_LESS
	disconnects = adminv1.Harm_HARM_DISCONNECTS

	messages = "messages" // the field without which no customer is heard
)

// Fields are the subscription fields that the house needs: the first to work
// at all, the others for what belongs to a conversation.
func Fields() []string {
	return []string{messages, "message_echoes", "message_deliveries", "message_reads", "messaging_postbacks",
		"messaging_referrals", "message_reactions", "message_edits", "messaging_handovers", "standby"}
}

// unasked is a check to which there never was an answer.
func unasked(name string, s Setup, r *provisionv1.Record, a *provisionv1.Answered) *adminv1.PageCheck {
	switch {
	case s.NoSecret != "" || s.NoToken != "":
		return unknown(name, say("NEEDS_SECRETS", "cannot be asked without app secret and access token"), "set them first", a)
	case r.GetApp().GetCode() != 0:
		return unknown(name, say("NEEDS_APP", "cannot be asked while Meta does not know the app"), "see to the app first", a)
	}
	return unknown(name, say("META_SILENT", "Meta could not be asked"), "nothing needs to be done: it is asked again until Meta answers", a)
}

func judgeCallback(s Setup, seen *provisionv1.CallbackSeen, nowMS int64) *adminv1.PageCheck {
	at := &provisionv1.Answered{AtMs: nowMS}
	switch {
	case s.VerifyToken == "":
		return failed(Callback, stops, say("NO_VERIFY_TOKEN", "no verify token is set, so Meta cannot verify the callback URL"),
			"apply account "+s.Account+" again, which makes one, and enter it at Meta", at)
	case seen == nil:
		return waiting(Callback, say("NOT_VERIFIED", "Meta has not verified the callback URL yet"),
			"enter what `parleyctl channel callback "+s.Account+"` shows as webhook of the app and press Verify and save", nowMS)
	case seen.GetTokenFingerprint() != s.VerifyToken:
		return waiting(Callback, say("VERIFIED_EARLIER", "Meta verified the callback URL with an earlier verify token, on %s", day(seen.GetAtMs())),
			"enter the present verify token at Meta and press Verify and save", nowMS)
	}
	return passed(Callback, say("VERIFIED", "Meta verified the callback URL on %s", day(seen.GetAtMs())), at)
}

func judgeApp(s Setup, r *provisionv1.Record) *adminv1.PageCheck {
	a := r.GetApp()
	switch {
	case s.NoSecret != "":
		return failed(App, stops, found{reason: "NO_SECRET", text: s.NoSecret}, "set app_secret of account "+s.Account+", from App settings, Basic, at Meta", &provisionv1.Answered{AtMs: r.GetCheckedMs()})
	case a.GetAtMs() == 0:
		return unasked(App, s, r, a)
	case a.GetCode() != 0:
		return failed(App, stops, say("APP_UNKNOWN", "Meta does not know app %s with this app secret %s", s.AppID, numbers(a)),
			"compare app_id and app_secret of account "+s.Account+" with App settings, Basic, at Meta", a)
	}
	return passed(App, say("APP_GOOD", "app %s and its secret belong together", s.AppID), a)
}

func judgeToken(s Setup, seen Seen, r *provisionv1.Record, nowMS int64) *adminv1.PageCheck {
	asked := judgeAnswers(s, r, nowMS)
	refused := seen.refused(s.Basis)
	if refused == nil || asked.GetVerdict() == adminv1.Verdict_VERDICT_FAILED && asked.GetHarm() != less {
		return asked
	}
	found, remedy := cause(refused.GetSubcode(), s.Page)
	if seen.unheard(s.Basis, r) {
		return failed(Token, disconnects, found.and(" %s; a message was refused for it", numbers(refused)), remedy, refused)
	}
	return failed(Token, less, say("GOOD_BUT_REFUSED", "Meta calls the token good, and refused a message for it %s on %s", numbers(refused), day(refused.GetAtMs())),
		"if replies wait, make a new page token with all permissions and store it with parleyctl page token set "+s.Page, refused)
}

func judgePermissions(s Setup, seen Seen, r *provisionv1.Record, nowMS int64) *adminv1.PageCheck {
	t := r.GetToken()
	a := t.GetAnswered()
	if c := judgeToken(s, seen, r, nowMS); c.GetVerdict() != adminv1.Verdict_VERDICT_PASSED && c.GetHarm() != less {
		return unknown(Permissions, say("NEEDS_TOKEN", "cannot be told without a good token"), "see to the token first", a)
	}
	if !slices.Contains(t.GetScopes(), "pages_messaging") {
		return failed(Permissions, stops, say("NO_MESSAGING", "the token lacks pages_messaging, so nothing can be sent"),
			"make a new token and tick pages_messaging", a)
	}
	var missing []string
	for _, p := range []string{"pages_manage_metadata", "pages_read_engagement"} {
		if !slices.Contains(t.GetScopes(), p) {
			missing = append(missing, p)
		}
	}
	remedy := "make a new token with these permissions"
	if live := r.GetApproval(); live.GetAnswered().GetAtMs() > 0 && live.GetAnswered().GetCode() == 0 {
		short := len(missing)
		if !slices.Contains(live.GetLive(), "pages_messaging") {
			missing = append(missing, "pages_messaging is not approved, so only people with a role in the app can write (development mode)")
		}
		if !slices.Contains(live.GetLive(), "business_asset_user_profile_access") {
			missing = append(missing, "business_asset_user_profile_access, so customers have no name")
		}
		if s.Tagged && !slices.Contains(live.GetLive(), "human_agent") {
			missing = append(missing, "human_agent, so replies end after 24 hours")
		}
		if len(missing) > short {
			remedy = "publish the app and request them in its App Review; a token made after that has them"
		}
	}
	if len(missing) > 0 {
		return failed(Permissions, less, say("PERMISSIONS_MISSING", "missing: %s", strings.Join(missing, "; ")).with(strings.Join(names(missing), ", ")), remedy, a)
	}
	return passed(Permissions, say("ALL_GRANTED", "everything that is needed is granted"), a)
}

// names are the permissions of lines that begin with them.
func names(lines []string) (all []string) {
	for _, line := range lines {
		name, _, _ := strings.Cut(line, " ")
		all = append(all, strings.TrimSuffix(name, ","))
	}
	return all
}

func judgeSubscription(s Setup, r *provisionv1.Record) *adminv1.PageCheck {
	a, remedy := r.GetSubscription().GetAnswered(), "run `parleyctl channel subscribe "+s.Page+"`"
	var missing []string
	for _, f := range Fields() {
		if !slices.Contains(r.GetSubscription().GetFields(), f) {
			missing = append(missing, f)
		}
	}
	switch {
	case a.GetAtMs() == 0:
		return unasked(Subscription, s, r, a)
	case Dead(a.GetCode(), a.GetSubcode()):
		return unknown(Subscription, say("NEEDS_TOKEN", "cannot be told without a good token"), "see to the token first", a)
	case a.GetCode() != 0:
		return failed(Subscription, stops, say("SUBSCRIPTION_UNTOLD", "Meta does not tell what the page is subscribed to %s", numbers(a)),
			"see to token and permissions; pages_manage_metadata is needed", a)
	case len(missing) == len(Fields()):
		return failed(Subscription, stops, say("SENDS_NOTHING", "the page sends nothing to app %s", s.AppID), remedy, a)
	case missing == nil:
		return passed(Subscription, say("SENDS_ALL", "the page sends everything that is needed"), a)
	case missing[0] == messages:
		return failed(Subscription, stops, say("SENDS_NO_MESSAGES", "the page does not send messages; missing: %s", strings.Join(missing, ", ")), remedy, a)
	}
	return failed(Subscription, less, say("SENDS_LESS", "the page does not send %s", strings.Join(missing, ", ")), remedy, a)
}

func judgeEvents(s Setup, seen *provisionv1.EventsSeen, nowMS int64) *adminv1.PageCheck {
	if seen == nil || seen.GetAccount() != s.Account {
		return waiting(Events, say("NO_EVENT", "no signed event of the page came yet"),
			"write to the page from Messenger; while the app is in development mode as somebody with a role in it", nowMS)
	}
	return passed(Events, say("EVENTS_COME", "signed events come since %s, the last at %s", day(seen.GetFirstMs()), stamp(seen.GetLastMs())),
		&provisionv1.Answered{AtMs: nowMS})
}

func numbers(a *provisionv1.Answered) string {
	return fmt.Sprintf("(%d/%d)", a.GetCode(), a.GetSubcode())
}

func day(ms int64) string   { return time.UnixMilli(ms).UTC().Format(time.DateOnly) }
func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }
