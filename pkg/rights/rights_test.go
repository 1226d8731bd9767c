package rights_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/parley-desk/parley/pkg/rights"
	_ "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	_ "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	_ "github.com/parley-desk/parley/proto/gen/parley/crm/v1"
	_ "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
)

// methods are all of the house.
func methods(t *testing.T) (all []protoreflect.MethodDescriptor) {
	t.Helper()
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			for j := range f.Services().Get(i).Methods().Len() {
				if strings.HasPrefix(string(f.Package()), "parley.") {
					all = append(all, f.Services().Get(i).Methods().Get(j))
				}
			}
		}
		return true
	})
	if len(all) < 150 {
		t.Fatalf("only %d methods are found", len(all))
	}
	return all
}

func called(m protoreflect.MethodDescriptor) string {
	return fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name())
}

// SG2: a method without a permission is open to nobody, so each must have one, and
// somebody must have it.
func TestEveryMethodSaysWhatItNeeds(t *testing.T) {
	used := map[rights.Permission]bool{}
	for _, m := range methods(t) {
		need := rights.Needed(called(m))
		used[need] = true
		switch {
		case need == authv1.Permission_PERMISSION_UNSPECIFIED:
			t.Errorf("%s has no permission: give it the option (parley.auth.v1.permission)", called(m))
		case need == authv1.Permission_PERMISSION_ANYONE:
			if !slices.Contains([]string{"/parley.desk.v1.SessionService/SignIn", "/parley.desk.v1.SessionService/SignOut",
				"/parley.desk.v1.DeviceService/BeginDevice", "/parley.desk.v1.DeviceService/CollectDevice"}, called(m)) {
				t.Errorf("%s is open to the whole world", called(m))
			}
		case need == authv1.Permission_PERMISSION_KNOWN && called(m) == "/parley.admin.v1.SessionService/SignOut": // of one's own session
		case len(rights.Roles(need, rights.Own)) == 0:
			t.Errorf("%s needs %s, which no role has", called(m), rights.Name(need))
		}
	}
	for number, name := range authv1.Permission_name {
		p := rights.Permission(number)
		if !used[p] && p != authv1.Permission_PERMISSION_UNSPECIFIED && p != authv1.Permission_PERMISSION_KNOWN &&
			p != authv1.Permission_PERMISSION_CONVERSATION_ASSIGN && p != authv1.Permission_PERMISSION_CONVERSATION_FORCE_CLOSE {
			t.Errorf("%s is needed for nothing", name)
		}
	}
}

// everyone is somebody with all roles there are.
func everyone() rights.Who {
	return rights.Who{Name: "vera", Roles: append(rights.People(), rights.Programs()...), Serves: func(string) bool { return true }}
}

func TestWhatIsNotSaidIsNotAllowed(t *testing.T) {
	for _, method := range []string{"", "/", "Apply", "/parley.admin.v1.ConfigService/Burn", "/parley.admin.v1.ConfigService", "/parley.desk.v1.SignInRequest/agent",
		"/parley.desk.v1.SignInRequest", "/google.protobuf.MethodOptions", "/grpc.health.v1.Healthy/Check", "/parley.desk.v1.SessionService/SignIn/"} {
		need := rights.Needed(method)
		if need != authv1.Permission_PERMISSION_UNSPECIFIED || everyone().Reach(need) != rights.None || everyone().May(need, rights.Object{Of: []string{"vera"}, Queues: []string{""}}) {
			t.Errorf("%q needs %v", method, need)
		}
	}
	for name, who := range map[string]rights.Who{"nobody": {}, "no role": {Name: "vera"}, "an invented role": {Name: "vera", Roles: []string{"king", "", "Admin"}},
		"a role without a name": {Roles: []string{rights.Agent}}} {
		for number := range authv1.Permission_name {
			p := rights.Permission(number)
			if p == authv1.Permission_PERMISSION_ANYONE || p == authv1.Permission_PERMISSION_KNOWN {
				continue
			}
			if who.May(p, rights.Object{Of: []string{"vera", ""}, Queues: []string{"front", ""}}) {
				t.Errorf("%s may %s", name, rights.Name(p))
			}
		}
	}
	if (rights.Who{}).Reach(authv1.Permission_PERMISSION_KNOWN) != rights.None {
		t.Error("nobody is known")
	}
}

