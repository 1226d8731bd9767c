package graph

import "time"

// Class says what is known of a send after its POST.
type Class int

// The classes. Only Uncertain leaves open whether the customer has the message.
const (
	// Uncertain: it may have been delivered. Never post it again.
	Uncertain Class = iota
	// Sent: Meta took it and named it.
	Sent
	// Refused: not delivered, and the same request never will be.
	Refused
	// Later: not delivered; the same request may work after a while.
	Later
	// Parked: not delivered; it can work once somebody has mended the page's
	// connection to Meta (token, permissions).
	Parked
)

var classNames = [...]string{"uncertain", "sent", "refused", "later", "parked"}

// String is the class as it stands in metrics and logs.
func (c Class) String() string {
	if c < 0 || int(c) >= len(classNames) {
		return classNames[Uncertain]
	}
	return classNames[c]
}

// Outcome is what became of a send.
type Outcome struct {
	Class      Class
	MessageID  string        // Meta's mid, when Sent
	Code       int           // Meta's error code, when it gave one
	Subcode    int           // Meta's error subcode, when it gave one
	Trace      string        // Meta's trace id, for a report to Meta
	Reason     string        // one of the reasons below; empty when Sent
	RetryAfter time.Duration // how long Meta asked us to stay away; 0 when it did not
	Usage      Usage         // how much of what Meta allows is used up
}

// Reasons, machine-readable; the desk has a text for each.
const (
	ReasonTimeout           = "TIMEOUT"            // no whole answer in time
	ReasonReset             = "RESET"              // the connection broke after we wrote
	ReasonServerError       = "SERVER_ERROR"       // Meta says it failed, not whether before or after sending
	ReasonUnreadable        = "UNREADABLE"         // the answer is not one the Send API gives
	ReasonUnreachable       = "UNREACHABLE"        // no connection; nothing was written
	ReasonThrottled         = "THROTTLED"          // too many calls
	ReasonPageDisconnected  = "PAGE_DISCONNECTED"  // the token is dead
	ReasonPermissionMissing = "PERMISSION_MISSING" // the app may not write for the page
	ReasonPageRestricted    = "PAGE_RESTRICTED"    // Meta stopped the page from sending for a time
	ReasonAppNotLive        = "APP_NOT_LIVE"       // only people with a role in the app can be written to
	ReasonWindowClosed      = "WINDOW_CLOSED"      // too long since the customer's last message
	ReasonPersonUnavailable = "PERSON_UNAVAILABLE" // blocked the page, left, or cannot be written to
	ReasonPersonBothered    = "PERSON_BOTHERED"    // Meta protects the person from more messages
	ReasonThreadOwned       = "THREAD_OWNED"       // another app has the thread
	ReasonTermsOpen         = "TERMS_OPEN"         // the page has terms of Meta's to accept
	ReasonMediaRefused      = "MEDIA_REFUSED"      // the attachment cannot be used
	ReasonTemplateRefused   = "TEMPLATE_REFUSED"   // the utility template is not approved, or its blanks are others
	ReasonMessageGone       = "MESSAGE_GONE"       // what the message answers or reacts to is not there any more
	ReasonInvalidRequest    = "INVALID_REQUEST"    // Meta does not take the request as it is
)
