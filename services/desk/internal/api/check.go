package api

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/parley-desk/parley/pkg/fault"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
)

// Limits of what an agent may write, in characters.
const (
	maxText   = 20_000
	maxNote   = 4_000
	maxReason = 500
	maxID     = 128
)

// check collects what is wrong with a request, all of it at once.
type check []fault.Violation

func (c *check) that(ok bool, field, format string, args ...any) {
	if !ok {
		*c = append(*c, fault.Violation{Field: field, Description: fmt.Sprintf(format, args...)})
	}
}

func (c *check) ref(ref *deskv1.ConversationRef) { c.names("ref", ref) }

func (c *check) names(field string, ref *deskv1.ConversationRef) {
	c.id(field+".page", ref.GetPage())
	c.id(field+".psid", ref.GetPsid())
	c.id(field+".conversation", ref.GetConversation())
}

func (c *check) id(field, value string) {
	c.that(value != "" && len(value) <= maxID, field, "must have 1 to %d bytes, has %d", maxID, len(value))
}

func (c *check) clientID(id string) {
	c.uuid("client_id", id)
}

func (c *check) uuid(field, id string) {
	_, err := uuid.Parse(id)
	c.that(err == nil && len(id) == 36, field, "must be a UUID like 0198f0a2-7c1e-7b4e-9c57-6f1f1c4a2b11")
}

func (c *check) text(value string, most int) {
	n := utf8.RuneCountInString(value)
	c.that(n <= most, "text", "must have at most %d characters, has %d", most, n)
	c.that(strings.TrimSpace(value) != "", "text", "must not be empty")
}

// most bounds a text that may be empty.
func (c *check) most(field, value string, most int) {
	n := utf8.RuneCountInString(value)
	c.that(n <= most, field, "must have at most %d characters, has %d", most, n)
}

func (c check) err() error {
	if len(c) == 0 {
		return nil
	}
	f := fault.New(fault.Invalid, "BAD_REQUEST", "%s: %s", c[0].Field, c[0].Description)
	f.Violations = c
	return f
}
