package rules

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"google.golang.org/protobuf/proto"

	routingv1 "github.com/parley-desk/parley/proto/gen/parley/routing/v1"
)

const (
	maxLength = 4000 // characters of a condition
	maxDepth  = 50   // of nested expressions
	maxNodes  = 2000 // parts of a condition
)

// Subject is what a condition is about, and so which names it may use.
type Subject int

// The subjects.
const (
	Opening   Subject = iota // a conversation that opens: a RoutingContext
	Waiting                  // one that waits in a queue: a WaitingContext
	Assigning                // one that waits, and an agent: an AssignmentContext
)

// language is what conditions about one subject may say.
type language struct {
	names proto.Message // its fields are the names
	most  uint64        // units of CEL that a condition may take at most
	made  func() (*cel.Env, error)
}

// A condition about an agent runs for every agent, so it is to cost less.
var languages = []*language{
	Opening:   speak(&routingv1.RoutingContext{}, 10_000),
	Waiting:   speak(&routingv1.WaitingContext{}, 10_000),
	Assigning: speak(&routingv1.AssignmentContext{}, 2_500),
}

func speak(names proto.Message, most uint64) *language {
	l := &language{names: names, most: most}
	l.made = sync.OnceValues(l.environment)
	return l
}

// environment makes the language; once is enough.
func (l *language) environment() (*cel.Env, error) {
	return cel.NewEnv(
		cel.Types(l.names),
		cel.DeclareContextProto(l.names.ProtoReflect().Descriptor()),
		cel.EnableMacroCallTracking(),
		cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(maxLength),
		cel.ParserRecursionLimit(maxDepth),
		cel.ExpressionNestingDepthLimit(maxDepth),
		cel.ExpressionNodeLimit(maxNodes),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateDurationLiterals(),
			cel.ValidateTimestampLiterals(), cel.ValidateHomogeneousAggregateLiterals()),
		cel.Function("lower", cel.MemberOverload("string_lower", []*cel.Type{cel.StringType}, cel.StringType,
			cel.UnaryBinding(lower))),
	)
}

// lower makes text comparable whatever its case is, in any alphabet.
func lower(v ref.Val) ref.Val {
	s, ok := v.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(v)
	}
	return types.String(strings.ToLower(string(s)))
}

// Condition is a condition of a rule. It is compiled when it is first used and
// safe for concurrent use. The zero text is always true.
type Condition struct {
	text    string
	spoken  *language
	checked func() (*cel.Ast, error)
	fast    func() (cel.Program, error)
	slow    func() (cel.Program, error) // tells what it did
}

// NewCondition makes a condition about a conversation that opens.
func NewCondition(text string) *Condition { return Text{When: text}.Condition() }

// Text is a condition as it is written.
type Text struct {
	About Subject
	When  string
}

// Condition makes a condition of a text, whatever it is: one that is no
// condition fails whenever it is asked.
func (t Text) Condition() *Condition {
	c := &Condition{text: t.When, spoken: languages[t.About]}
	c.checked = sync.OnceValues(c.compile)
	c.fast = sync.OnceValues(func() (cel.Program, error) { return c.program(cel.EvalOptions(cel.OptOptimize)) })
	c.slow = sync.OnceValues(func() (cel.Program, error) {
		return c.program(cel.EvalOptions(cel.OptTrackState, cel.OptTrackCost))
	})
	return c
}

func (c *Condition) program(options ...cel.ProgramOption) (cel.Program, error) {
	env, err := c.spoken.made()
	if err != nil {
		return nil, err
	}
	checked, err := c.checked()
	if err != nil {
		return nil, err
	}
	return env.Program(checked, options...)
}

// Check tells what is wrong with a condition that somebody wants to save, in
// words for people that say where; nil when nothing is. What it cannot tell is
// whether the condition fails for some conversations.
func (c *Condition) Check() error {
	if c.text == "" {
		return nil
	}
	checked, err := c.checked()
	if err != nil {
		return err
	}
	if err := sound(checked.NativeRep()); err != nil {
		return err
	}
	env, err := c.spoken.made()
	if err != nil {
		return err
	}
	estimate, err := env.EstimateCost(checked, sizes{})
	if err != nil {
		return fmt.Errorf("its cost is not known: %w", err)
	}
	if estimate.Max > c.spoken.most {
		return fmt.Errorf("it may cost %d, and a condition costs at most %d; loop over less, or use a shorter pattern", estimate.Max, c.spoken.most)
	}
	return nil
}