const (
	transfer = authv1.Permission_PERMISSION_CONVERSATION_TRANSFER
	monitor  = authv1.Permission_PERMISSION_CONVERSATION_MONITOR
	pick     = authv1.Permission_PERMISSION_CONVERSATION_PICK
	handle   = authv1.Permission_PERMISSION_CONVERSATION_HANDLE
	export   = authv1.Permission_PERMISSION_TRANSCRIPT_READ
)

// TestReach: own, of a queue, everything; as one of the roles says.
func TestReach(t *testing.T) {
	serves := func(q string) bool { return q == "front" }
	mila := rights.Who{Name: "mila", Roles: []string{rights.Agent}, Serves: serves}
	elena := rights.Who{Name: "elena", Roles: []string{rights.Supervisor}, Serves: serves}
	irina := rights.Who{Name: "irina", Roles: []string{rights.Supervisor}, Oversees: func(q string) bool { return q == "back" }, Serves: serves}
	both := rights.Who{Name: "irina", Roles: []string{rights.Agent, rights.Supervisor}, Oversees: func(q string) bool { return q == "back" }, Serves: serves}
	quiet := rights.Who{Name: "elena", Roles: []string{rights.Supervisor}, Off: []rights.Permission{monitor, transfer}}
	vera := rights.Who{Name: "vera", Roles: []string{rights.Auditor}}
	of := func(agent, queue string) rights.Object {
		return rights.Object{Of: []string{agent}, Queues: []string{queue}}
	}
	for name, c := range map[string]struct {
		who         rights.Who
		p           rights.Permission
		o           rights.Object
		may, beyond bool
	}{
		"an agent's own":                       {mila, handle, of("mila", "front"), true, false},
		"another agent's in the agent's queue": {mila, handle, of("orlin", "front"), false, false},
		"nobody's":                             {mila, handle, of("", "front"), false, false},
		"what waits in the agent's queue":      {mila, pick, of("", "front"), true, true},
		"what waits in another queue":          {mila, pick, of("", "back"), false, false},
		"to hand one's own over":               {mila, transfer, of("mila", "back"), true, false},
		"to hand another's over":               {mila, transfer, of("orlin", "front"), false, false},
		"an agent reads along":                 {mila, monitor, of("mila", "front"), false, false},
		"a supervisor of all queues":           {elena, monitor, of("mila", "back"), true, true},
		"also where it has no queue":           {elena, monitor, of("mila", ""), true, true},
		"but does not write there":             {elena, handle, of("mila", "back"), false, false},
		"nor take what waits":                  {elena, pick, of("", "front"), false, false},
		"a supervisor of that queue":           {irina, monitor, of("mila", "back"), true, true},
		"a supervisor of another":              {irina, monitor, of("mila", "front"), false, false},
		"nor what has no queue":                {irina, monitor, of("mila", ""), false, false},
		"it is not as an agent that one looks": {both, monitor, of("mila", "front"), false, false},
		"nor as a supervisor that one takes":   {both, pick, of("", "back"), false, false},
		"an agent as well":                     {both, pick, of("", "front"), true, true},
		"own, in a queue of somebody else":     {irina, transfer, of("irina", "front"), true, false},
		"withheld":                             {quiet, monitor, of("mila", "front"), false, false},
		"withheld, another's":                  {quiet, transfer, of("mila", "front"), false, false},
		"withheld, but one's own":              {quiet, transfer, of("elena", "front"), true, false},
		"everything":                           {vera, export, rights.Object{}, true, true},
		"an auditor at the desk":               {vera, handle, of("vera", "front"), false, false},
	} {
		if got := c.who.May(c.p, c.o); got != c.may {
			t.Errorf("%s: may %v", name, got)
		}
		if got := c.who.Beyond(c.p, c.o); got != c.beyond {
			t.Errorf("%s: beyond %v", name, got)
		}
	}
}

// TestRolesAddUp goes through all sets of roles: one more takes nothing away, what
// is withheld gives nothing, and what one may do to somebody else's one may do.
func TestRolesAddUp(t *testing.T) {
	all := append(rights.People(), rights.CRM)
	objects := []rights.Object{{}, {Of: []string{"vera"}}, {Queues: []string{"front"}}, {Queues: []string{"back"}}, {Of: []string{"vera"}, Queues: []string{"back"}}, {Of: []string{"mila"}, Queues: []string{"third"}}}
	with := func(set int) (roles []string) {
		for i, role := range all {
			if set>>i&1 == 1 {
				roles = append(roles, role)
			}
		}
		return roles
	}
	for set := range 1 << len(all) {
		who := rights.Who{Name: "vera", Roles: with(set), Serves: func(q string) bool { return q == "front" }, Oversees: func(q string) bool { return q == "back" }}
		for number := range authv1.Permission_name {
			p := rights.Permission(number)
			less := who
			less.Off = []rights.Permission{p}
			for _, o := range objects {
				may := who.May(p, o)
				if who.Beyond(p, o) && !may || less.May(p, o) && !may || may && who.Reach(p) == rights.None {
					t.Fatalf("%v with %s: %v", who.Roles, rights.Name(p), o)
				}
				for i := range all {
					more := who
					if more.Roles = with(set | 1<<i); may && !more.May(p, o) {
						t.Fatalf("%v may %s what %v may not: %v", who.Roles, rights.Name(p), more.Roles, o)
					}
				}
			}
		}
	}
}

