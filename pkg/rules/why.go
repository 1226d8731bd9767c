package rules

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

const maxShown = 80 // characters of a value in a reason

// reasons is what came of a condition, and why.
type reasons struct {
	matched bool
	why     []string
	cost    uint64
	err     error
}

// explain does what Match does, and tells which parts of the condition decided.
func (c *Condition) explain(in cel.Activation) reasons {
	if c.text == "" {
		return reasons{matched: true, why: []string{"no condition"}}
	}
	program, err := c.slow()
	if err != nil {
		return reasons{err: err, why: []string{err.Error()}}
	}
	out, details, err := program.Eval(in)
	r := reasons{matched: err == nil && out == types.True, err: err}
	if cost := details.ActualCost(); cost != nil {
		r.cost = *cost
	}
	if err != nil {
		r.why = []string{err.Error()}
		return r
	}
	checked, err := c.checked()
	if err != nil {
		return reasons{err: err, why: []string{err.Error()}}
	}
	w := witness{ast: checked.NativeRep(), state: details.State()}
	r.why = w.tell(checked.NativeRep().Expr(), r.matched)
	return r
}

// bars tells why the condition is not true, without the values that differ from
// one agent to the next; empty when it is true.
func (c *Condition) bars(in cel.Activation) string {
	if ok, err := c.match(in); ok || err != nil {
		if err != nil {
			return err.Error()
		}
		return ""
	}
	program, err := c.slow()
	if err != nil {
		return err.Error()
	}
	_, details, err := program.Eval(in)
	if err != nil {
		return err.Error()
	}
	checked, err := c.checked()
	if err != nil {
		return err.Error()
	}
	w := witness{ast: checked.NativeRep(), state: details.State(), bare: true}
	return strings.Join(w.tell(checked.NativeRep().Expr(), false), ", and ")
}

// witness saw a condition run.
type witness struct {
	ast   *ast.AST
	state interpreter.EvalState
	bare  bool // values are not told
}

// tell names the parts of e that made it the truth that it was: of what holds
// only together all, of what is enough alone the first.
func (w witness) tell(e ast.Expr, truth bool) []string {
	if e.Kind() == ast.CallKind {
		args := e.AsCall().Args()
		switch e.AsCall().FunctionName() {
		case operators.LogicalAnd:
			return w.parts(args, truth, !truth)
		case operators.LogicalOr:
			return w.parts(args, truth, truth)
		case operators.LogicalNot:
			return w.tell(args[0], !truth)
		case operators.Conditional:
			if first, ok := w.truth(args[0]); ok {
				branch := args[2]
				if first {
					branch = args[1]
				}
				return append(w.tell(args[0], first), w.tell(branch, truth)...)
			}
		}
	}
	return []string{w.leaf(e, truth)}
}

// parts tells of those args that were truth: of all, or of the first alone.
func (w witness) parts(args []ast.Expr, truth, alone bool) []string {
	var lines []string
	for _, arg := range args {
		if was, ok := w.truth(arg); !ok || was != truth {
			continue
		}
		lines = append(lines, w.tell(arg, truth)...)
		if alone {
			return lines
		}
	}
	return lines
}

func (w witness) truth(e ast.Expr) (truth, known bool) {
	v, ok := w.state.Value(e.ID())
	if !ok {
		return false, false
	}
	b, ok := v.(types.Bool)
	return bool(b), ok
}

// leaf is one part, its truth, and what the values in it were.
func (w witness) leaf(e ast.Expr, truth bool) string {
	line := fmt.Sprintf("%s is %t", w.print(e), truth)
	if e.Kind() != ast.CallKind || w.bare {
		return line
	}
	call := e.AsCall()
	operands := call.Args()
	if call.IsMemberFunction() {
		operands = append([]ast.Expr{call.Target()}, operands...)
	}
	var values []string
	for _, o := range operands {
		if v, ok := w.state.Value(o.ID()); ok && o.Kind() != ast.LiteralKind && o.Kind() != ast.ListKind {
			values = append(values, w.print(o)+" is "+shown(v))
		}
	}
	if len(values) == 0 {
		return line
	}
	return line + ": " + strings.Join(values, ", ")
}

func (w witness) print(e ast.Expr) string {
	text, err := cel.ExprToString(e, w.ast.SourceInfo())
	if err != nil {
		return "a part of it"
	}
	return strings.ReplaceAll(text, "\n", " ")
}

// shown is a value as it would be written in a condition, or its size.
func shown(v ref.Val) string {
	switch v := v.(type) {
	case types.String:
		s := string(v)
		if short := clip(s, maxShown); short != s {
			return fmt.Sprintf("%q…", short)
		}
		return fmt.Sprintf("%q", s)
	case types.Bool, types.Int, types.Uint, types.Double:
		return fmt.Sprint(v.Value())
	case types.Timestamp:
		return v.Time.UTC().Format("2006-01-02T15:04:05Z")
	}
	return v.Type().TypeName()
}
