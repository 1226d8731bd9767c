// Package explain is RoutingService: it tells why a conversation went where it
// went, and where it would go by rules that are not saved yet. It changes
// nothing.
package explain

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rights"
	"github.com/parley-desk/parley/pkg/rules"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	routingv1 "github.com/parley-desk/parley/proto/gen/parley/routing/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/admin/internal/change"
	"github.com/parley-desk/parley/services/admin/internal/configure"
)

// Log is the part of bus.Bus that conversations are read from.
type Log interface {
	Load(ctx context.Context, t subject.Thread) (*threadv1.State, uint64, error)
	History(ctx context.Context, t subject.Thread, after uint64) iter.Seq2[bus.Record, error]
}

// Service implements RoutingService. All fields must be set.
type Service struct {
	adminv1.UnsafeRoutingServiceServer
	Log       Log
	Directory *directory.Directory
	Planner   change.Planner
	Now       func() time.Time
	// Room tells which of some queues has room now, and keeps no place in it.
	Room func(ctx context.Context, limits []rules.Limit) (rules.Room, error)
	// Contact reads who a contact is now.
	Contact func(ctx context.Context, id string) (*contactv1.Contact, error)
	Caller  func(context.Context, *directory.Snapshot) rights.Who
	// Why asks distribution why a conversation waits.
	Why func(ctx context.Context, t subject.Thread) (*distributionv1.WhyResponse, error)
}

// roomWait is how long an explanation waits for word on a queue's room. Without
// it, the queue counts as one with room, as it does when conversations are
// routed.
const roomWait = time.Second

// ExplainConversation reads the conversation as it opened and lets the rules
// decide about it again. Rules that ask for the contact see who the customer was
// known to be by then, as that contact stands now.
func (s *Service) ExplainConversation(ctx context.Context, req *adminv1.ExplainConversationRequest) (*adminv1.ExplainConversationResponse, error) {
	world, err := s.world(req.GetTrial())
	if err != nil {
		return nil, err
	}
	t, err := named(world, req.GetPage(), req.GetPsid())
	if err != nil {
		return nil, err
	}
	state, _, err := s.Log.Load(ctx, t)
	if err != nil {
		return nil, fault.Wrap(err, "reading the thread")
	}
	if state.GetConversation() == nil {
		return nil, none(req.GetPage(), req.GetPsid())
	}
	was, err := s.read(ctx, t, state)
	if err != nil {
		return nil, err
	}
	who, err := s.recognise(ctx, world, state, was.contact)
	if err != nil {
		return nil, err
	}
	blank(state.GetConversation())
	state.Conversation.Variables = was.known
	at := time.UnixMilli(state.GetConversation().GetOpenedMs())
	if req.GetTrial().GetAtMs() != 0 {
		at = time.UnixMilli(req.GetTrial().GetAtMs())
	}
	seen := rules.NewContext(world, state, was.opening, at)
	rules.Recognise(seen, who)
	return &adminv1.ExplainConversationResponse{Decision: s.decide(ctx, world, state, seen, at, waited(req.GetTrial())), Routed: was.routed}, nil
}

// recognise reads the contact of that id for rules that ask for it; nil: they do
// not, or there is none any more. What a contact holds shows in an explanation, so
// whoever asks for one needs the permission to read it.
func (s *Service) recognise(ctx context.Context, world *directory.Snapshot, state *threadv1.State, id string) (*contactv1.Contact, error) {
	if id == "" || !rules.New(world).AskForContact(rules.Workstream(world, state)) {
		return nil, nil
	}
	const need = authv1.Permission_PERMISSION_CONTACT_READ
	if by := s.Caller(ctx, world); by.Reach(need) < rights.Everything {
		return nil, fault.New(fault.Denied, "PERMISSION_MISSING", "%s lacks the permission %s, and these rules ask for the customer's contact; grant it, or try the rules on a conversation written by hand",
			by.Name, rights.Name(need))
	}
	who, err := s.Contact(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return who, fault.Wrap(err, "reading the contact")
}

// EvaluateRules lets the rules decide about a conversation written by hand.
func (s *Service) EvaluateRules(ctx context.Context, req *adminv1.EvaluateRulesRequest) (*adminv1.EvaluateRulesResponse, error) {
	world, err := s.world(req.GetTrial())
	if err != nil {
		return nil, err
	}
	in := proto.CloneOf(req.GetContext())
	if in == nil {
		return nil, violation("context", "is missing; give the conversation as rules see it")
	}
	if err := placed(world, in); err != nil {
		return nil, err
	}
	at := s.Now()
	switch {
	case req.GetTrial().GetAtMs() != 0:
		at = time.UnixMilli(req.GetTrial().GetAtMs())
		in.Now = nil
	case in.GetNow() != nil:
		at = in.GetNow().AsTime()
	}
	rules.Complete(world, in, at)
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fault.Wrap(err, "make an id")
	}
	state := &threadv1.State{Page: in.GetPage().GetPageId(), Psid: in.GetCustomer().GetPsid(),
		Conversation: &threadv1.Conversation{Id: id.String()}}
	return &adminv1.EvaluateRulesResponse{Decision: s.decide(ctx, world, state, in, at, waited(req.GetTrial()))}, nil
}