// Only administrators are told a verify token and replace keys, and what reads
// transcripts of everybody changes nothing.
func TestWhoHasWhatMatters(t *testing.T) {
	for p, want := range map[rights.Permission]string{
		authv1.Permission_PERMISSION_SECRET_REVEAL: "admin", authv1.Permission_PERMISSION_KEY_WRITE: "admin", authv1.Permission_PERMISSION_CONFIG_WRITE: "admin",
		authv1.Permission_PERMISSION_PRIVACY_ERASE: "admin", authv1.Permission_PERMISSION_PRIVACY_EXPORT: "admin", authv1.Permission_PERMISSION_BACKUP_READ: "admin", authv1.Permission_PERMISSION_CLIENT_MANAGE: "admin", authv1.Permission_PERMISSION_AUDIT_READ: "admin auditor", export: "admin auditor",
		authv1.Permission_PERMISSION_LETTER_SETTLE: "admin operator", authv1.Permission_PERMISSION_CONTACT_WRITE: "admin crm",
	} {
		if got := strings.Join(rights.Roles(p, rights.Everything), " "); got != want {
			t.Errorf("%s: %s, want %s", rights.Name(p), got, want)
		}
	}
	if got := strings.Join(rights.Programs(), " "); got != "admin auditor crm operator" {
		t.Errorf("programs may be %s", got)
	}
}

// TestScopes: a program has the permissions of its words and no other, and where it is
// bound to queues nothing beyond them, whatever it has.
func TestScopes(t *testing.T) {
	adjust, pause := authv1.Permission_PERMISSION_CREW_ADJUST, authv1.Permission_PERMISSION_QUEUE_PAUSE
	for word, want := range map[string]int{"": 0, "king": 0, "agent": 0, "supervisor": 0, "seat.use": 0, "anyone.": 0, "known.": 0, "self.read": 0, "unspecified.": 0, "Config.read": 0,
		"config.read": 1, "crew.adjust": 1, "crm": 2, "operator": 3} {
		if got := rights.Scope(word); len(got) != want {
			t.Errorf("%q gives %v", word, got)
		}
	}
	for number := range authv1.Permission_name {
		p := rights.Permission(number)
		one := rights.Who{Name: "client:ci", Scopes: rights.Scope(rights.Name(p))}
		for other := range authv1.Permission_name {
			q := rights.Permission(other)
			if q == authv1.Permission_PERMISSION_ANYONE || q == authv1.Permission_PERMISSION_KNOWN {
				continue
			}
			want := p == q && slices.ContainsFunc(rights.Programs(), func(role string) bool { return slices.Contains(rights.Roles(p, rights.Everything), role) })
			if got := one.Reach(q) == rights.Everything; got != want || one.May(q, rights.Object{}) != want || one.Beyond(q, rights.Object{}) != want {
				t.Errorf("with %s, %s: %v", rights.Name(p), rights.Name(q), got)
			}
		}
	}
	bound := rights.Who{Name: "client:ci", Scopes: rights.Scope("admin"), Roles: []string{rights.Admin}, Only: func(q string) bool { return q == "front" }}
	for number := range authv1.Permission_name {
		p := rights.Permission(number)
		if p == authv1.Permission_PERMISSION_ANYONE || p == authv1.Permission_PERMISSION_KNOWN {
			continue
		}
		if bound.Reach(p) > rights.Queue || bound.Beyond(p, rights.Object{Queues: []string{"back", ""}}) || bound.May(p, rights.Object{}) {
			t.Errorf("bound to a queue, %s reaches on", rights.Name(p))
		}
	}
	if !bound.May(pause, rights.Object{Queues: []string{"front"}}) || !bound.Beyond(adjust, rights.Object{Queues: []string{"back", "front"}}) {
		t.Error("bound to a queue, it does not reach that one")
	}
}
