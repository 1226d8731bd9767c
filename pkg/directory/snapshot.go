package directory

import (
	"iter"
	"maps"
	"slices"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Snapshot is all resources at one moment, by id. Do not change it.
type Snapshot struct {
	Revision    uint64                  // of Marker in CONFIG; 0 before the first change
	Version     uint64                  // number of Record; 0: changes had no numbers yet
	Record      *configv1.ConfigVersion // the change that made it; nil when Version is 0
	Accounts    map[string]*configv1.ChannelAccount
	Pages       map[string]*configv1.Page
	PagesByMeta map[string]*configv1.Page // by Meta's page id
	Workstreams map[string]*configv1.Workstream
	Queues      map[string]*configv1.Queue
	Agents      map[string]*configv1.Agent
	Schedules   map[string]*configv1.Schedule
	Skills      map[string]*configv1.Skill
	Profiles    map[string]*configv1.CapacityProfile
	Rulesets    map[string]*configv1.Ruleset
	Statuses    map[string]*configv1.Status
	Messages    map[string]*configv1.AutomatedMessage
	Replies     map[string]*configv1.CannedReply
	Templates   map[string]*configv1.NotificationTemplate
	Unreadable  []string // keys whose entry is damaged; the resource is missing or as it was before
}

// NewSnapshot is a snapshot of these resources, at revision 0. It keeps them
// without copying. Of several resources with one key the last counts.
func NewSnapshot(resources ...Resource) *Snapshot {
	s := &Snapshot{
		Accounts: map[string]*configv1.ChannelAccount{}, Pages: map[string]*configv1.Page{},
		PagesByMeta: map[string]*configv1.Page{}, Workstreams: map[string]*configv1.Workstream{},
		Queues: map[string]*configv1.Queue{}, Agents: map[string]*configv1.Agent{},
		Schedules: map[string]*configv1.Schedule{}, Skills: map[string]*configv1.Skill{},
		Profiles: map[string]*configv1.CapacityProfile{}, Rulesets: map[string]*configv1.Ruleset{},
		Statuses: map[string]*configv1.Status{}, Messages: map[string]*configv1.AutomatedMessage{}, Replies: map[string]*configv1.CannedReply{},
		Templates: map[string]*configv1.NotificationTemplate{},
	}
	for _, r := range resources {
		s.put(r)
	}
	for _, id := range slices.Sorted(maps.Keys(s.Pages)) {
		p := s.Pages[id]
		if _, taken := s.PagesByMeta[p.GetPageId()]; !taken {
			s.PagesByMeta[p.GetPageId()] = p
		}
	}
	return s
}

func (s *Snapshot) put(r Resource) {
	id := r.GetMeta().GetId()
	switch r := r.(type) {
	case *configv1.ChannelAccount:
		s.Accounts[id] = r
	case *configv1.Page:
		s.Pages[id] = r
	case *configv1.Workstream:
		s.Workstreams[id] = r
	case *configv1.Queue:
		s.Queues[id] = r
	case *configv1.Agent:
		s.Agents[id] = r
	case *configv1.Schedule:
		s.Schedules[id] = r
	case *configv1.Skill:
		s.Skills[id] = r
	case *configv1.CapacityProfile:
		s.Profiles[id] = r
	case *configv1.Ruleset:
		s.Rulesets[id] = r
	case *configv1.Status:
		s.Statuses[id] = r
	case *configv1.AutomatedMessage:
		s.Messages[id] = r
	case *configv1.CannedReply:
		s.Replies[id] = r
	case *configv1.NotificationTemplate:
		s.Templates[id] = r
	}
}

// Find gives the resource of that kind and id.
func (s *Snapshot) Find(kind, id string) (Resource, bool) {
	switch kind {
	case ChannelAccounts:
		return found(s.Accounts, id)
	case Pages:
		return found(s.Pages, id)
	case Workstreams:
		return found(s.Workstreams, id)
	case Queues:
		return found(s.Queues, id)
	case Agents:
		return found(s.Agents, id)
	case Schedules:
		return found(s.Schedules, id)
	case Skills:
		return found(s.Skills, id)
	case Profiles:
		return found(s.Profiles, id)
	case Rulesets:
		return found(s.Rulesets, id)
	case Statuses:
		return found(s.Statuses, id)
	case Messages:
		return found(s.Messages, id)
	case CannedReplies:
		return found(s.Replies, id)
	case Notifications:
		return found(s.Templates, id)
	}
	return nil, false
}

// All yields every resource: kind by kind, in the order in which one may refer
// to another (schedules first, pages last), by id within a kind.
func (s *Snapshot) All() iter.Seq[Resource] {
	return func(yield func(Resource) bool) {
		_ = each(s.Schedules, yield) && each(s.Skills, yield) && each(s.Profiles, yield) &&
			each(s.Statuses, yield) && each(s.Agents, yield) && each(s.Queues, yield) && each(s.Rulesets, yield) &&
			each(s.Templates, yield) && each(s.Workstreams, yield) && each(s.Messages, yield) && each(s.Replies, yield) && each(s.Accounts, yield) && each(s.Pages, yield)
	}
}

// Tagged tells whether the human-agent tag is on for conversations of a page:
// as the page says, else as its workstream does (S31).
func (s *Snapshot) Tagged(p *configv1.Page) bool {
	return switched(p.GetMessageTag(), s.Workstreams[p.GetWorkstream()].GetMessageTag())
}

// TagOf is Tagged for the page of that id of Meta's; nil when the page or its
// workstream is not there, so that nobody knows.
func (s *Snapshot) TagOf(page string) *bool {
	p := s.PagesByMeta[page]
	if s.Workstreams[p.GetWorkstream()] == nil {
		return nil
	}
	return new(s.Tagged(p))
}

// Attachable tells whether customers may send files to a page: as the page says,
// else as its workstream does (S29).
func (s *Snapshot) Attachable(p *configv1.Page) bool {
	return switched(p.GetCustomerAttachments(), s.Workstreams[p.GetWorkstream()].GetCustomerAttachments())
}

func switched(page configv1.Switch, workstream bool) bool {
	switch page {
	case configv1.Switch_SWITCH_ON:
		return true
	case configv1.Switch_SWITCH_OFF:
		return false
	case configv1.Switch_SWITCH_UNSPECIFIED:
	}
	return workstream
}

func found[R Resource](m map[string]R, id string) (Resource, bool) {
	r, ok := m[id]
	if !ok {
		return nil, false
	}
	return r, true
}

func each[R Resource](m map[string]R, yield func(Resource) bool) bool {
	for _, id := range slices.Sorted(maps.Keys(m)) {
		if !yield(m[id]) {
			return false
		}
	}
	return true
}
