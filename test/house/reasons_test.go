package house_test

import (
	"cmp"
	"go/ast"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/fault"
)

// reason is a machine-readable reason as the sources give it.
type reason struct{ name, kind, home, meaning string }

// helper is a function that makes a fault of the reason it is given.
type helper struct {
	arg           int
	kind, message string
}

// reader gathers the reasons of one package.
type reader struct {
	consts  map[string]string // of the package, by name
	helpers map[string]helper
	home    string
	found   []reason
}

// faults are the reasons that errors of the house can carry.
func faults(t *testing.T) []reason {
	t.Helper()
	var all []reason
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.path(), "services/") && !strings.HasPrefix(p.path(), "pkg/") {
			continue
		}
		r := &reader{consts: map[string]string{}, helpers: map[string]helper{}, home: heading(p.path())}
		var files []*ast.File
		each(t, p, func(_ string, f *ast.File) { files = append(files, f) })
		for _, f := range files {
			for _, c := range constants(f) {
				r.consts[c.name] = c.value
			}
		}
		for _, f := range files {
			r.functions(f)
		}
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool { r.helped(n); return true })
		}
		all = append(all, r.found...)
	}
	if len(all) < 50 {
		t.Fatalf("only %d reasons: the sources are not read", len(all))
	}
	return all
}

// constant is a string constant with what is said of it.
type constant struct{ name, value, comment string }

func constants(f *ast.File) (all []constant) {
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range g.Specs {
			v, ok := s.(*ast.ValueSpec)
			if !ok || len(v.Values) != 1 {
				continue
			}
			if value, ok := text(v.Values[0]); ok {
				comment := cmp.Or(v.Comment.Text(), v.Doc.Text(), g.Doc.Text())
				all = append(all, constant{v.Names[0].Name, value, strings.TrimSpace(strings.ReplaceAll(comment, "\n", " "))})
			}
		}
	}
	return all
}

// functions reads the faults that functions make of constants, and finds those
// that are given the reason.
func (r *reader) functions(f *ast.File) {
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		params := map[string]int{}
		for _, field := range fn.Type.Params.List {
			for _, name := range field.Names {
				params[name.Name] = len(params)
			}
		}
		ast.Inspect(fn, func(n ast.Node) bool {
			kind, name, message := made(n)
			if kind == "" || name == nil {
				return true
			}
			if id, ok := name.(*ast.Ident); ok {
				if at, given := params[id.Name]; given {
					r.helpers[fn.Name.Name] = helper{at, kind, message}
					return true
				}
			}
			r.add(name, kind, message)
			return true
		})
	}
	ast.Inspect(f, func(n ast.Node) bool { // faults that are variables of the package
		if g, ok := n.(*ast.ValueSpec); ok && len(g.Values) == 1 {
			if kind, name, message := made(g.Values[0]); name != nil {
				r.add(name, kind, message)
			}
		}
		_, inside := n.(*ast.FuncDecl)
		return !inside
	})
}

// made reads fault.New(kind, reason, message) and fault.Error{...}.
func made(n ast.Node) (kind string, name ast.Expr, message string) {
	switch n := n.(type) {
	case *ast.CallExpr:
		if s, ok := n.Fun.(*ast.SelectorExpr); ok && isIdent(s.X, "fault") && s.Sel.Name == "New" && len(n.Args) > 2 {
			message, _ = text(n.Args[2])
			return kindOf(n.Args[0]), n.Args[1], message
		}
	case *ast.CompositeLit:
		if s, ok := n.Type.(*ast.SelectorExpr); !ok || !isIdent(s.X, "fault") || s.Sel.Name != "Error" {
			return "", nil, ""
		}
		for _, e := range n.Elts {
			pair, ok := e.(*ast.KeyValueExpr)
			if !ok {
				continue
			}
			switch {
			case isIdent(pair.Key, "Kind"):
				kind = kindOf(pair.Value)
			case isIdent(pair.Key, "Reason"):
				name = pair.Value
			case isIdent(pair.Key, "Message"):
				message = said(pair.Value)
			}
		}
	}
	return kind, name, message
}

// helped reads a call of a helper.
func (r *reader) helped(n ast.Node) {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return
	}
	name := ""
	switch f := call.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
	}
	if h, ok := r.helpers[name]; ok && h.arg < len(call.Args) {
		message := h.message
		for _, a := range call.Args[h.arg+1:] {
			message = cmp.Or(said(a), message)
		}
		r.add(call.Args[h.arg], h.kind, message)
	}
}

func (r *reader) add(name ast.Expr, kind, message string) {
	value, ok := text(name)
	if id, isName := name.(*ast.Ident); isName {
		value, ok = r.consts[id.Name]
	}
	if ok && value != "" {
		r.found = append(r.found, reason{value, kind, r.home, plainly(message)})
	}
}

func isIdent(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

func kindOf(e ast.Expr) string {
	if s, ok := e.(*ast.SelectorExpr); ok && isIdent(s.X, "fault") {
		return strings.ToLower(hump.ReplaceAllString(s.Sel.Name, "${1}_${2}"))
	}
	return "that of its cause"
}

// said is the first string in an expression, with "…" for what follows it.
func said(e ast.Expr) (found string) {
	ast.Inspect(e, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && found == "" {
			found, _ = text(lit)
		}
		return found == ""
	})
	if _, more := e.(*ast.BinaryExpr); more && found != "" {
		found += "…"
	}
	return found
}

var verb = regexp.MustCompile(`%[-+#.0-9]*[a-z]`)