// Match tells whether the condition is true. The error is that of a condition
// that fails with this context.
func (c *Condition) Match(in *routingv1.RoutingContext) (bool, error) { return c.match(see(in)) }

func (c *Condition) match(in cel.Activation) (bool, error) {
	if c.text == "" {
		return true, nil
	}
	program, err := c.fast()
	if err != nil {
		return false, err
	}
	out, _, err := program.Eval(in)
	if err != nil {
		return false, err
	}
	return out == types.True, nil
}

// Variables are the context variables that the condition names.
func (c *Condition) Variables() []string {
	checked, err := c.checked()
	if c.text == "" || err != nil {
		return nil
	}
	var names []string
	visit(checked.NativeRep().Expr(), func(e ast.Expr) {
		switch e.Kind() {
		case ast.SelectKind:
			if s := e.AsSelect(); ident(s.Operand(), "variables") {
				names = append(names, s.FieldName())
			}
		case ast.CallKind:
			call := e.AsCall()
			if call.FunctionName() != operators.Index || !ident(call.Args()[0], "variables") || call.Args()[1].Kind() != ast.LiteralKind {
				return
			}
			if name, ok := call.Args()[1].AsLiteral().Value().(string); ok {
				names = append(names, name)
			}
		}
	})
	return names
}

func (c *Condition) compile() (*cel.Ast, error) {
	env, err := c.spoken.made()
	if err != nil {
		return nil, err
	}
	checked, issues := env.Compile(c.text)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		if first.Location.Line() < 1 {
			return nil, errors.New(plain(first.Message))
		}
		return nil, fmt.Errorf("line %d, column %d: %s", first.Location.Line(), first.Location.Column()+1, plain(first.Message))
	}
	if checked.OutputType() != cel.BoolType {
		return nil, fmt.Errorf("it gives %s; a condition is true or false, so compare it with something", cel.FormatCELType(checked.OutputType()))
	}
	return checked, nil
}

// plain is a message of the compiler without what only its authors know.
func plain(message string) string {
	return strings.ReplaceAll(strings.TrimPrefix(message, "Syntax error: "), "parley.routing.v1.", "")
}

// sound refuses what can only fail.
func sound(a *ast.AST) error {
	var found error
	visit(a.Expr(), func(e ast.Expr) {
		if e.Kind() != ast.CallKind || found != nil {
			return
		}
		call := e.AsCall()
		if name := call.FunctionName(); name != operators.Divide && name != operators.Modulo {
			return
		}
		if by := call.Args()[1]; by.Kind() == ast.LiteralKind && by.AsLiteral().Equal(types.IntZero) == types.True {
			found = errors.New("it divides by zero")
		}
	})
	return found
}

func visit(e ast.Expr, each func(ast.Expr)) {
	ast.PostOrderVisit(e, ast.NewExprVisitor(each))
}

func ident(e ast.Expr, name string) bool {
	return e.Kind() == ast.IdentKind && e.AsIdent() == name
}

// view is a context as conditions read it. What rules write into the context
// shows in it.
type view struct{ fields map[string]any }

func see(c *routingv1.RoutingContext) view {
	return adapt(Opening, map[string]any{"customer": c.GetCustomer(), "page": c.GetPage(), "message": c.GetMessage(), "referral": c.GetReferral(),
		"conversation": c.GetConversation(), "variables": c.GetVariables(), "now": c.GetNow(), "contact": c.GetContact()})
}

// adapt makes values of CEL of the fields of a context.
func adapt(about Subject, fields map[string]any) view {
	env, err := languages[about].made()
	if err != nil {
		return view{fields} // no condition compiles either
	}
	for name, field := range fields {
		fields[name] = env.CELTypeAdapter().NativeToValue(field)
	}
	return view{fields}
}

// ResolveName implements cel.Activation.
func (v view) ResolveName(name string) (any, bool) {
	field, ok := v.fields[name]
	return field, ok
}

// Parent implements cel.Activation.
func (view) Parent() cel.Activation { return nil }
