// Package world is what the sandbox knows: pages, customers, their messages,
// and the webhook events that no callback has taken yet. State is a pure fold
// over the journal; World puts a lock, a clock and the journal around it.
package world

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/parley-desk/parley/services/sandbox/internal/journal"
)

// Page is a page as the settings give it.
type Page struct {
	ID    string
	Token string
	Name  string
}

// Thread names a customer on a page.
type Thread = journal.Thread

// Message is one message of a thread, by either side.
type Message struct {
	MID        string          `json:"mid"`
	FromPage   bool            `json:"from_page"`
	Text       string          `json:"text,omitempty"`
	Attachment string          `json:"attachment,omitempty"`
	URL        string          `json:"url,omitempty"` // of the attachment
	ReplyTo    string          `json:"reply_to,omitempty"`
	Reaction   string          `json:"reaction,omitempty"` // of the page
	Buttons    []string        `json:"buttons,omitempty"`
	Payloads   []string        `json:"payloads,omitempty"` // of each of Buttons
	Template   json.RawMessage `json:"template,omitempty"`
	SentMS     int64           `json:"sent_ms"`
	Seq        uint64          `json:"-"` // of the record that holds it
}

// Queued is a webhook event that waits to be taken.
type Queued struct {
	ID  journal.EventID
	Seq uint64 // of its record
	journal.Event
}

// Person is one thread as the sandbox knows it.
type Person struct {
	Name     string
	Messages []Message
	OpenedMS int64    // newest event that opens the 24-hour window; 0: none
	ReadMS   int64    // the customer read up to here
	SeenMS   int64    // the page said mark_seen then
	TypingMS int64    // the page types until then
	Owner    string   // another app that has the thread; empty: none has
	Queue    []Queued // events not taken yet, in the order they must leave
}

// State is everything. Change it only by Apply.
type State struct {
	Seq        uint64
	Pages      map[string]*Page
	Subscribed map[string][]string // by page; nil: not subscribed; absent: never was
	People     map[Thread]*Person
	Waiting    map[Thread]struct{} // threads with a queue
	Rules      []byte              // the script, as it was posted
	Tokens     map[string]*journal.Token
	Files      map[string]File // by attachment id
	AppSecret  string          // empty: that of the settings
}

// File is a file that a page uploaded.
type File struct {
	Page string
	Kind string // image, audio, video or file
	URL  string
}

// typingMS is how long Messenger shows a page as typing.
const typingMS = 20_000

// NewState is a world in which nothing has happened.
func NewState(pages []Page) *State {
	s := &State{
		Pages: map[string]*Page{}, Subscribed: map[string][]string{},
		People: map[Thread]*Person{}, Waiting: map[Thread]struct{}{}, Tokens: map[string]*journal.Token{}, Files: map[string]File{},
	}
	for _, p := range pages {
		s.Pages[p.ID] = &p
	}
	return s
}

// Token is what a token is; nil when it never was one. The settings give each
// page one that lives for ever.
func (s *State) Token(value string) *journal.Token {
	if t := s.Tokens[value]; t != nil {
		return t
	}
	for _, p := range s.Pages {
		if p.Token == value {
			return &journal.Token{Value: value, Page: p.ID}
		}
	}
	return nil
}

