// Package bot speaks with the bots of workstreams: what a bot is asked, how its
// answer is read, and how it is reached. docs/bot.md is for those who write one.
//
// Decisions are pure; Caller alone opens connections. Neither trusts the bot: its
// answer is taken whole or not at all, and why not is a Trouble, which becomes the
// reason for which an agent gets the conversation.
package bot

import (
	"fmt"

	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Trouble is why a bot gave no answer that can be used.
type Trouble struct {
	Reason threadv1.BotReason
	Detail string // for people; nothing of the customer
}

// Error is the detail.
func (t *Trouble) Error() string { return t.Detail }

// Escalated is the fact of it.
func (t *Trouble) Escalated() *threadv1.BotEscalated {
	return &threadv1.BotEscalated{Reason: t.Reason, Detail: t.Detail}
}

func trouble(reason threadv1.BotReason, format string, args ...any) *Trouble {
	return &Trouble{reason, fmt.Sprintf(format, args...)}
}
