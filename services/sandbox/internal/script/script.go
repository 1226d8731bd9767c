// Package script decides what becomes of a Graph call: whether it takes effect,
// how it is answered, and when its echo comes. These three are independent at
// Meta, which is the whole difficulty of sending a message exactly once.
package script

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
	"time"
)

// Answer is how a call is answered.
type Answer string

// The answers.
const (
	OK          Answer = "ok"            // as Meta answers a success
	Error       Answer = "error"         // a Graph error body
	Reset       Answer = "reset"         // the connection is reset, no byte comes back
	HTML        Answer = "html"          // an outage page
	Cut         Answer = "cut"           // half a JSON body
	NoMessageID Answer = "no_message_id" // 200 without message_id
)

// Echo is when the echo of a delivered message comes.
type Echo string

// The times of an echo.
const (
	OnTime Echo = "on_time"
	Late   Echo = "late"   // after the time that the rule says
	Before Echo = "before" // the callback has taken it before the call is answered
	Lost   Echo = "lost"
)

// Match says which calls a rule is for; what is empty matches all.
type Match struct {
	Call        string  `json:"call,omitempty"` // messages (the default), profile, conversations, debug_token, app_permissions, subscribed_apps, subscribe, unsubscribe, exchange, accounts, page_token
	Page        string  `json:"page,omitempty"`
	PSID        string  `json:"psid,omitempty"`
	TextPrefix  string  `json:"text_prefix,omitempty"`
	Nth         int     `json:"nth,omitempty"`         // only the nth of the calls that match, from 1
	Every       int     `json:"every,omitempty"`       // every nth of them
	Probability float64 `json:"probability,omitempty"` // 0 to 1; 0 is always
}

// Rule is one line of a script. The first rule that matches a call decides it.
type Rule struct {
	Name  string `json:"name,omitempty"`
	Match Match  `json:"match"`
	// Do names a line of the table of outcomes; see Names.
	Do string `json:"do"`
	// Code, Subcode, Status, Message, Transient and what Meta wants people to be
	// told fill an error answer. Status is the HTTP status, 400 when it is 0.
	Code      int    `json:"code,omitempty"`
	Subcode   int    `json:"subcode,omitempty"`
	Status    int    `json:"status,omitempty"`
	Message   string `json:"message,omitempty"`
	Transient bool   `json:"transient,omitempty"`
	UserTitle string `json:"user_title,omitempty"`
	UserMsg   string `json:"user_msg,omitempty"`
	StallMS   int64  `json:"stall_ms,omitempty"` // waits before the answer
	Echo      Echo   `json:"echo,omitempty"`     // on_time when empty
	EchoMS    int64  `json:"echo_ms,omitempty"`  // how late a late echo is
	NoReceipt bool   `json:"no_receipt,omitempty"`
	Times     int    `json:"times,omitempty"` // fires so often at most; 0 is no limit
}

// Script is a list of rules and the seed of their chances.
type Script struct {
	Seed  uint64 `json:"seed,omitempty"`
	Rules []Rule `json:"rules"`
}

// Call is what a rule can match on.
type Call struct {
	Kind, Page, PSID, Text string
}

// Outcome is what becomes of a call.
type Outcome struct {
	Rule      string // name of the rule, or "#<index>"; empty when none matched
	Delivered bool
	Answer    Answer
	Code      int
	Subcode   int
	Status    int
	Message   string
	Transient bool
	UserTitle string
	UserMsg   string
	Stall     time.Duration
	Echo      Echo
	EchoDelay time.Duration // beside the usual one
	NoReceipt bool
}

// doing is a line of the table of outcomes.
type doing struct {
	name      string
	delivered bool
	answer    Answer
	status    int
	code      int
	subcode   int
}

// doings is the table: what a rule can do.
func doings() []doing {
	return []doing{
		{name: "ok", delivered: true, answer: OK},
		{name: "error", answer: Error, status: 400, code: 1},
		{name: "error_delivered", delivered: true, answer: Error, status: 500, code: 1, subcode: 1357046},
		{name: "reset", answer: Reset},
		{name: "deliver_then_reset", delivered: true, answer: Reset},
		{name: "server_error", answer: Error, status: 500, code: 2},
		{name: "deliver_then_500", delivered: true, answer: Error, status: 500, code: 2},
		{name: "stall", answer: Reset},
		{name: "deliver_then_stall", delivered: true, answer: Reset},
		{name: "html", answer: HTML, status: 502},
		{name: "deliver_then_html", delivered: true, answer: HTML, status: 502},
		{name: "cut_json", delivered: true, answer: Cut, status: 200},
		{name: "no_message_id", delivered: true, answer: NoMessageID, status: 200},
	}
}

// Names lists what Rule.Do may say.
func Names() []string {
	var names []string
	for _, d := range doings() {
		names = append(names, d.name)
	}
	return names
}

