package meta

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	rawLimit  = 4 << 10 // bytes of JSON kept beside what was understood
	lineLimit = 120     // characters of a line for people
)

// loose is text that Meta also writes as a number; anything else is empty. Its
// digits are kept as they are: ids are larger than a float64 can hold.
type loose string

// UnmarshalJSON never fails, because one strange field must not cost its neighbours.
func (l *loose) UnmarshalJSON(raw []byte) error {
	*l = loose(text(raw))
	return nil
}

// truth is true only where Meta writes true.
type truth bool

// UnmarshalJSON never fails; see loose.
func (t *truth) UnmarshalJSON(raw []byte) error {
	*t = string(raw) == "true"
	return nil
}

// object reads the members of a JSON object; nil when raw is none.
func object(raw json.RawMessage) map[string]json.RawMessage {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return nil
	}
	return fields
}

// text reads a string, or a number as it is written; else it is empty.
func text(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	switch c := raw[0]; {
	case c == '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return ""
		}
		return s
	case c == '-' || c >= '0' && c <= '9':
		return string(raw)
	}
	return ""
}

// number reads a number or its text; nil when it is neither.
func number(raw json.RawMessage) *float64 {
	n, err := strconv.ParseFloat(text(raw), 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return nil
	}
	return &n
}

func texts(raw json.RawMessage) []string {
	var items []loose
	if json.Unmarshal(raw, &items) != nil {
		return nil
	}
	var out []string
	for _, item := range items {
		if item != "" {
			out = append(out, string(item))
		}
	}
	return out
}

func count(raw json.RawMessage) int32 {
	n, err := strconv.ParseInt(text(raw), 10, 32)
	if err != nil || n < 0 {
		return 0
	}
	return int32(n)
}

// millis reads a time: a number or a string, of milliseconds or, below 10^11,
// of seconds; 0 when it is none.
func millis(raw json.RawMessage) (ms int64, coarse bool) {
	n, err := strconv.ParseInt(text(raw), 10, 64)
	switch {
	case err != nil || n <= 0 || n > 1e14:
		return 0, false
	case n < 1e11:
		return n * 1000, true
	}
	return n, false
}

// Cut is JSON as text for people: at most 4 KiB, cut between characters.
func Cut(raw []byte) string {
	if len(raw) > rawLimit {
		end := rawLimit
		for end > 0 && !utf8.RuneStart(raw[end]) {
			end--
		}
		raw = raw[:end]
	}
	return strings.ToValidUTF8(string(raw), "\uFFFD")
}

// line is the first line of s, at most 120 characters.
func line(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	runes := 0
	for i := range s {
		if runes++; runes > lineLimit {
			return s[:i]
		}
	}
	return s
}
