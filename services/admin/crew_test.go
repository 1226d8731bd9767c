package admin_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/fault"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// crew is a house with two queues: front is everybody's to look after, back is
// Irina's.
func crew(t *testing.T) past {
	p := begin(t)
	mila := staff("mila", "agent")
	mila.GetAgent().Password = &configv1.Secret{Value: "parley-demo"}
	p.put("", staff("vera", "admin"), staff("anton", "auditor"), staff("elena", "supervisor"), staff("irina", "supervisor"), mila, staff("orlin", "agent"), staff("nino", "agent"),
		&adminv1.Resource{Kind: &adminv1.Resource_Skill{Skill: &configv1.Skill{Meta: meta("german")}}},
		&adminv1.Resource{Kind: &adminv1.Resource_Skill{Skill: &configv1.Skill{Meta: meta("latin"), Inactive: true}}},
		&adminv1.Resource{Kind: &adminv1.Resource_CapacityProfile{CapacityProfile: &configv1.CapacityProfile{Meta: meta("chats"), Limit: 4}}},
		queueOf("front", nil, "mila", "nino"), queueOf("back", []string{"irina"}, "orlin"))
	return p
}

func queueOf(id string, supervisors []string, agents ...string) *adminv1.Resource {
	return &adminv1.Resource{Kind: &adminv1.Resource_Queue{Queue: &configv1.Queue{Meta: meta(id), Agents: agents, Supervisors: supervisors}}}
}

func (p past) member(by, agent string) (*adminv1.CrewMember, error) {
	p.Helper()
	m := &adminv1.CrewMember{}
	return m, p.errand(by, adminv1.CrewService_GetCrewMember_FullMethodName, &adminv1.GetCrewMemberRequest{Agent: agent}, m)
}

func (p past) adjust(by, agent string, terms *adminv1.CrewTerms) (*adminv1.CrewMember, error) {
	p.Helper()
	m := &adminv1.CrewMember{}
	return m, p.errand(by, adminv1.CrewService_AdjustCrewMember_FullMethodName, &adminv1.AdjustCrewMemberRequest{Agent: agent, Terms: terms}, m)
}

func (p past) agent(id string) *configv1.Agent {
	p.Helper()
	a, err := p.config.GetAgent(p.Context(), &adminv1.GetAgentRequest{Id: id})
	if err != nil {
		p.Fatal(err)
	}
	return a
}

func (p past) agentsOf(queue string) string {
	p.Helper()
	q, err := p.config.GetQueue(p.Context(), &adminv1.GetQueueRequest{Id: queue})
	if err != nil {
		p.Fatal(err)
	}
	return strings.Join(q.GetAgents(), " ")
}

// A supervisor changes what an agent of their queues takes on, and nothing else of
// the agent; it is a version and a record of theirs.
func TestASupervisorAdjustsAnAgent(t *testing.T) {
	p := crew(t)
	before := p.agent("mila")
	m, err := p.member("elena", "mila")
	if err != nil {
		t.Fatal(err)
	}
	if len(m.GetQueues()) != 1 || m.GetQueues()[0].GetId() != "front" || !slices.Equal(m.GetTerms().GetQueues(), []string{"front"}) ||
		len(m.GetSkills()) != 1 || m.GetSkills()[0].GetMeta().GetId() != "german" || len(m.GetProfiles()) != 1 {
		t.Errorf("Elena may choose of %v", m)
	}
	p.put("meanwhile", queueOf("front", nil, "mila", "nino", "vera"))
	terms := &adminv1.CrewTerms{Etag: m.GetTerms().GetEtag(), Capacity: 5, Skills: []*configv1.Proficiency{{Skill: "german", Value: 7}}, Profiles: []*configv1.ProfileHolding{{Profile: "chats", Limit: 2}}}
	after, err := p.adjust("elena", "mila", terms)
	if err != nil {
		t.Fatal(err)
	}
	want := proto.CloneOf(before)
	want.Capacity, want.Skills, want.Profiles, want.Meta = 5, terms.GetSkills(), terms.GetProfiles(), nil
	got := p.agent("mila")
	if after.GetTerms().GetEtag() != got.GetMeta().GetEtag() || after.GetTerms().GetCapacity() != 5 || len(after.GetTerms().GetQueues()) != 0 {
		t.Errorf("Elena is told %v", after)
	}
	if got.Meta = nil; !proto.Equal(got, want) {
		t.Errorf("Mila is %v, want %v", got, want)
	}
	// Who else serves the queue stays, also who came since it was read.
	if got := p.agentsOf("front"); got != "nino vera" {
		t.Errorf("the queue has %s", got)
	}
	versions, err := p.history.ListVersions(t.Context(), &adminv1.ListVersionsRequest{PageSize: 1})
	if err != nil || versions.GetVersions()[0].GetBy() != "agent:elena" {
		t.Errorf("the version is by %v, %v", versions.GetVersions(), err)
	}
	list := &adminv1.ListRecordsResponse{}
	if err := p.errand("vera", adminv1.AuditService_ListRecords_FullMethodName, &adminv1.ListRecordsRequest{Filter: &adminv1.RecordFilter{Actor: "agent:elena"}}, list); err != nil ||
		len(list.GetRecords()) != 1 || list.GetRecords()[0].GetKind() != "config.change" || !slices.Contains(list.GetRecords()[0].GetObjects(), "agents/mila") {
		t.Errorf("the audit has %v, %v", list.GetRecords(), err)
	}
	// Who serves no queue is everybody's, and can be put back.
	terms = &adminv1.CrewTerms{Etag: after.GetTerms().GetEtag(), Capacity: 1, Queues: []string{"front"}}
	if _, err := p.adjust("elena", "mila", terms); err != nil || p.agentsOf("front") != "nino vera mila" {
		t.Errorf("put back: %s, %v", p.agentsOf("front"), err)
	}
}

