package attempt

import "time"

// Policy is how long the steps of a send may take.
type Policy struct {
	// Start is how long after its commit the POST of an attempt may begin.
	// Past it the process that made the attempt must not post: it may have
	// been frozen, and others count on it.
	Start time.Duration
	// Orphan is how long after that an attempt of which nothing was heard
	// counts as uncertain. It must exceed the longest POST.
	Orphan time.Duration
	// Echo is how long after the latest start of its POST an uncertain part
	// waits for its echo before the conversation is read. Shorter than Orphan
	// it adds nothing for orphans.
	Echo time.Duration
	// Check is for how long after that a reading that fails is tried again.
	Check time.Duration
	// CheckAgain is the pause between two readings that fail.
	CheckAgain time.Duration
	// Backoff is the pause after the first "later"; it doubles with every
	// attempt up to BackoffMax.
	Backoff, BackoffMax time.Duration
	// Attempts is how many attempts a part gets when Meta keeps saying "later".
	Attempts int
	// Patience is the longest pause Meta may ask for; a longer one refuses the
	// send, so that the agent knows.
	Patience time.Duration
	// Park is the pause while a permission of the page is missing and nobody
	// mends it.
	Park time.Duration
	// Spacing is between two POSTs to one thread.
	Spacing time.Duration
}

// pause is how long to wait after attempt n was told "later" and Meta asked
// for asked.
func (p Policy) pause(n int32, asked time.Duration) time.Duration {
	d := p.Backoff
	for i := int32(1); i < n && d < p.BackoffMax; i++ {
		d *= 2
	}
	return max(min(d, p.BackoffMax), asked)
}
