package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/manifest"
	"github.com/parley-desk/parley/pkg/rules"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	routingv1 "github.com/parley-desk/parley/proto/gen/parley/routing/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

func (a *app) rulesCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "rules", Short: "Try rules, and ask why a conversation went where it went"}
	cmd.AddCommand(a.evalCommand(), a.lintCommand())
	return cmd
}

// trial is what rules are tried on, and with what.
type trial struct {
	conversation, context, workstream string
	file, at, format                  string
	waited                            time.Duration
}

func (a *app) evalCommand() *cobra.Command {
	var t trial
	cmd := &cobra.Command{
		Use:   "eval --conversation PAGE/PSID | --context FILE",
		Short: "Show what the rules make of a conversation, rule by rule, and why",
		Long: "Show what the rules make of a conversation, rule by rule, and why: of a stored one as it opened, or of one that a file\n" +
			"describes, in JSON or YAML with the names that conditions use. With -f, of rules that are not applied yet.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.eval(cmd.Context(), t) },
	}
	f := cmd.Flags()
	f.StringVar(&t.conversation, "conversation", "", "the latest conversation of this customer, as PAGE/PSID")
	f.StringVar(&t.context, "context", "", "a conversation in this file, or - for standard input")
	f.StringVar(&t.workstream, "workstream", "", "workstream of a conversation in a file, where that does not name one")
	f.StringVarP(&t.file, "file", "f", "", "as if these manifests were applied: a file, a folder, or - for standard input")
	f.StringVar(&t.at, "at", "", "as if it were this time, such as 2026-12-24T09:30:00+02:00; else when it opened, or now")
	f.DurationVar(&t.waited, "waited", 0, "as if it had waited so long, such as 2m, in a queue that assigns by rules")
	f.StringVarP(&t.format, "output", "o", "text", "text, json or yaml")
	return cmd
}

func (a *app) eval(ctx context.Context, t trial) error {
	if t.format != "text" && t.format != "json" && t.format != "yaml" {
		return fmt.Errorf("--output %q is not known; use text, json or yaml", t.format)
	}
	if (t.conversation == "") == (t.context == "") {
		return errors.New("give either --conversation PAGE/PSID or --context FILE")
	}
	tried, documents, err := a.tried(t)
	if err != nil {
		return err
	}
	return a.withServer(ctx, func(ctx context.Context, s *server) error {
		if t.conversation != "" {
			page, psid, _ := strings.Cut(t.conversation, "/")
			resp, err := s.routing.ExplainConversation(ctx, &adminv1.ExplainConversationRequest{Page: page, Psid: psid, Trial: tried})
			if err != nil {
				return locate(err, documents)
			}
			return a.showDecision(t.format, resp, resp.GetDecision(), resp.GetRouted())
		}
		in, err := a.written(t)
		if err != nil {
			return err
		}
		resp, err := s.routing.EvaluateRules(ctx, &adminv1.EvaluateRulesRequest{Context: in, Trial: tried})
		if err != nil {
			return locate(err, documents)
		}
		return a.showDecision(t.format, resp, resp.GetDecision(), nil)
	})
}

// maxWaited is as long as a conversation can be said to have waited.
const maxWaited = 30 * 24 * time.Hour

// tried is what differs from what is in force.
func (a *app) tried(t trial) (*adminv1.Trial, []manifest.Document, error) {
	if t.waited < 0 || t.waited > maxWaited {
		return nil, nil, fmt.Errorf("--waited %v is out of range; give 0s to %v", t.waited, maxWaited)
	}
	out := &adminv1.Trial{WaitedSeconds: int32(t.waited / time.Second)} //nolint:gosec // bounded above
	if t.at != "" {
		at, err := time.Parse(time.RFC3339, t.at)
		if err != nil {
			return nil, nil, fmt.Errorf("--at %q is not a time; write it as 2026-12-24T09:30:00+02:00", t.at)
		}
		out.AtMs = at.UnixMilli()
	}
	if t.file == "" {
		return out, nil, nil
	}
	documents, _, err := a.read(t.file)
	for _, d := range documents {
		out.Resources = append(out.Resources, manifest.Wrap(d.Resource))
	}
	return out, documents, err
}