// placed completes where a conversation written by hand takes place: its
// workstream, its page, or both.
func placed(world *directory.Snapshot, in *routingv1.RoutingContext) error {
	if in.Conversation == nil {
		in.Conversation = &routingv1.Conversation{}
	}
	if id := in.GetPage().GetId(); id != "" {
		page, known := world.Pages[id]
		if !known {
			return violation("context.page.id", fmt.Sprintf("there is no page %q; name one of the pages, or leave it out and name the workstream", id))
		}
		if in.Conversation.Workstream == "" {
			in.Conversation.Workstream = page.GetWorkstream()
		}
		seen := &routingv1.Page{PageId: page.GetPageId(), Name: page.GetMeta().GetDisplayName(), Language: page.GetLanguage()}
		proto.Merge(seen, in.GetPage())
		in.Page = seen
	}
	switch ws := in.GetConversation().GetWorkstream(); {
	case ws == "":
		return violation("context.conversation.workstream", "is missing; name a workstream, or a page that has one in context.page.id")
	case world.Workstreams[ws] == nil:
		return violation("context.conversation.workstream", fmt.Sprintf("there is no workstream %q; name one of the workstreams", ws))
	}
	return nil
}

// decide explains a conversation and measures how long the rules take.
func (s *Service) decide(ctx context.Context, world *directory.Snapshot, state *threadv1.State, in *routingv1.RoutingContext, at time.Time, waits time.Duration) *routingv1.Decision {
	set := rules.New(world)
	decision := set.Explain(in, state.GetConversation().GetId(), at, waits, func(limits []rules.Limit) rules.Room {
		room, err := s.Room(ctx, limits)
		if err != nil {
			return rules.Room{} // as routing does
		}
		return room
	})
	// Explaining costs more than deciding, and compiling more than either: what
	// is measured is what deciding takes from the second time on.
	for range 2 {
		seen, began := proto.CloneOf(in), time.Now()
		set.Classify(seen, nil)
		set.Route(seen, state.GetConversation().GetId(), at, nil)
		decision.TookUs = time.Since(began).Microseconds()
	}
	return decision
}

// waited is how long a conversation would have waited in its queue.
func waited(t *adminv1.Trial) time.Duration {
	return max(time.Duration(t.GetWaitedSeconds()), 0) * time.Second
}

// world is the directory as it is, with the resources of a trial in it.
func (s *Service) world(t *adminv1.Trial) (*directory.Snapshot, error) {
	world := s.Directory.Now()
	if len(t.GetResources()) == 0 {
		return world, nil
	}
	edits, err := configure.Edits("trial.resources", t.GetResources())
	if err != nil {
		return nil, err
	}
	outcomes, err := s.Planner.Plan(world, edits)
	if err != nil {
		return nil, err
	}
	return change.After(world, outcomes), nil
}

// named is the thread of a customer, whose page may be given either way.
func named(world *directory.Snapshot, page, psid string) (subject.Thread, error) {
	switch {
	case page == "":
		return subject.Thread{}, violation("page", "is missing; name the page by its id here, or by Meta's page id")
	case psid == "":
		return subject.Thread{}, violation("psid", "is missing; give the customer's page-scoped id")
	}
	if known, ok := world.Pages[page]; ok {
		page = known.GetPageId()
	}
	return subject.Thread{Page: page, PSID: psid}, nil
}

