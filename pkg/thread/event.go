package thread

import (
	"strings"
	"time"
	"unicode/utf8"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

const previewLength = 120

// customerSpoke notes a message or a tap. speaks is false for what proves no
// presence of the customer to us: standby, replays; asks for what nobody has to
// answer.
func customerSpoke(s *threadv1.State, sentMS int64, line string, speaks, asks bool) {
	if speaks {
		openWindow(s, sentMS)
	}
	if asks {
		s.Unanswered++
	}
	newest(s, sentMS, line)
}

// pageSpoke notes a message of the page by another hand. One that is older than
// what the customer said last answers nothing of it.
func pageSpoke(s *threadv1.State, sentMS int64, line string) {
	if sentMS >= s.NewestMs {
		s.Unanswered = 0
	}
	newest(s, sentMS, line)
}

// weSpoke notes a message that is sent from here. It has no time of Meta's yet,
// and ours must not stand in for it: with our clock ahead, what the customer
// answers would be older than the question. Only a person answers.
func weSpoke(s *threadv1.State, human bool, line string) {
	if human {
		s.Unanswered = 0
	}
	if line != "" {
		s.Preview = line
	}
}

func newest(s *threadv1.State, sentMS int64, line string) {
	if sentMS < s.NewestMs {
		return
	}
	s.NewestMs = sentMS
	if line != "" {
		s.Preview = line
	}
}

func openWindow(s *threadv1.State, sentMS int64) {
	s.WindowMs = max(s.WindowMs, sentMS)
}

// shortlink is the source of a referral by an m.me link.
const shortlink = "SHORTLINK"

// referred notes that the customer came by a link or an advertisement. A link
// into a thread opens the window by itself, an advertisement only with the
// message that follows (send-messages page).
func referred(s *threadv1.State, r *threadv1.ReferralReceived, stale bool) {
	if !stale && r.GetReferral().GetSource() == shortlink {
		openWindow(s, r.GetSentMs())
	}
	came(s, r.GetReferral(), r.GetSentMs())
}

const (
	referralText = 200            // bytes of each text of a referral in the state
	referralLast = 24 * time.Hour // how long it is why the customer writes
)

// came remembers how the customer came to the page, for the conversation that
// opens next.
func came(s *threadv1.State, r *threadv1.Referral, sentMS int64) {
	if r == nil || sentMS < s.GetReferralMs() {
		return
	}
	s.ReferralMs = sentMS
	s.Referral = &threadv1.Referral{Ref: clip(r.GetRef()), Source: clip(r.GetSource()), Type: clip(r.GetType()),
		AdId: clip(r.GetAdId()), AdTitle: clip(r.GetAdTitle())}
}

func clip(text string) string {
	if len(text) <= referralText {
		return text
	}
	return strings.ToValidUTF8(text[:referralText], "")
}

// applyKept reads who has the thread out of logs of before, which kept such
// events as they were.
func applyKept(s *threadv1.State, e *threadv1.EventKept) {
	switch e.GetKind() {
	case "take_thread_control", "pass_thread_control":
		seen(s, e.GetStandby(), false, e.GetSentMs())
	}
}

func applyProfile(s *threadv1.State, now time.Time, p *threadv1.CustomerProfiled) {
	if s.Customer == nil {
		s.Customer = &threadv1.Customer{}
	}
	s.Customer.FetchedMs = now.UnixMilli()
	if p.GetFailure() != "" {
		return
	}
	s.Customer.Name = p.GetName()
	s.Customer.Locale = p.GetLocale()
	s.Customer.Timezone = p.Timezone
	s.Customer.Picture = p.GetPicture()
}

// firstLine is what a list shows of a message: its first line with text, or
// the type of its first attachment in brackets.
func firstLine(text string, attachments []*threadv1.Attachment) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			return cut(line, previewLength)
		}
	}
	if len(attachments) > 0 {
		return "[" + cut(attachments[0].GetType(), 20) + "]"
	}
	return ""
}

func cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	runes := []rune(s)
	return string(runes[:most-1]) + "…"
}
