package rules

import (
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	routingv1 "github.com/parley-desk/parley/proto/gen/parley/routing/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// NewContext is the conversation of s as rules of d see it at now: with the
// customer as far as he is known, and with the message or the button among the
// facts it opened with. Nothing in it is longer than Bound says.
func NewContext(d *directory.Snapshot, s *threadv1.State, facts []*threadv1.Fact, now time.Time) *routingv1.RoutingContext {
	page := d.PagesByMeta[s.GetPage()]
	conversation := s.GetConversation()
	stream := Workstream(d, s)
	c := &routingv1.RoutingContext{
		Customer: customer(s),
		Page: &routingv1.Page{Id: page.GetMeta().GetId(), PageId: s.GetPage(), Name: page.GetMeta().GetDisplayName(),
			Language: page.GetLanguage()},
		Message:  &routingv1.Message{},
		Referral: referral(conversation.GetReferral()),
		Conversation: &routingv1.Conversation{Workstream: stream, Previous: previous(s),
			Priority: conversation.GetPriority(), Skills: map[string]int32{}},
		Variables: initial(d.Workstreams[stream]),
		Now:       timestamppb.New(now),
		Contact:   &routingv1.Contact{},
	}
	for _, need := range conversation.GetSkills() {
		c.Conversation.Skills[need.GetSkill()] = need.GetValue()
	}
	for name, value := range conversation.GetVariables() {
		c.Variables[name] = value
	}
	for _, f := range facts {
		opening(c, f)
	}
	Bound(c)
	return c
}

// Recognise has the rules see that the customer of c is who; nil: nobody they know.
func Recognise(c *routingv1.RoutingContext, who *contactv1.Contact) {
	c.Contact = &routingv1.Contact{}
	if who != nil {
		c.Contact = &routingv1.Contact{Known: true, Id: who.GetId(), Name: who.GetName(), Emails: who.GetEmails(), Phones: who.GetPhones(),
			ExternalId: who.GetExternalId(), Company: who.GetCompany(), Fields: who.GetFields()}
	}
	cut(c.Contact.ProtoReflect())
	shorten(c.Contact)
}

// Workstream is the workstream, by id, that decides about the conversation of s:
// the one it opened with, else the one its page has now. Empty: there is none.
func Workstream(d *directory.Snapshot, s *threadv1.State) string {
	for _, id := range []string{s.GetConversation().GetWorkstream(), d.PagesByMeta[s.GetPage()].GetWorkstream()} {
		if _, known := d.Workstreams[id]; known {
			return id
		}
	}
	return ""
}

// Opens tells whether the conversation of that id opened with a commit, whose
// facts then tell how.
func Opens(c *threadv1.Commit, conversation string) bool {
	return slices.ContainsFunc(c.GetFacts(), func(f *threadv1.Fact) bool { return f.GetConversationOpened().GetId() == conversation })
}

// Complete makes of a context that somebody wrote by hand one that rules of d
// can work on: what is missing is empty, variables have the values they begin
// with, and nothing is longer than Bound says.
func Complete(d *directory.Snapshot, c *routingv1.RoutingContext, now time.Time) {
	blank := &routingv1.RoutingContext{Customer: &routingv1.Customer{}, Page: &routingv1.Page{}, Message: &routingv1.Message{},
		Referral: &routingv1.Referral{}, Conversation: &routingv1.Conversation{}, Contact: &routingv1.Contact{}, Now: timestamppb.New(now)}
	if c.GetNow() != nil {
		blank.Now = nil
	}
	proto.Merge(blank, c)
	proto.Reset(c)
	proto.Merge(c, blank)
	if c.Conversation.Skills == nil {
		c.Conversation.Skills = map[string]int32{}
	}
	values := initial(d.Workstreams[c.GetConversation().GetWorkstream()])
	maps.Copy(values, c.GetVariables())
	c.Variables = values
	Bound(c)
}

func customer(s *threadv1.State) *routingv1.Customer {
	known := s.GetCustomer()
	language, _, _ := strings.Cut(known.GetLocale(), "_")
	return &routingv1.Customer{Name: known.GetName(), Locale: known.GetLocale(), Language: language,
		Timezone: known.GetTimezone(), TimezoneKnown: known != nil && known.Timezone != nil, Psid: s.GetPsid()}
}

// previous is how many conversations the thread had before this one.
func previous(s *threadv1.State) int32 {
	return max(0, int32(min(s.GetConversations(), 1<<30))-1) // bounded by 1<<30
}

// initial are the variables of a workstream with the values they begin with.
func initial(w *configv1.Workstream) map[string]string {
	values := map[string]string{}
	for _, v := range w.GetVariables() {
		values[v.GetName()] = v.GetInitial()
	}
	return values
}

func referral(r *threadv1.Referral) *routingv1.Referral {
	return &routingv1.Referral{Ref: r.GetRef(), Source: r.GetSource(), Type: r.GetType(), AdId: r.GetAdId(), AdTitle: r.GetAdTitle()}
}

// opening adds the message, or the button, that a fact tells of.
func opening(c *routingv1.RoutingContext, f *threadv1.Fact) {
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_MessageReceived:
		m := k.MessageReceived
		c.Message = &routingv1.Message{Text: m.GetText(), Payload: m.GetQuickReply()}
		for _, a := range m.GetAttachments() {
			if !slices.Contains(c.Message.Attachments, a.GetType()) {
				c.Message.Attachments = append(c.Message.Attachments, a.GetType())
			}
		}
	case *threadv1.Fact_PostbackReceived:
		c.Message = &routingv1.Message{Text: k.PostbackReceived.GetTitle(), Payload: k.PostbackReceived.GetPayload()}
	}
}