func find(name string) (doing, bool) {
	for _, d := range doings() {
		if d.name == name {
			return d, true
		}
	}
	return doing{}, false
}

// stallDefault is longer than any caller should wait.
const stallDefault = 30 * time.Second

// Parse reads a script as it is posted. Unknown keys and words are refused.
func Parse(raw []byte) (Script, error) {
	var s Script
	if len(raw) == 0 {
		return s, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return s, fmt.Errorf("read script: %w", err)
	}
	for i, r := range s.Rules {
		if _, ok := find(r.Do); !ok {
			return s, fmt.Errorf("rules[%d].do is %q; it must be one of %s", i, r.Do, strings.Join(Names(), ", "))
		}
		switch r.Echo {
		case "", OnTime, Late, Before, Lost:
		default:
			return s, fmt.Errorf("rules[%d].echo is %q; it must be on_time, late, before or lost", i, r.Echo)
		}
		if r.Match.Probability < 0 || r.Match.Probability > 1 {
			return s, fmt.Errorf("rules[%d].match.probability is %v; it must be between 0 and 1", i, r.Match.Probability)
		}
	}
	return s, nil
}

// Player plays a script. Its methods may be called concurrently.
type Player struct {
	mu     sync.Mutex
	script Script
	seen   []int             // calls that matched, by rule
	fired  []int             // calls that it decided, by rule
	same   map[uint64]uint64 // how often an equal call came, for the chances
}

// NewPlayer plays s from its beginning.
func NewPlayer(s Script) *Player {
	return &Player{script: s, seen: make([]int, len(s.Rules)), fired: make([]int, len(s.Rules)), same: map[uint64]uint64{}}
}

// Choose decides a call. The chance of a call depends on the seed and the call
// alone, never on what other threads do at the time: a run can be repeated.
func (p *Player) Choose(c Call) Outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := hash(p.script.Seed, c.Kind, c.Page, c.PSID, c.Text)
	turn := p.same[key]
	p.same[key]++
	for i, r := range p.script.Rules {
		if !matches(r.Match, c) {
			continue
		}
		p.seen[i]++
		if !r.turn(p.seen[i]) || r.Times > 0 && p.fired[i] >= r.Times || !r.chance(key, turn, i) {
			continue
		}
		p.fired[i]++
		return r.outcome(i)
	}
	return Outcome{Delivered: true, Answer: OK, Echo: OnTime}
}

func matches(m Match, c Call) bool {
	kind := m.Call
	if kind == "" {
		kind = "messages"
	}
	return kind == c.Kind && (m.Page == "" || m.Page == c.Page) && (m.PSID == "" || m.PSID == c.PSID) &&
		strings.HasPrefix(c.Text, m.TextPrefix)
}

func (r Rule) turn(n int) bool {
	return (r.Match.Nth == 0 || n == r.Match.Nth) && (r.Match.Every == 0 || n%r.Match.Every == 0)
}

func (r Rule) chance(key, turn uint64, rule int) bool {
	if r.Match.Probability == 0 {
		return true
	}
	draw := hash(key, fmt.Sprint(turn, rule))
	return float64(draw>>11)/(1<<53) < r.Match.Probability
}

func (r Rule) outcome(index int) Outcome {
	d, _ := find(r.Do)
	o := Outcome{
		Rule: r.Name, Delivered: d.delivered, Answer: d.answer, Status: d.status, Code: d.code, Subcode: d.subcode,
		Message: r.Message, Transient: r.Transient, UserTitle: r.UserTitle, UserMsg: r.UserMsg, Stall: time.Duration(r.StallMS) * time.Millisecond,
		Echo: r.Echo, EchoDelay: time.Duration(r.EchoMS) * time.Millisecond, NoReceipt: r.NoReceipt,
	}
	if o.Rule == "" {
		o.Rule = fmt.Sprintf("#%d", index)
	}
	if o.Echo == "" {
		o.Echo = OnTime
	}
	if r.Code != 0 {
		o.Code, o.Subcode = r.Code, r.Subcode
	}
	if r.Status != 0 {
		o.Status = r.Status
	}
	if o.Stall == 0 && (r.Do == "stall" || r.Do == "deliver_then_stall") {
		o.Stall = stallDefault
	}
	return o
}

// hash spreads its parts over 64 bits; the finisher is that of splitmix64,
// because FNV alone leaves the high bits of short inputs alike.
func hash(seed uint64, parts ...string) uint64 {
	h := fnv.New64a()
	h.Write(binary.LittleEndian.AppendUint64(nil, seed)) //nolint:errcheck // never fails
	for _, p := range parts {
		h.Write([]byte(p)) //nolint:errcheck // never fails
		h.Write([]byte{0}) //nolint:errcheck // never fails
	}
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
