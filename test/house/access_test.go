package house_test

import (
	"go/ast"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/access"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/all"
)

func TestReferenceOfAccess(t *testing.T) {
	d := begin("Access")
	d.line(`
Every service has a user of its own at the brokers, by an NKey, and those that need Redis one there: what a service does not need it is refused, whoever has got into it. ` + "`parley access create`" + ` makes the keys and, out of the list that this page is of too, the users, and certificates for the way there ([0063](adr/0063-the-house-has-an-authority-of-its-own.md)); [operations](operations.md#give-every-service-a-user) says how to switch them on. Why it is so: [0062](adr/0062-services-have-users-of-their-own.md).

Beside what stands here every user may look at every stream (how long it is, and under which subjects), make those that are missing, which changes none that is there, read the configuration, write the number of partitions, listen to its own answers, and answer those who call it. No user but ` + "`restore`" + ` may delete a stream, and none may change one. "takes out" is single records and all under a subject.`)
	var rows, store [][]string
	for _, s := range access.Services() {
		more := []string{}
		if s.Copies {
			more = append(more, "copies every stream for a backup")
		}
		if s.Restores {
			more = append(more, "puts streams in place of others")
		}
		rows = append(rows, []string{code(s.Name), coded(s.Reads), coded(s.Writes), coded(s.Erases), coded(s.Stages), coded(s.Leads), coded(s.Calls), coded(s.Serves), strings.Join(more, "; ")})
		if len(s.Redis.Commands) > 0 {
			store = append(store, []string{code(s.Name), coded(s.Redis.Keys), coded(s.Redis.Commands)})
		}
	}
	d.line("\n## At the brokers")
	d.table([]string{"user", "reads", "writes", "takes out", "stages", "leads", "calls", "serves", "besides"}, rows)
	d.line("A stage is its leases, its checkpoints and its dead letters; whoever has one may read all of these. `all` runs the services in one process, `restore` is `parley backup restore`.")
	d.line("\n## In Redis")
	d.table([]string{"user", "keys", "commands"}, store)
	d.line("`<group>` is the setting `distribution.group`. For probes the user `probe` may `ping`, with any password; nobody can sign in as the default user, as whom Redis reads its file back.")
	golden(t, "docs/access.md", tidied(d))
}

func coded(names []string) string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = code(n)
	}
	return strings.Join(all, " ")
}

// A service that comes new, or a bucket, stage, role or method of one, needs its rights: the
// sources are held against the list.
func TestEveryServiceHasAUser(t *testing.T) {
	users := map[string]access.Service{}
	for _, s := range access.Services() {
		users[s.Name] = s
	}
	for _, stage := range all.Stages() {
		if _, ok := users[stage.Name]; !ok && stage.Name != "sandbox" {
			t.Errorf("%s has no user at the brokers", stage.Name)
		}
	}
	found := 0
	for _, p := range packages(t) {
		user, ok := users[service(p.path())]
		if !ok {
			continue
		}
		each(t, p, func(_ string, f *ast.File) {
			for _, bucket := range bucketsOf(f) {
				if found++; bucket != subject.ConfigBucket && !slices.Contains(user.Reads, bucket) {
					t.Errorf("%s: the bucket %s is not among what %s reads: %v", p.path(), bucket, user.Name, user.Reads)
				}
			}
			for name, method := range asked(f) {
				found++
				allowed := map[string][]string{"Call": user.Calls, "Lead": user.Leads, "FollowThreads": user.Stages, "FollowInbound": user.Stages}[method]
				if !slices.ContainsFunc(allowed, func(a string) bool {
					return a == name || strings.HasSuffix(a, ">") && strings.HasPrefix(name, strings.TrimSuffix(a, ">"))
				}) {
					t.Errorf("%s: %s of %q is not among what %s may: %v", p.path(), method, name, user.Name, allowed)
				}
			}
		})
	}
	if found < 40 {
		t.Errorf("only %d calls, roles and buckets are found: the sources are not read", found)
	}
}

// bucketsOf are the buckets that a file names.
func bucketsOf(f *ast.File) (names []string) {
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			from, ok := s.X.(*ast.Ident)
			if name, bucket := strings.CutSuffix(s.Sel.Name, "Bucket"); ok && bucket && from.Name == "subject" {
				names = append(names, strings.ToUpper(name))
			}
		}
		return true
	})
	return names
}

// asked are the names that calls of the bus are made with, as far as they are
// literal.
func asked(f *ast.File) map[string]string {
	names := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) < 3 {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains([]string{"Call", "Lead", "FollowThreads", "FollowInbound"}, method.Sel.Name) {
			return true
		}
		if literal, ok := call.Args[1].(*ast.BasicLit); ok {
			if name, err := strconv.Unquote(literal.Value); err == nil {
				names[name] = method.Sel.Name
			}
		}
		return true
	})
	return names
}
