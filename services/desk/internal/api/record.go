package api

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/audit"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rights"
	"github.com/parley-desk/parley/pkg/session"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/pkg/thread"
	auditv1 "github.com/parley-desk/parley/proto/gen/parley/audit/v1"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/desk/internal/board"
)

// recorded obeys a call, after it is in the audit if it is to be. What the caller
// may not do, or would do to what is the caller's own, is not: the handler says the
// same.
func (s *Server) recorded(ctx context.Context, call connect.AnyRequest, next func(context.Context) error) error {
	said := audit.Option(call.Spec().Procedure)
	request, ok := call.Any().(proto.Message)
	if said == nil || !ok || ofAdministration(call.Spec().Procedure) { // the control plane records its own
		return next(ctx)
	}
	r := s.Audit.Describe(call.Spec().Procedure, said, request)
	c := callerOf(ctx)
	r.Actor, r.Roles = actor(c.session.Agent), c.agent.GetRoles()
	if about, ok := request.(interface {
		GetRef() *deskv1.ConversationRef
	}); ok {
		state, _, err := s.Bus.Load(ctx, threadOf(about.GetRef()))
		if err != nil {
			return fault.Wrap(err, "reading the conversation")
		}
		if !current(state, about.GetRef()) || !s.may(ctx, state, true) || !said.GetOwn() && board.Viewer(state) == c.session.Agent {
			return next(ctx)
		}
		r.Changes = append(stands(state.GetConversation()), r.GetChanges()...)
	}
	if many, ok := request.(*deskv1.ActOnConversationsRequest); ok {
		if r.Objects = s.within(ctx, many); len(r.GetObjects()) == 0 {
			return next(ctx)
		}
	}
	return s.Audit.Do(ctx, r, func(ctx context.Context) error { return worded(next(ctx)) })
}

// worded gives a refusal the form in which the record of what was not done finds its
// reason.
func worded(err error) error {
	if r, ok := errors.AsType[*thread.Refusal](err); ok {
		return &fault.Error{Kind: fault.Precondition, Reason: r.Reason, Message: "the conversation does not allow it now", Cause: err}
	}
	return err
}

func actor(agent string) string { return "agent:" + agent }

// stands is where a conversation stands before something is done about it.
func stands(c *threadv1.Conversation) []*auditv1.Change {
	return []*auditv1.Change{{Field: "phase", Before: c.GetPhase().String()}, {Field: "queue", Before: c.GetQueue()},
		{Field: "agent", Before: cmp.Or(c.GetAgent(), c.GetOffer().GetAgent())}}
}

// within are those of many conversations that live and that the caller may do it to.
func (s *Server) within(ctx context.Context, m *deskv1.ActOnConversationsRequest) (objects []string) {
	named := map[string]bool{}
	for _, ref := range m.GetRefs() {
		named[ref.GetConversation()] = true
	}
	who, need := s.who(ctx), authv1.Permission_PERMISSION_CONVERSATION_ASSIGN
	if m.GetForceClose() {
		need = authv1.Permission_PERMISSION_CONVERSATION_FORCE_CLOSE
	}
	for _, f := range s.Hub.Select(func(c *threadv1.Conversation) bool {
		return named[c.GetId()] && who.Beyond(need, rights.Object{Queues: []string{c.GetQueue()}})
	}) {
		objects = append(objects, "conversations/"+f.State.GetConversation().GetId())
	}
	slices.Sort(objects)
	return objects[:min(len(objects), mostRefs)]
}

