package intake_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/classification/internal/intake"
)

var declared = []*configv1.Variable{{Name: "order"}, {Name: "tier"}, {Name: "items", Type: configv1.VariableType_VARIABLE_TYPE_NUMBER},
	{Name: "mail", Tells: configv1.Tells_TELLS_EMAIL}}

// came is a message that says by which link the customer came.
func came(ref string) intake.Input {
	i := input(item(fmt.Sprintf(`"message":{"mid":"m1","text":"hi","referral":{"ref":%q,"source":"SHORTLINK","type":"OPEN_THREAD"}}`, ref)))
	i.Variables = declared
	return i
}

// L116: a link tells of declared variables, and of nothing else.
func TestALinkSetsVariables(t *testing.T) {
	type values = map[string]string
	for _, c := range []struct {
		ref    string
		want   values
		counts intake.Referred
	}{
		{"summer", nil, intake.Referred{}},
		{"", nil, intake.Referred{}},
		{"order=A-17:items=3", values{"order": "A-17", "items": "3"}, intake.Referred{Set: 2}},
		{"order=A%3A17&tier=;items=-0.5", values{"order": "A:17", "items": "-0.5"}, intake.Referred{Set: 2, Unfit: 1}},
		{"Order=1:order=1+1=2", values{"order": "1+1=2"}, intake.Referred{Set: 1, Undeclared: 1}},
		{"items=three:=x:vip:order=%zz", values{"order": "%zz"}, intake.Referred{Set: 1, Unfit: 1}},
		{"mail=boss@example.com:tier=a", values{"tier": "a"}, intake.Referred{Set: 1, Claims: 1}},
		{"tier=a:tier=b", values{"tier": "b"}, intake.Referred{Set: 2}},
		{"tier=gold:order=" + strings.Repeat("x", 300), values{"tier": "gold"}, intake.Referred{Set: 1}},
		{strings.Repeat("x=1:", 40) + "tier=gold", nil, intake.Referred{Undeclared: 20}},
	} {
		d := intake.Decide(thread.New("1", "2"), came(c.ref))
		if diff := cmp.Diff(c.want, d.Opened().GetVariables()); diff != "" || d.Opened() == nil || d.Referred != c.counts {
			t.Errorf("%.40q: counted %+v, want %+v\n%s", c.ref, d.Referred, c.counts, diff)
		}
	}
}

// A link that was pressed before the customer wrote counts too; one that comes
// into a live conversation sets nothing.
func TestALinkBeforeTheMessage(t *testing.T) {
	s := thread.New("1", "2")
	file(t, s, input(item(`"referral":{"ref":"tier=gold","source":"SHORTLINK","type":"OPEN_THREAD"}`)))
	plain := input(item(`"message":{"mid":"m2","text":"hi"}`))
	plain.Variables = declared
	file(t, s, plain)
	if got := s.GetConversation().GetVariables()["tier"]; got != "gold" {
		t.Errorf("the conversation has tier %q", got)
	}
	if d := intake.Decide(s, came("tier=basic")); d.Opened() != nil || d.Referred != (intake.Referred{}) {
		t.Errorf("a live conversation: %+v", d)
	}
}
