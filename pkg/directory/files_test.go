package directory_test

import (
	"slices"
	"testing"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// TestFiles: the page's switch goes before its workstream's, and nobody who did
// not turn it on gets files (L2).
func TestFiles(t *testing.T) {
	on, off := configv1.Switch_SWITCH_ON, configv1.Switch_SWITCH_OFF
	for _, c := range []struct {
		name   string
		page   configv1.Switch
		stream *configv1.Workstream
		want   directory.FilePolicy
	}{
		{"nobody said", 0, nil, directory.FilePolicy{Types: directory.FileTypes(), Bytes: 5 << 20}},
		{"workstream on", 0, &configv1.Workstream{CustomerAttachments: true}, directory.FilePolicy{On: true, Types: directory.FileTypes(), Bytes: 5 << 20}},
		{"page off", off, &configv1.Workstream{CustomerAttachments: true}, directory.FilePolicy{Types: directory.FileTypes(), Bytes: 5 << 20}},
		{"page on, own limits", on, &configv1.Workstream{AttachmentTypes: []string{"pdf"}, AttachmentMegabytes: 25}, directory.FilePolicy{On: true, Types: []string{"pdf"}, Bytes: 25 << 20}},
		{"more than Messenger has", on, &configv1.Workstream{AttachmentMegabytes: 26}, directory.FilePolicy{On: true, Types: directory.FileTypes(), Bytes: 5 << 20}},
	} {
		p := &configv1.Page{Meta: &configv1.Meta{Id: "p"}, Workstream: "w", CustomerAttachments: c.page}
		resources := []directory.Resource{p}
		if c.stream != nil {
			c.stream.Meta = &configv1.Meta{Id: "w"}
			resources = append(resources, c.stream)
		}
		got := directory.NewSnapshot(resources...).Files(p)
		if got.On != c.want.On || got.Bytes != c.want.Bytes || !slices.Equal(got.Types, c.want.Types) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestAgentFiles: the switches of both sides say nothing of each other (S29), and
// Meta's limits hold whatever a workstream says.
func TestAgentFiles(t *testing.T) {
	on, off := configv1.Switch_SWITCH_ON, configv1.Switch_SWITCH_OFF
	for _, c := range []struct {
		name              string
		page              configv1.Switch
		customers, agents bool
		wantCustomers     bool
		wantAgents        bool
	}{
		{"neither", 0, false, false, false, false},
		{"customers alone", 0, true, false, true, false},
		{"agents alone", 0, false, true, false, true},
		{"both", 0, true, true, true, true},
		{"page on", on, false, false, false, true},
		{"page off", off, true, true, true, false},
	} {
		p := &configv1.Page{Meta: &configv1.Meta{Id: "p"}, Workstream: "w", AgentAttachments: c.page}
		w := &configv1.Workstream{Meta: &configv1.Meta{Id: "w"}, CustomerAttachments: c.customers, AgentAttachments: c.agents, AttachmentMegabytes: 25}
		world := directory.NewSnapshot(p, w)
		if got := world.Files(p).On; got != c.wantCustomers {
			t.Errorf("%s: files of customers %v", c.name, got)
		}
		got := world.AgentFiles(p)
		if got.On != c.wantAgents || got.Most("image") != 8<<20 || got.Most("video") >= 25<<20 || got.Most("file") != got.Most("audio") {
			t.Errorf("%s: files of agents %+v, %d, %d", c.name, got, got.Most("image"), got.Most("video"))
		}
	}
	if nobody := directory.NewSnapshot().AgentFiles(nil); nobody.On || nobody.Most("image") != 5<<20 {
		t.Errorf("without a page: %+v", nobody)
	}
}