// What is refused changes nothing: whose it is not, what is out of date, and what is
// wrong, by field.
func TestWhatASupervisorMayNotAdjust(t *testing.T) {
	p := crew(t)
	etag := p.agent("mila").GetMeta().GetEtag()
	good := func() *adminv1.CrewTerms {
		return &adminv1.CrewTerms{Etag: etag, Capacity: 2, Queues: []string{"front"}}
	}
	version := p.put("the last", staff("nino", "agent", "supervisor"))
	for name, c := range map[string]struct {
		by, agent     string
		change        func(*adminv1.CrewTerms)
		reason, field string
	}{
		"an agent of another's queue":  {"elena", "orlin", nil, "NO_SUCH_RESOURCE", ""},
		"nobody":                       {"elena", "nobody", nil, "NO_SUCH_RESOURCE", ""},
		"by an agent":                  {"mila", "mila", nil, "PERMISSION_MISSING", ""},
		"by an auditor":                {"anton", "mila", nil, "PERMISSION_MISSING", ""},
		"a version that is old":        {"elena", "mila", func(x *adminv1.CrewTerms) { x.Etag = "0123456789abcdef" }, "ETAG_MISMATCH", ""},
		"without a version":            {"elena", "mila", func(x *adminv1.CrewTerms) { x.Etag = "" }, "INVALID_RESOURCE", "terms.etag"},
		"too much":                     {"elena", "mila", func(x *adminv1.CrewTerms) { x.Capacity = 100_001 }, "INVALID_RESOURCE", "terms.capacity"},
		"a queue of another's":         {"elena", "mila", func(x *adminv1.CrewTerms) { x.Queues = []string{"front", "back"} }, "INVALID_RESOURCE", "terms.queues[1]"},
		"a queue twice":                {"elena", "mila", func(x *adminv1.CrewTerms) { x.Queues = []string{"front", "front"} }, "INVALID_RESOURCE", "terms.queues[1]"},
		"a skill that nobody has made": {"elena", "mila", func(x *adminv1.CrewTerms) { x.Skills = []*configv1.Proficiency{{Skill: "greek", Value: 1}} }, "INVALID_RESOURCE", "terms.skills[0].skill"},
		"off its scale":                {"elena", "mila", func(x *adminv1.CrewTerms) { x.Skills = []*configv1.Proficiency{{Skill: "german", Value: 11}} }, "INVALID_RESOURCE", "terms.skills[0].value"},
		"a profile that is none":       {"elena", "mila", func(x *adminv1.CrewTerms) { x.Profiles = []*configv1.ProfileHolding{{Profile: "calls"}} }, "INVALID_RESOURCE", "terms.profiles[0].profile"},
	} {
		terms := good()
		if c.change != nil {
			c.change(terms)
		}
		_, err := p.adjust(c.by, c.agent, terms)
		f := new(fault.Error)
		if !errors.As(err, &f) || f.Reason != c.reason || c.field != "" && (len(f.Violations) != 1 || f.Violations[0].Field != c.field) {
			t.Errorf("%s: %v %v", name, err, f.Violations)
		}
	}
	if _, err := p.member("mila", "mila"); !fault.Is(err, fault.Denied) {
		t.Errorf("an agent reads: %v", err)
	}
	versions, err := p.history.ListVersions(t.Context(), &adminv1.ListVersionsRequest{PageSize: 1})
	if err != nil || versions.GetVersions()[0].GetNumber() != version {
		t.Errorf("something was changed: %v, %v", versions, err)
	}
	// Administrators look after all agents, and by the API after whom they like.
	for _, agent := range []string{"mila", "orlin"} {
		m, err := p.member("vera", agent)
		if err != nil || len(m.GetQueues()) != 2 {
			t.Errorf("an administrator reads %s: %v, %v", agent, m, err)
		}
		if m, err = adminv1.NewCrewServiceClient(p.server.Dial(t)).GetCrewMember(t.Context(), &adminv1.GetCrewMemberRequest{Agent: agent}); err != nil || len(m.GetQueues()) != 2 {
			t.Errorf("by the API: %v, %v", m, err)
		}
	}
}
