package session

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
)

// Over is the fault of who comes with a session that is over.
func Over(end End) error {
	switch end {
	case Expired:
		return fault.New(fault.Unauthenticated, "EXPIRED", "the session has expired; sign in again")
	case Renewed:
		return fault.New(fault.Unauthenticated, "PASSWORD_CHANGED", "the password was changed; sign in with the new one")
	case Revoked:
		return fault.New(fault.Unauthenticated, "REVOKED", "the agent was removed or may not sign in; an administrator can change that")
	case Dismissed:
		return fault.New(fault.Unauthenticated, "ENDED", "an administrator ended the session; sign in again")
	case Copied:
		return fault.New(fault.Unauthenticated, "COPIED", "the session's cookie was in use in two places, so it was ended; sign in again")
	default:
		return fault.New(fault.Unauthenticated, "SIGNED_OUT", "the session was signed out; sign in again")
	}
}

// ticket is what opens the session of a handle, by its number.
func (s *Store) ticket(handle string, turn uint64, program bool) (secret.Text, error) {
	body := handle + "." + strconv.FormatUint(turn, 10)
	prefix, use := kind(program)
	seal := s.sealer.MAC(use, []byte(body))
	if seal == nil {
		return secret.Text{}, fault.New(fault.Internal, "", "the keyset gives no key to seal tickets with")
	}
	return secret.NewText(prefix + body + "." + base64.RawURLEncoding.EncodeToString(seal)), nil
}

// open gives handle and number of a ticket; false when it was not made here, or for the
// other kind.
func (s *Store) open(ticket secret.Text, program bool) (handle string, turn uint64, ok bool) {
	prefix, use := kind(program)
	value, typed := strings.CutPrefix(ticket.Reveal(), prefix)
	at := strings.LastIndexByte(value, '.')
	if !typed || at < 0 {
		return "", 0, false
	}
	seal, err := base64.RawURLEncoding.Strict().DecodeString(value[at+1:])
	if err != nil || !s.sealer.Verify(use, []byte(value[:at]), seal) {
		return "", 0, false
	}
	handle, number, _ := strings.Cut(value[:at], ".")
	turn, err = strconv.ParseUint(number, 10, 64)
	return handle, turn, err == nil
}

// kind is how tickets of programs, and those of browsers, are told apart.
func kind(program bool) (prefix, use string) {
	if program {
		return Prefix, programUse
	}
	return "", ticketUse
}

// key is where the session of a handle stands.
func key(handle string) string {
	sum := sha256.Sum256([]byte(handle))
	return hex.EncodeToString(sum[:])
}

// stored is the value of an entry.
type stored struct {
	Agent     string `json:"agent"`
	CreatedMS int64  `json:"created_ms"`
	UsedMS    int64  `json:"used_ms"`
	UntilMS   int64  `json:"until_ms"`
	IdleMS    int64  `json:"idle_ms"`
	Turn      uint64 `json:"turn"`
	TurnedMS  int64  `json:"turned_ms"`
	Ended     End    `json:"ended,omitempty"`
	Program   string `json:"program,omitempty"`
	From      string `json:"from,omitempty"`
}

func encode(s Session) []byte {
	// A struct of strings and numbers cannot fail.
	b, _ := json.Marshal(stored{s.Agent, s.Created.UnixMilli(), s.Used.UnixMilli(), s.Until.UnixMilli(), s.Idle.Milliseconds(), s.Turn, s.Turned.UnixMilli(), s.Ended, s.Program.Name, s.Program.Address})
	return b
}

// decode reads an entry; false when it was deleted or is damaged.
func decode(e bus.Entry) (Session, bool) {
	var v stored
	if e.Value == nil || json.Unmarshal(e.Value, &v) != nil || v.Agent == "" || v.Turn == 0 {
		return Session{}, false
	}
	return Session{
		Key: e.Key, Agent: v.Agent, Created: time.UnixMilli(v.CreatedMS), Used: time.UnixMilli(v.UsedMS),
		Until: time.UnixMilli(v.UntilMS), Idle: time.Duration(v.IdleMS) * time.Millisecond,
		Turn: v.Turn, Turned: time.UnixMilli(v.TurnedMS), Ended: v.Ended, Program: Program{v.Program, v.From}, revision: e.Revision,
	}, true
}