// plainly is a format as people read it: what differs is "…".
func plainly(format string) string { return strings.TrimSpace(verb.ReplaceAllString(format, "…")) }

// constantRows are the string constants of a package that look like reasons.
func constantRows(t *testing.T, path string) (rows [][]string) {
	t.Helper()
	upper := regexp.MustCompile(`^[A-Z]+(_[A-Z]+)*$`)
	for _, p := range packages(t) {
		if p.path() != path {
			continue
		}
		each(t, p, func(_ string, f *ast.File) {
			for _, c := range constants(f) {
				if ast.IsExported(c.name) && upper.MatchString(c.value) {
					if c.comment == "" {
						t.Errorf("%s: nothing is said of %s", path, c.name)
					}
					rows = append(rows, []string{code(c.value), c.comment})
				}
			}
		})
	}
	slices.SortFunc(rows, func(a, b []string) int { return cmp.Compare(a[0], b[0]) })
	return rows
}

// codes are the statuses that a switch over kinds returns, by kind.
func codes(t *testing.T, path, function string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, p := range packages(t) {
		if p.path() != path {
			continue
		}
		each(t, p, func(_ string, f *ast.File) {
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == function {
					readCodes(fn, found)
				}
			}
		})
	}
	return found
}

func readCodes(fn *ast.FuncDecl, found map[string]string) {
	returned := func(n ast.Node) string {
		var names []string
		ast.Inspect(n, func(n ast.Node) bool {
			if ret, ok := n.(*ast.ReturnStmt); ok {
				if s, ok := ret.Results[0].(*ast.SelectorExpr); ok {
					names = append(names, shouted(strings.TrimPrefix(s.Sel.Name, "Code")))
				}
			}
			return true
		})
		return strings.Join(names, " or ")
	}
	for _, s := range fn.Body.List {
		if ret, ok := s.(*ast.ReturnStmt); ok {
			found[fault.Internal.String()] = returned(ret)
		}
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		if c, ok := n.(*ast.CaseClause); ok {
			for _, k := range c.List {
				if status := returned(c); status != "" {
					found[kindOf(k)] = status
				}
			}
		}
		return true
	})
}

var hump = regexp.MustCompile(`([a-z])([A-Z])`)

// shouted is InvalidArgument as INVALID_ARGUMENT.
func shouted(name string) string { return strings.ToUpper(hump.ReplaceAllString(name, "${1}_${2}")) }

// kinds are the rows of the table of kinds.
func kinds(t *testing.T) (rows [][]string) {
	t.Helper()
	desk, admin := codes(t, "services/desk/internal/api", "code"), codes(t, "services/admin/internal/status", "Code")
	for k := fault.Internal; k <= fault.Canceled; k++ {
		name := k.String()
		if desk[name] == "" || admin[name] == "" {
			t.Errorf("no code of kind %s is found", name)
		}
		again := ""
		if fault.Retryable(&fault.Error{Kind: k}) {
			again = "yes"
		}
		rows = append(rows, []string{code(name), code(desk[name]), code(admin[name]), again})
	}
	return rows
}

func TestReferenceOfErrors(t *testing.T) {
	d := begin("Errors")
	d.line(`
An error has a kind, which decides what a program does with it, and mostly a reason, which says what it was. Both APIs send the reason as ` + "`google.rpc.ErrorInfo` of the domain `" + fault.Domain + "`" + `, bad fields as ` + "`google.rpc.BadRequest`" + `, and how long to wait as ` + "`google.rpc.RetryInfo`" + `. The cause is in the log of the process and nowhere else.

## Kinds

Logs and metrics write a kind as it stands here. How often a stage of the log tries a record again: [architecture](architecture.md#following).`)
	d.table([]string{"kind", "desk API", "admin API", "worth repeating"}, kinds(t))
	d.line("## Refusals\n\nThe desk answers a command that the conversation does not allow with `FAILED_PRECONDITION`, and one about an offer that is not there any more with `NOT_FOUND`. The detail `parley.desk.v1.Refusal` has the reason, the phase and what is allowed instead.")
	d.table([]string{"reason", "meaning"}, constantRows(t, "pkg/thread"))
	d.line("## Sends\n\nWhy a message was refused, put off or is in doubt; they stand in the facts of a thread, on the bubble and in `parley_outbound_facts_total`.")
	sends := append(constantRows(t, "pkg/graph"), constantRows(t, "services/outbound/internal/attempt")...)
	sends = append(sends, constantRows(t, "services/outbound/internal/pace")...)
	d.table([]string{"reason", "meaning"}, sends)
	metaReasons(t, d)
	d.line("## Faults\n\nReasons of all other errors. `…` stands for what differs.")
	d.table([]string{"reason", "kind", "where", "what is said"}, faultRows(faults(t)))
	golden(t, "docs/errors.md", tidied(d))
}

// faultRows are the reasons by name; one that is used twice is one row.
func faultRows(all []reason) (rows [][]string) {
	together := map[string][]reason{}
	for _, r := range all {
		together[r.name+" "+r.kind] = append(together[r.name+" "+r.kind], r)
	}
	for _, k := range slices.Sorted(maps.Keys(together)) {
		where, meanings := map[string]bool{}, map[string]bool{}
		for _, r := range together[k] {
			where[r.home] = true
			if r.meaning != "" && r.meaning != "…" {
				meanings[r.meaning] = true
			}
		}
		name, kind, _ := strings.Cut(k, " ")
		rows = append(rows, []string{code(name), kind, strings.Join(slices.Sorted(maps.Keys(where)), ", "),
			strings.Join(slices.Sorted(maps.Keys(meanings)), "; ")})
	}
	return rows
}
