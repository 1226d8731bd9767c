package directory_test

import (
	"testing"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

func TestWhatCustomersSeeOfAnAgent(t *testing.T) {
	const link = "https://example.com/m.png"
	for name, c := range map[string]struct {
		page     configv1.Switch
		on       bool
		nickname string
		own      string
		want     directory.Persona
	}{
		"off by default":                        {0, false, "Mimi", "", directory.Persona{}},
		"as the workstream says":                {0, true, "Mimi", "", directory.Persona{Name: "Mimi", Picture: link}},
		"with a picture of one's own":           {0, true, "Mimi", link + "?own", directory.Persona{Name: "Mimi", Picture: link + "?own"}},
		"on for the page":                       {configv1.Switch_SWITCH_ON, false, "Mimi", "", directory.Persona{Name: "Mimi", Picture: link}},
		"off for the page":                      {configv1.Switch_SWITCH_OFF, true, "Mimi", "", directory.Persona{}},
		"no nickname, and the name is not told": {0, true, "", link, directory.Persona{}},
	} {
		t.Run(name, func(t *testing.T) {
			p := &configv1.Page{Meta: &configv1.Meta{Id: "p"}, Workstream: "w", Persona: c.page}
			w := &configv1.Workstream{Meta: &configv1.Meta{Id: "w"}, Persona: c.on, PersonaPicture: link}
			a := &configv1.Agent{Meta: &configv1.Meta{Id: "mila", DisplayName: "Mila Yordanova"}, Nickname: c.nickname, Picture: c.own}
			world := directory.NewSnapshot(p, w, a)
			if got := world.Persona(p, "mila"); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if got := world.Persona(p, "nobody"); got != (directory.Persona{}) {
				t.Errorf("nobody is %+v", got)
			}
		})
	}
}

func TestWhetherCustomersLearnWhatWasRead(t *testing.T) {
	for _, c := range []struct {
		page configv1.Switch
		hide bool
		want bool
	}{
		{0, false, true}, {0, true, false}, {configv1.Switch_SWITCH_ON, true, true}, {configv1.Switch_SWITCH_OFF, false, false},
	} {
		p := &configv1.Page{Meta: &configv1.Meta{Id: "p"}, Workstream: "w", MarkSeen: c.page}
		w := &configv1.Workstream{Meta: &configv1.Meta{Id: "w"}, HideSeen: c.hide}
		if got := directory.NewSnapshot(p, w).Seen(p); got != c.want {
			t.Errorf("page %v, hidden %t: got %t", c.page, c.hide, got)
		}
	}
	if !directory.NewSnapshot().Seen(&configv1.Page{}) {
		t.Error("a page without a workstream hides it")
	}
}
