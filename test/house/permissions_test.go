package house_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/parley-desk/parley/pkg/rights"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
)

// everyRole are those of people, then those that only programs have.
func everyRole() []string {
	return slices.Compact(append(rights.People(), slices.DeleteFunc(rights.Programs(), func(role string) bool { return slices.Contains(rights.People(), role) })...))
}

// reaches are how far each role has a permission, in the order of the columns.
func reaches(p rights.Permission) (cells []string) {
	for _, role := range everyRole() {
		cell := ""
		for _, reach := range []rights.Reach{rights.Own, rights.Queue, rights.Everything} {
			if slices.Contains(rights.Roles(p, reach), role) {
				cell = reach.String()
			}
		}
		cells = append(cells, cell)
	}
	return cells
}

// services are those of all contracts, by name, with their methods.
func servicesOfContracts(t *testing.T) map[string][]protoreflect.MethodDescriptor {
	t.Helper()
	all := map[string][]protoreflect.MethodDescriptor{}
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				if strings.HasPrefix(string(f.Package()), "parley.") {
					all[string(s.FullName())] = append(all[string(s.FullName())], s.Methods().Get(j))
				}
			}
		}
		return true
	})
	if len(all) < 14 {
		t.Fatalf("only %d services are found", len(all))
	}
	return all
}

func TestReferenceOfPermissions(t *testing.T) {
	d := begin("Permissions")
	d.line(`
Every method says what its caller needs, a *permission*; roles have permissions, and each as far as stands here. What stands nowhere nobody may.

| reach | means |
|---|---|
| own | what is in front of the caller: own conversations, offers, consults, replies |
| queue | that, and what stands in the queues of the caller: of an agent, those served; of a supervisor, those that name the supervisor in ` + "`supervisors`" + `, that the supervisor serves, or that name none |
| everything | all there is |

Of what is beyond a caller's reach is said that it is not there. People have roles by their agent resource, programs with a certificate by ` + "`admin.grants`" + `, or as [API clients](sign-in.md#programs) single permissions; who can open the unix socket of the admin API is ` + "`admin`" + `. The admin API asks for everything, as nothing there is anybody's own; who is signed in at the desk reaches it by the set-up page with the same roles. Only what agents take on a supervisor may change there, too, of those in the supervisor's queues ([0050](adr/0050-supervisors-adjust-agents-by-an-errand-of-their-own.md)). ` + "`desk.withhold`" + ` takes monitoring, assigning, transferring, saying which skills are needed, closing by force and adjusting agents from supervisors. Why it is so: [0045](adr/0045-a-method-says-what-it-needs.md).

## Roles`)
	d.table(append([]string{"permission"}, everyRole()...), permissionRows())
	all := servicesOfContracts(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		d.line("\n## %s", name)
		var rows [][]string
		for _, m := range all[name] {
			need := rights.Option(m)
			if need == authv1.Permission_PERMISSION_UNSPECIFIED {
				t.Errorf("%s has no permission", m.FullName())
			}
			rows = append(rows, append([]string{code(string(m.Name())), code(rights.Name(need))}, reaches(need)...))
		}
		d.table(append([]string{"method", "needs"}, everyRole()...), rows)
	}
	golden(t, "docs/permissions.md", tidied(d))
}

func permissionRows() (rows [][]string) {
	for _, number := range slices.Sorted(maps.Keys(authv1.Permission_name)) {
		switch p := rights.Permission(number); p {
		case authv1.Permission_PERMISSION_UNSPECIFIED:
		case authv1.Permission_PERMISSION_ANYONE, authv1.Permission_PERMISSION_KNOWN:
			who := fmt.Sprintf("%s: everybody%s", code(rights.Name(p)), map[bool]string{true: " who says who it is"}[p == authv1.Permission_PERMISSION_KNOWN])
			rows = append(rows, append([]string{who}, reaches(p)...))
		default:
			rows = append(rows, append([]string{code(rights.Name(p))}, reaches(p)...))
		}
	}
	return rows
}