// Apply changes s by one record.
func (s *State) Apply(r journal.Record) {
	s.Seq = r.Seq
	t := Thread{Page: r.Page, PSID: r.PSID}
	switch r.Kind {
	case journal.PageSubscribed:
		s.Subscribed[r.Page] = r.Fields
	case journal.PageUnsubscribed:
		s.unsubscribe(r.Page)
	case journal.Scripted:
		s.Rules = r.Rules
	case journal.TokenDescribed:
		if r.Token != nil {
			s.Tokens[r.Token.Value] = r.Token
		}
	case journal.SecretReset:
		s.AppSecret = r.Text
	case journal.WebhookSent:
		s.settle(r.Post)
	case journal.CustomerCreated:
		s.person(t).Name = r.Name
	case journal.CustomerWrote:
		p := s.person(t)
		p.OpenedMS = max(p.OpenedMS, r.SentMS)
		p.add(Message{MID: r.MID, Text: r.Text, Attachment: r.Attachment, URL: r.URL, SentMS: r.SentMS, Seq: r.Seq})
	case journal.CustomerRead:
		p := s.person(t)
		p.ReadMS = max(p.ReadMS, r.WatermarkMS)
	case journal.ActionReceived:
		s.person(t).act(r)
	case journal.FileUploaded:
		s.Files[r.ID] = File{Page: r.Page, Kind: r.Attachment, URL: r.URL}
	case journal.ControlMoved:
		s.person(t).Owner = r.App
	case journal.SendReceived:
		if r.Send.Delivered {
			p := s.person(t)
			p.TypingMS = 0
			p.add(Message{MID: r.MID, FromPage: true, Text: r.Text, Attachment: r.Attachment, URL: r.URL, SentMS: r.SentMS, Seq: r.Seq,
				ReplyTo: r.ReplyTo, Buttons: r.Buttons, Payloads: r.Payloads, Template: r.Template})
		}
	}
	s.enqueue(t, r)
}

func (s *State) person(t Thread) *Person {
	p := s.People[t]
	if p == nil {
		p = &Person{}
		s.People[t] = p
	}
	return p
}

func (s *State) unsubscribe(page string) {
	s.Subscribed[page] = nil // known, and not subscribed
	for t := range s.Waiting {
		if t.Page == page {
			s.People[t].Queue = nil
			delete(s.Waiting, t)
		}
	}
}

// enqueue queues the events of r that the page is subscribed to, behind those
// that are due earlier: an echo that comes late holds up nothing.
func (s *State) enqueue(t Thread, r journal.Record) {
	for i, e := range r.Events {
		if !slices.Contains(s.Subscribed[t.Page], e.Field) {
			continue
		}
		p := s.person(t)
		q := Queued{ID: journal.ID(r.Seq, i), Seq: r.Seq, Event: e}
		at, _ := slices.BinarySearchFunc(p.Queue, q, func(a, b Queued) int {
			if c := cmp.Compare(a.DueMS, b.DueMS); c != 0 {
				return c
			}
			return -1 // equal times keep the order in which they came
		})
		p.Queue = slices.Insert(p.Queue, at, q)
		s.Waiting[t] = struct{}{}
	}
}

// settle takes the events of a POST that was answered 200 out of their queues.
func (s *State) settle(post *journal.Post) {
	if post == nil || post.Status != 200 {
		return
	}
	taken := make(map[journal.EventID]bool, len(post.Events))
	for _, id := range post.Events {
		taken[id] = true
	}
	for _, t := range post.Threads {
		p := s.person(t)
		p.Queue = slices.DeleteFunc(p.Queue, func(q Queued) bool { return taken[q.ID] })
		if len(p.Queue) == 0 {
			delete(s.Waiting, t)
		}
	}
}

// add puts a message in its place by time.
func (p *Person) add(m Message) {
	at := len(p.Messages)
	for at > 0 && p.Messages[at-1].SentMS > m.SentMS {
		at--
	}
	p.Messages = slices.Insert(p.Messages, at, m)
}

func (p *Person) act(r journal.Record) {
	switch r.Text {
	case "typing_on":
		p.TypingMS = r.AtMS + typingMS
	case "typing_off":
		p.TypingMS = 0
	case "mark_seen":
		p.SeenMS = r.AtMS
	case "react", "unreact":
		for i := range p.Messages {
			if p.Messages[i].MID == r.Target {
				p.Messages[i].Reaction = r.Reaction
			}
		}
	}
}

// Untaken gives the sequences of the records whose events wait.
func (p *Person) Untaken() map[uint64]bool {
	seqs := make(map[uint64]bool, len(p.Queue))
	for _, q := range p.Queue {
		seqs[q.Seq] = true
	}
	return seqs
}
