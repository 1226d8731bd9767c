package board

import (
	"cmp"
	"slices"
	"time"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/rights"
	"github.com/parley-desk/parley/pkg/thread"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// World is what shows in conversations besides their threads.
type World struct {
	Names *directory.Snapshot
	Works func(pageID string) bool // whether messages can be sent; nil: they can
	Off   []rights.Permission      // what supervisors may not do here
}

// pageDisconnected is the reason with which outbound holds back what a page
// cannot send.
const pageDisconnected = "PAGE_DISCONNECTED"

func (w World) trouble(page string) string {
	if w.Works == nil || w.Works(page) {
		return ""
	}
	return pageDisconnected
}

// Who is an agent as one who calls.
func (w World) Who(agent string) rights.Who {
	a := w.Names.Agents[agent]
	return rights.Who{Name: agent, Roles: a.GetRoles(), Off: w.Off, Oversees: func(queue string) bool { return w.Names.Oversees(agent, queue) },
		Serves: func(queue string) bool { return slices.Contains(w.Names.Queues[queue].GetAgents(), agent) }}
}

// Object is the conversation of s as what a call is about. With over, it is still
// that of the agent who had it last and closed it.
func Object(s *threadv1.State, over bool) rights.Object {
	c := s.GetConversation()
	o := rights.Object{Of: Viewers(s), Queues: []string{c.GetQueue()}}
	if over && c.GetPhase() == threadv1.Phase_PHASE_CLOSED {
		o.Of = append(o.Of, c.GetAgent())
	}
	return o
}

// Supervises are the words for what agent may do now about somebody else's
// conversation.
func (w World) Supervises(s *threadv1.State, agent string) []string {
	who, about := w.Who(agent), Object(s, false)
	return slices.DeleteFunc(thread.Supervises(s, agent), func(word string) bool { return !who.Beyond(supervision[word], about) })
}

// supervision is what the words need.
var supervision = map[string]rights.Permission{
	"assign": authv1.Permission_PERMISSION_CONVERSATION_ASSIGN, "transfer": authv1.Permission_PERMISSION_CONVERSATION_TRANSFER,
	"monitor": authv1.Permission_PERMISSION_CONVERSATION_MONITOR, "join": authv1.Permission_PERMISSION_CONVERSATION_MONITOR,
	"force_close": authv1.Permission_PERMISSION_CONVERSATION_FORCE_CLOSE,
}

func (w World) name(agent string) string { return w.Names.Agents[agent].GetMeta().GetDisplayName() }

func (w World) beside(p *threadv1.Participant) *deskv1.Beside {
	return &deskv1.Beside{
		Agent: p.GetAgent(), Name: w.name(p.GetAgent()), Part: p.GetPart(), Attendance: p.GetAttendance(), Public: p.GetPublic(),
		SinceMs: p.GetSinceMs(), By: p.GetBy(), ByName: w.name(p.GetBy()), Question: p.GetQuestion(), UntilMs: p.GetUntilMs(),
	}
}

// View gives the conversation of a thread as agent sees it; nil when it is not
// the agent's to see.
func (b *Board) View(t subject.Thread, agent string, now time.Time, world World) *deskv1.ConversationView {
	p, ok := b.threads[t]
	if !ok || !slices.Contains(p.viewers, agent) {
		return nil
	}
	return View(p.state, p.revision, agent, now, world)
}

// Views gives all conversations of agent, by thread.
func (b *Board) Views(agent string, now time.Time, world World) map[subject.Thread]*deskv1.ConversationView {
	views := make(map[subject.Thread]*deskv1.ConversationView, len(b.agents[agent]))
	for t := range b.agents[agent] {
		views[t] = b.View(t, agent, now, world)
	}
	return views
}

// View shows the conversation of a state to an agent who may see it. It does
// not ask whether the agent may.
func View(s *threadv1.State, revision uint64, agent string, now time.Time, world World) *deskv1.ConversationView {
	c := s.GetConversation()
	view := &deskv1.ConversationView{
		Ref:         &deskv1.ConversationRef{Page: s.GetPage(), Psid: s.GetPsid(), Conversation: c.GetId()},
		Revision:    revision,
		Customer:    s.GetCustomer(),
		Phase:       c.GetPhase(),
		Queue:       cmp.Or(world.Names.Queues[c.GetQueue()].GetMeta().GetDisplayName(), c.GetQueue()),
		PageName:    cmp.Or(world.Names.PagesByMeta[s.GetPage()].GetMeta().GetDisplayName(), s.GetPage()),
		Preview:     s.GetPreview(),
		NewestMs:    s.GetNewestMs(),
		Unanswered:  int32(s.GetUnanswered()),
		OpenedMs:    c.GetOpenedMs(),
		QueuedMs:    c.GetQueuedMs(),
		Window:      window(s, now),
		Allowed:     thread.Allowed(s, agent),
		DueMs:       c.GetDueMs(),
		Agent:       c.GetAgent(),
		AgentName:   world.name(c.GetAgent()),
		PageTrouble: world.trouble(s.GetPage()),
		Priority:    c.GetPriority(),
		Prefer:      c.GetPrefer(),
		Labels:      c.GetLabels(),
	}
	if files := world.Names.AgentFiles(world.Names.PagesByMeta[s.GetPage()]); files.On {
		view.Files = &deskv1.FileLimits{Types: files.Types, PictureBytes: files.Most("image"), Bytes: files.Most("file")}
	}
	if o, owned := thread.OwnerAt(s, now); owned {
		view.Owner = &deskv1.Owner{App: o.App, UntilMs: o.Until.UnixMilli()}
		if i := slices.Index(view.Allowed, "send"); i >= 0 && c.GetAgent() == agent {
			view.Allowed[i] = "take_control"
		} else if i >= 0 {
			view.Allowed = slices.Delete(view.Allowed, i, i+1)
		}
	}
	view.Supervise = world.Supervises(s, agent)
	beyond := world.Who(agent).Beyond(authv1.Permission_PERMISSION_FLOOR_READ, Object(s, false))
	for _, p := range c.GetParticipants() {
		switch {
		case p.GetAgent() == agent:
			view.Part = world.beside(p)
		case beyond || p.GetPart() != threadv1.Part_PART_MONITOR:
			view.Beside = append(view.Beside, world.beside(p))
		}
	}
	if c.GetAgent() == agent && c.GetPhase() == threadv1.Phase_PHASE_WRAP_UP {
		view.WrapUpForm = Form(s, world.Names)
	}
	view.Variables, view.Skills = variables(c, world), skills(c, world)
	if world.steers(s, agent) {
		view.Allowed = append(view.Allowed, "skills")
	}
	if v := s.GetSurvey(); v != nil {
		view.Survey = &deskv1.SurveyCard{Conversation: v.GetAsked().GetConversation(), AskedMs: v.GetAskedMs(), Rating: v.Rating, Highest: v.GetAsked().GetHighest()}
	}
	if c.GetOffer().GetAgent() == agent {
		view.Offer = c.GetOffer()
	}
	view.Notification = notify(s, view, agent, now, world)
	view.Title = title(s, view, world)
	return view
}

func window(s *threadv1.State, now time.Time) *deskv1.Window {
	w := thread.WindowAt(s, now)
	view := &deskv1.Window{Kind: w.Kind.String()}
	if !w.Until.IsZero() {
		view.UntilMs = w.Until.UnixMilli()
	}
	return view
}