// written reads a conversation that somebody wrote by hand.
func (a *app) written(t trial) (*routingv1.RoutingContext, error) {
	label, data, err := a.content(t.context)
	if err != nil {
		return nil, fmt.Errorf("--context: %w", err)
	}
	var loose map[string]any
	if err := yaml.Unmarshal(data, &loose); err != nil {
		return nil, fmt.Errorf("--context %s: %w", label, err)
	}
	asJSON, err := json.Marshal(loose)
	if err != nil {
		return nil, fmt.Errorf("--context %s: %w", label, err)
	}
	in := &routingv1.RoutingContext{}
	if err := protojson.Unmarshal(asJSON, in); err != nil {
		return nil, fmt.Errorf("--context %s: %s; the names are those of conditions: customer, page, message, referral, conversation, contact, variables, now",
			label, strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto: "))
	}
	if t.workstream != "" {
		if in.Conversation == nil {
			in.Conversation = &routingv1.Conversation{}
		}
		in.Conversation.Workstream = t.workstream
	}
	return in, nil
}

func (a *app) showDecision(format string, answer proto.Message, d *routingv1.Decision, routed *adminv1.Routed) error {
	if format != "text" {
		return a.write(format, answer)
	}
	a.print("workstream %s, configuration version %d", d.GetWorkstream(), d.GetVersion())
	for _, set := range d.GetRulesets() {
		a.showRun("ruleset", set)
	}
	if len(d.GetCandidates()) > 0 {
		a.print("\nqueues")
	}
	for _, c := range d.GetCandidates() {
		a.print("  %-12s %s %s", taken(c), c.GetQueue(), by(c.GetRule()))
	}
	a.print("")
	for _, line := range d.GetAttributes() {
		a.print("%s", line)
	}
	a.print("%s", destination(d.GetQueue(), d.GetRule(), d.GetEnds()))
	a.showForesight(d.GetForesight())
	a.print("cost %d, %d µs", d.GetCost(), d.GetTookUs())
	if routed != nil {
		a.print("\nwhen it opened, %s, by version %s:", moment(routed.GetOpenedMs()), recorded(routed.GetVersion()))
		if b := routed.GetBot(); b != nil {
			a.print("  left its bot: %s", left(b))
		}
		a.print("  %s", destination(routed.GetQueue(), routed.GetRule(), false))
		for _, rule := range routed.GetRules() {
			a.print("  applied %s", rule)
		}
		for _, rule := range routed.GetFailed() {
			a.print("  failed %s", rule)
		}
		for _, line := range routed.GetPassed() {
			a.print("  passed by %s", line)
		}
	}
	return nil
}

func (a *app) showRun(title string, set *routingv1.RulesetRun) {
	a.print("\n%s %s", title, set.GetRuleset())
	for _, rule := range set.GetRules() {
		a.print("  %-12s %s", outcome(rule.GetOutcome()), rule.GetRule())
		for _, why := range rule.GetWhy() {
			a.print("  %-12s   %s", "", why)
		}
		for _, set := range rule.GetSet() {
			a.print("  %-12s   => %s", "", set)
		}
	}
}

func outcome(o routingv1.RuleOutcome) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(o.String(), "RULE_OUTCOME_")), "_", " ")
}

// left says why a bot gave a conversation up: "late (no answer in time)".
func left(b *threadv1.BotEscalated) string {
	why := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(b.GetReason().String(), "BOT_REASON_")), "_", " ")
	if b.GetDetail() != "" {
		why += " (" + b.GetDetail() + ")"
	}
	return why
}

func taken(c *routingv1.Candidate) string {
	if c.GetPassed() == "" {
		return "taken"
	}
	return c.GetPassed() + ":"
}

func by(rule string) string {
	if rule == "" {
		return ""
	}
	return "by " + rule
}

func destination(queue, rule string, ends bool) string {
	switch {
	case ends:
		return "ends, by " + rule
	case queue == "":
		return "waits for a queue, by " + rule
	}
	return "queue " + queue + ", by " + rule
}

func recorded(version uint64) string {
	if version == 0 {
		return "that was not recorded"
	}
	return strconv.FormatUint(version, 10)
}

// conditions yields those of a resource by the fields in which they stand.
func conditions(r manifest.Resource) iter.Seq2[string, rules.Text] {
	switch r := r.(type) {
	case *configv1.Ruleset:
		return rules.Conditions(r)
	case *configv1.Queue:
		return rules.Selections(r)
	}
	return func(func(string, rules.Text) bool) {}
}

func (a *app) lintCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "lint -f FILE|DIR|-",
		Short: "Check the conditions of rulesets and queues in manifests without a server; exit code 1 when one is wrong",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			documents, _, err := a.read(file)
			if err != nil {
				return err
			}
			checked, wrong := 0, 0
			for _, d := range documents {
				for field, when := range conditions(d.Resource) {
					checked++
					if err := when.Condition().Check(); err != nil {
						wrong++
						a.print("%s: %s: %v", d.Where(manifest.Field(field)), manifest.Field(field), err)
					}
				}
			}
			a.say("%d conditions, %d wrong", checked, wrong)
			if wrong > 0 {
				return errTold
			}
			return nil
		},
	}
	manifestFlag(cmd, &file)
	return cmd
}
