package admin_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/manifest"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// errand calls a method as the desk does for an agent.
func (p past) errand(agent, method string, req, resp proto.Message) error {
	p.Helper()
	data, err := proto.Marshal(req)
	if err != nil {
		p.Fatal(err)
	}
	return p.raw(agent, method, data, resp)
}

func (p past) raw(agent, method string, data []byte, resp proto.Message) error {
	p.Helper()
	out := &adminv1.ErrandResponse{}
	if err := p.server.Bus.Call(p.Context(), "admin.errand", &adminv1.ErrandRequest{Agent: agent, Method: method, Request: data}, out); err != nil {
		return err
	}
	return proto.Unmarshal(out.GetResponse(), resp)
}

func staff(id string, roles ...string) *adminv1.Resource {
	return &adminv1.Resource{Kind: &adminv1.Resource_Agent{Agent: &configv1.Agent{Meta: &configv1.Meta{Id: id}, Capacity: 1, Roles: roles}}}
}

// Who may run errands is decided here, whatever the desk lets pass.
func TestErrands(t *testing.T) {
	p := begin(t)
	p.put("", staff("vera", "admin"), staff("mila", "agent"), staff("elena", "supervisor", "agent"))
	list, queues := adminv1.ConfigService_ListAgents_FullMethodName, &adminv1.ListAgentsResponse{}
	if err := p.errand("vera", list, &adminv1.ListAgentsRequest{}, queues); err != nil || len(queues.GetAgents()) != 3 {
		t.Fatalf("the administrator got %d agents, %v", len(queues.GetAgents()), err)
	}
	for name, c := range map[string]struct {
		agent, method string
		data          []byte
		kind          fault.Kind
		reason        string
	}{
		"an agent":        {"mila", list, nil, fault.Denied, "PERMISSION_MISSING"},
		"a supervisor":    {"elena", list, nil, fault.Denied, "PERMISSION_MISSING"},
		"a stranger":      {"nobody", list, nil, fault.Denied, "NO_ROLE"},
		"nobody":          {"", list, nil, fault.Denied, "NO_ROLE"},
		"no method":       {"vera", "/parley.admin.v1.ConfigService/Burn", nil, fault.NotFound, "NO_SUCH_METHOD"},
		"a stream":        {"vera", adminv1.OperateService_ExportTranscript_FullMethodName, nil, fault.NotFound, "NO_SUCH_METHOD"},
		"rubbish":         {"vera", list, []byte{0xff, 1, 2}, fault.Invalid, "INVALID_ARGUMENT"},
		"a wrong request": {"vera", adminv1.ConfigService_CreateQueue_FullMethodName, nil, fault.Invalid, "INVALID_RESOURCE"},
	} {
		err := p.raw(c.agent, c.method, c.data, &adminv1.ListAgentsResponse{})
		f := new(fault.Error)
		if !errors.As(err, &f) || f.Kind != c.kind || f.Reason != c.reason {
			t.Errorf("%s got %v", name, err)
		}
	}
	if err := p.errand("vera", adminv1.ConfigService_CreateQueue_FullMethodName,
		&adminv1.CreateQueueRequest{Queue: &configv1.Queue{Meta: &configv1.Meta{Id: "front"}}}, &configv1.Queue{}); err != nil {
		t.Fatal(err)
	}
	got, err := p.history.ListVersions(t.Context(), &adminv1.ListVersionsRequest{PageSize: 1})
	if err != nil || got.GetVersions()[0].GetBy() != "agent:vera" {
		t.Errorf("the history says it was %q, %v", got.GetVersions()[0].GetBy(), err)
	}
	// The role is gone: the next errand is refused.
	p.put("", staff("vera", "agent"))
	if err := p.errand("vera", list, &adminv1.ListAgentsRequest{}, queues); !fault.Is(err, fault.Denied) {
		t.Errorf("without the role it ended with %v", err)
	}
}

// Pages of an export, one after another, are the manifest that parleyctl writes.
func TestExportIsAManifest(t *testing.T) {
	p := begin(t)
	var all []*adminv1.Resource
	for i := range 400 {
		all = append(all, &adminv1.Resource{Kind: &adminv1.Resource_CannedReply{CannedReply: &configv1.CannedReply{
			Meta: &configv1.Meta{Id: fmt.Sprintf("reply-%03d", i), DisplayName: "Reply"}, Text: strings.Repeat("Пратката е на път. ", 60)}}})
	}
	p.put("", append(all, staff("vera", "admin"), staff("mila", "agent"))...)
	var text string
	pages := 0
	for token := ""; pages == 0 || token != ""; pages++ {
		resp, err := p.config.ExportConfig(t.Context(), &adminv1.ExportConfigRequest{PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		text, token = text+resp.GetManifest(), resp.GetNextPageToken()
	}
	if pages < 2 {
		t.Errorf("all came in %d page", pages)
	}
	docs, err := manifest.Read("export", []byte(text), manifest.Environment{})
	if err != nil || len(docs) != 402 {
		t.Errorf("read %d documents, %v", len(docs), err)
	}
	if _, err := p.config.ExportConfig(context.Background(), &adminv1.ExportConfigRequest{PageToken: "rubbish"}); err == nil {
		t.Error("took rubbish for a token")
	}
}
