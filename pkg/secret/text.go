package secret

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"log/slog"
)

const hidden = "[secret]"

// Text is a secret in the clear. Every way of printing it gives "[secret]";
// Reveal is the only way to the value.
type Text struct{ value string }

// NewText wraps a value.
func NewText(v string) Text { return Text{v} }

// Reveal gives the value.
func (t Text) Reveal() string { return t.value }

// Empty tells whether there is no value.
func (t Text) Empty() bool { return t.value == "" }

// Equal compares in time that does not depend on where the values differ.
func (t Text) Equal(v string) bool {
	return subtle.ConstantTimeCompare([]byte(t.value), []byte(v)) == 1
}

// String hides the value.
func (Text) String() string { return hidden }

// GoString hides the value from %#v.
func (Text) GoString() string { return hidden }

// Format hides the value from every verb.
func (Text) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// LogValue hides the value from slog.
func (Text) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalJSON hides the value from encoding/json.
func (Text) MarshalJSON() ([]byte, error) { return json.Marshal(hidden) }

// MarshalText hides the value from YAML, XML and map keys.
func (Text) MarshalText() ([]byte, error) { return []byte(hidden), nil }