// past is how a conversation came to where its rules ran.
type past struct {
	opening []*threadv1.Fact // that it opened with
	routed  *adminv1.Routed
	known   map[string]string // variables that its rules found set: by link, bot, answers, or a program
	contact string            // who the customer was known to be, by id; empty: nobody knew
}

// read finds in the log how the conversation of state was routed first.
func (s *Service) read(ctx context.Context, t subject.Thread, state *threadv1.State) (*past, error) {
	c := state.GetConversation()
	was := &past{known: map[string]string{}, routed: &adminv1.Routed{Conversation: c.GetId(), OpenedMs: c.GetOpenedMs()}}
	for rec, err := range s.Log.History(ctx, t, 0) {
		if err != nil {
			return nil, fault.Wrap(err, "reading the thread")
		}
		if was.opening == nil && !rules.Opens(rec.Commit, c.GetId()) {
			continue
		}
		if was.opening == nil {
			was.opening = rec.Commit.GetFacts()
		}
		for _, f := range rec.Commit.GetFacts() {
			was.learn(f)
		}
		if settled(was.routed, rec.Commit.GetFacts()) {
			return was, nil
		}
	}
	was.contact = state.GetContact().GetContact() // nothing has been decided about it yet
	return was, nil
}

// learn takes in what rules could know by then.
func (p *past) learn(f *threadv1.Fact) {
	maps.Copy(p.known, f.GetConversationOpened().GetVariables())
	switch k := f.GetKind().(type) {
	case *threadv1.Fact_VariablesSet:
		maps.Copy(p.known, k.VariablesSet.GetVariables())
		maps.DeleteFunc(p.known, func(_, value string) bool { return value == "" })
	case *threadv1.Fact_QuestionAnswered:
		if k.QuestionAnswered.GetResult() == threadv1.QuestionResult_QUESTION_RESULT_FIT {
			p.known[k.QuestionAnswered.GetVariable()] = k.QuestionAnswered.GetValue()
		}
	case *threadv1.Fact_ContactLinked:
		p.contact = k.ContactLinked.GetContact()
	case *threadv1.Fact_ContactUnlinked:
		p.contact = ""
	}
}

// settled writes down how a conversation was routed, and tells whether it was.
func settled(out *adminv1.Routed, facts []*threadv1.Fact) bool {
	for _, f := range facts {
		switch k := f.GetKind().(type) {
		case *threadv1.Fact_BotEscalated:
			out.Bot = k.BotEscalated
		case *threadv1.Fact_ConversationClassified:
			out.Rules, out.Failed, out.Version = k.ConversationClassified.GetRules(), k.ConversationClassified.GetFailed(), k.ConversationClassified.GetVersion()
		case *threadv1.Fact_ConversationRouted:
			r := k.ConversationRouted
			out.Queue, out.Rule, out.Passed, out.Version = r.GetQueue(), r.GetRule(), r.GetPassed(), r.GetVersion()
			return true
		case *threadv1.Fact_ConversationClosed:
			return true
		}
	}
	return false
}

// blank takes away what rules found out about a conversation, so that they can
// find it out again.
func blank(c *threadv1.Conversation) {
	c.Priority, c.Skills, c.CapacityProfiles, c.Variables = 0, nil, nil, nil
}

func violation(field, description string) error {
	f := fault.New(fault.Invalid, "INVALID_ARGUMENT", "%s: %s", field, description)
	f.Violations = []fault.Violation{{Field: field, Description: description}}
	return f
}

// AskForRoom asks distribution over the bus.
func AskForRoom(b *bus.Bus) func(context.Context, []rules.Limit) (rules.Room, error) {
	return func(ctx context.Context, limits []rules.Limit) (rules.Room, error) {
		ctx, cancel := context.WithTimeout(ctx, roomWait)
		defer cancel()
		req := &distributionv1.PlaceRequest{Look: true}
		for _, l := range limits {
			req.Candidates = append(req.Candidates, &distributionv1.Candidate{Queue: l.Queue, Limit: l.Items})
		}
		resp := &distributionv1.PlaceResponse{}
		if err := b.Call(ctx, "distribution.place", req, resp); err != nil {
			return rules.Room{}, err
		}
		return rules.Room{Known: true, Index: int(resp.GetIndex())}, nil
	}
}
