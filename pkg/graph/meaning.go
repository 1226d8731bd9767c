package graph

// Meaning is what a reason of a send means to whoever runs the house. What the
// agent reads is the desk's.
type Meaning struct {
	Reason string
	Means  string // what is the case
	Do     string // how it is mended
	Then   string // what becomes of the message, the page and the thread
}

// Meanings are those of all reasons of an [Outcome].
func Meanings() []Meaning { return append(passing(), standing()...) }

// passing are the meanings of what mends itself, and of doubts.
func passing() []Meaning {
	return []Meaning{
		{ReasonTimeout, "Meta gave no whole answer within graph.timeout", "look at Meta's status page and at the way out of the network",
			"in doubt: the echo is awaited, then the conversation is read; never posted again"},
		{ReasonReset, "the connection broke after the request had begun", "look for a proxy or firewall that cuts connections", "in doubt"},
		{ReasonServerError, "Meta had an error and does not say whether before or after sending; with code 2 the person may have blocked the page",
			"wait; if it lasts, report it to Meta with the trace id", "in doubt"},
		{ReasonUnreadable, "the answer is none that the Send API gives", "look for a proxy that answers in Meta's place; check graph.url", "in doubt"},
		{ReasonUnreachable, "no connection to Meta; nothing was written", "look at DNS, the network and graph.url", "tried again after a pause that doubles"},
		{ReasonThrottled, "Meta takes no more calls of this page or app for now", "wait; if it is often so, find out who else sends with this app, or ask Meta for more",
			"the whole page waits as long as Meta says, then the message is tried again"},
		{ReasonPageRestricted, "Meta has stopped the page from sending for a time, for its policy", "open the page's quality tab at Meta and appeal there",
			"refused; the page asks Meta again only after a minute"},
		{ReasonPersonBothered, "Meta protects this person from more messages of the page", "write less often to people who do not answer", "refused; other people are not concerned"},
		{ReasonPersonUnavailable, "the person blocked the page, left, deleted the chat, or is not of this page", "nothing; the person may write again", "refused; the page goes on"},
		{ReasonWindowClosed, "more than 24 hours since the customer's last message, or 7 days with the human-agent tag",
			"wait for the customer; to have 7 days, get Human Agent in the App Review and switch the workstream's message tag on", "refused; the composer is closed until the customer writes"},
		{ReasonThreadOwned, "another app, the page's inbox or Meta's own AI has the thread", "the agent may take control; set this app as default in the page's settings, Conversation routing",
			"refused; the thread is shown as another's until control comes back"},
		{ReasonMessageGone, "the message that this one speaks of was deleted, or is not shown any more", "nothing", "refused"},
	}
}

// standing are the meanings of what somebody must mend.
func standing() []Meaning {
	return []Meaning{
		{ReasonPageDisconnected, "the page's access token is dead", "`parleyctl channel health PAGE` says why and what brings it back, mostly a new token",
			"parked with all of the page's, until its token works; no attempt counts"},
		{ReasonPermissionMissing, "the app lacks a permission or feature for the page", "connect the page again with all permissions ticked; see the app's permissions and features at Meta",
			"tried again with the page's next token, else every outbound.park, at last refused"},
		{ReasonAppNotLive, "the app is not published, or pages_messaging is not approved: only people with a role in it can be written to",
			"publish the app; ask for pages_messaging in the App Review", "refused"},
		{ReasonTermsOpen, "the page has not accepted terms of Meta's", "have an administrator of the page accept them in its settings", "refused"},
		{ReasonMediaRefused, "Meta cannot fetch or use the attachment", "look at its size and type; what Meta uploaded before dies after 90 days", "refused; text goes on"},
		{ReasonTemplateRefused, "Meta does not take a utility template: it is not approved in that language, is paused, or has other blanks; any code that says no more than that the request is invalid",
			"compare `templates` of the page with the template at Meta: name, language code, and the blanks of its body", "refused"},
		{ReasonInvalidRequest, "Meta does not take the request as it is", "report it with code and trace id; a template of an API client may break a limit", "refused"},
	}
}

// Ruling is one line of what this house makes of Meta's errors.
type Ruling struct {
	From, To int // codes, both included
	Subcode  int // 0 when the codes are meant whatever the subcode
	Class    Class
	Reason   string
}

// Rulings are all lines, in the order in which they are tried.
func Rulings() []Ruling {
	var all []Ruling
	for _, r := range rules() {
		all = append(all, Ruling{From: r.from, To: r.to, Subcode: max(r.subcode, 0), Class: r.class, Reason: r.reason})
	}
	return all
}

// Judge says what becomes of a send that Meta answers with this error and HTTP
// status 400.
func Judge(code, subcode int) (Class, Meaning) {
	out := Error{Code: code, Subcode: subcode}.outcome(400)
	for _, m := range Meanings() {
		if m.Reason == out.Reason {
			return out.Class, m
		}
	}
	return out.Class, Meaning{Reason: out.Reason}
}