// leafed has it recorded that an agent reads earlier conversations of a customer, of a
// thread of theirs, once for each and sign-in. The newest page of a thread is not recorded: it belongs
// to the work on the conversation that the agent has.
func (s *Server) leafed(ctx context.Context, ref *deskv1.ConversationRef, at subject.Thread, items []*deskv1.TimelineItem) error {
	c := callerOf(ctx)
	var fresh []string
	for _, item := range items {
		id := item.GetConversation()
		if id != "" && id != ref.GetConversation() && s.seen.add(c.session.Key+" "+id) {
			fresh = append(fresh, "conversations/"+id)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	_, err := s.Audit.Write(ctx, &auditv1.Record{Kind: "transcript.read", Actor: actor(c.session.Agent), Roles: c.agent.GetRoles(),
		Objects: fresh, Person: s.Audit.Person(at), Method: "/parley.desk.v1.DeskService/ListTimeline"})
	if err != nil {
		for _, object := range fresh {
			s.seen.drop(c.session.Key + " " + object[len("conversations/"):])
		}
	}
	return err
}

// mostSeen is how many readings a process remembers. When it forgets, some are
// recorded again.
const mostSeen = 50_000

// seen remembers what was recorded already.
type seen struct {
	mu  sync.Mutex
	all map[string]bool
}

func (s *seen) add(what string) (fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[what] {
		return false
	}
	if s.all == nil || len(s.all) >= mostSeen {
		s.all = map[string]bool{}
	}
	s.all[what] = true
	return true
}

func (s *seen) drop(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, what)
}

const (
	// mostRefused is how many refused sign-ins a process records in a minute; those
	// beyond are counted in the next record. Anybody can cause them.
	mostRefused = 60
	// refusing is how long the record of a refused sign-in is tried. Nothing waits
	// for it but the answer to who was refused.
	refusing = 500 * time.Millisecond
)

// damper bounds how many records are made of what anybody can cause.
type damper struct {
	mu    sync.Mutex
	since time.Time
	made  int
	held  uint32
}

// take tells whether there is to be a record, and for how many it stands.
func (d *damper) take(now time.Time) (times uint32, yes bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now.Sub(d.since) >= time.Minute {
		d.since, d.made = now, 0
	}
	if d.made == mostRefused {
		d.held++
		return 0, false
	}
	d.made++
	times, d.held = d.held+1, 0
	return times, true
}

// signedIn has it recorded that an agent signed in, by an issuer unless it is empty.
func (s *Server) signedIn(ctx context.Context, agent, issuer string) error {
	r := &auditv1.Record{Kind: "session.begin", Actor: actor(agent), Roles: s.Directory.Now().Agents[agent].GetRoles(),
		Objects: []string{"agents/" + agent}, Address: callerOf(ctx).address}
	if issuer != "" {
		r.Changes = []*auditv1.Change{{Field: "issuer", After: issuer}}
	}
	_, err := s.Audit.Write(ctx, r)
	return err
}

// copied has it recorded that a session was ended because somebody came with a
// ticket that was replaced.
func (s *Server) copied(ctx context.Context, c *caller, ended session.Session, cause error) {
	if f := told(cause); f.Reason == "COPIED" && ended.Ended == "" { // the first to come: others find it ended
		s.refusal(ctx, &auditv1.Record{Kind: "session.copied", Address: c.address, Reason: f.Reason, Objects: []string{"agents/" + ended.Agent}})
	}
}

// turnedAway has it recorded that a sign-in was refused. What was typed as a name is
// told only if somebody is called so: it may be a password.
func (s *Server) turnedAway(ctx context.Context, name string, cause error) {
	f := told(cause)
	if f.Kind != fault.Unauthenticated && f.Kind != fault.Exhausted {
		return
	}
	r := &auditv1.Record{Kind: "session.refused", Address: callerOf(ctx).address, Reason: f.Reason}
	if s.Directory.Now().Agents[name] != nil {
		r.Objects = []string{"agents/" + name}
	}
	s.refusal(ctx, r)
}

// refusal records what anybody can cause, as well as may be.
func (s *Server) refusal(ctx context.Context, r *auditv1.Record) {
	times, yes := s.refusals.take(s.Now())
	if !yes {
		return
	}
	if times > 1 {
		r.Times = times
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refusing)
	defer cancel()
	if _, err := s.Audit.Write(ctx, r); err != nil {
		s.Log.WarnContext(ctx, "a refusal is not in the audit", key.Err, err)
	}
}
