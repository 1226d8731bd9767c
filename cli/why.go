package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

func (a *app) whyCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "why PAGE/PSID",
		Short: "Tell why a conversation waits, and who was asked",
		Long: "Tell why the latest conversation of a customer waits, what keeps how many members of its queue from getting it, and who\n" +
			"was asked or had it. What rules made of it is told by rules eval.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.why(cmd.Context(), args[0], format) },
	}
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text, json or yaml")
	return cmd
}

func (a *app) why(ctx context.Context, conversation, format string) error {
	if format != "text" && format != "json" && format != "yaml" {
		return fmt.Errorf("--output %q is not known; use text, json or yaml", format)
	}
	page, psid, _ := strings.Cut(conversation, "/")
	return a.withServer(ctx, func(ctx context.Context, s *server) error {
		resp, err := s.routing.ExplainAssignment(ctx, &adminv1.ExplainAssignmentRequest{Page: page, Psid: psid})
		if err != nil {
			return err
		}
		if format != "text" {
			return a.write(format, resp)
		}
		a.showNow(resp)
		a.showSkills(resp.GetSkills())
		a.showAsked(resp.GetAsked())
		return nil
	})
}

func (a *app) showNow(resp *adminv1.ExplainAssignmentResponse) {
	now := resp.GetNow()
	switch {
	case now == nil:
		a.print("distribution does not tell: %s", resp.GetTrouble())
		return
	case now.GetStanding() == "unknown":
		a.print("it waits for no agent")
		return
	case now.GetStanding() != "waiting" && now.GetStanding() != "late":
		a.print("%s, agent %s", now.GetStanding(), now.GetAgent())
		return
	}
	a.print("%s in queue %s, %d before it, %s", now.GetStanding(), now.GetQueue(), now.GetAhead(), expected(now.GetWaitSeconds()))
	a.print("asks for     %s", now.GetClass())
	if now.GetPausedBy() != "" {
		a.print("queue paused by %s since %s: nothing is offered", now.GetPausedBy(), moment(now.GetPausedSinceMs()))
	}
	if now.GetAgent() != "" {
		a.print("waits for    %s", now.GetAgent())
	}
	if now.GetRuleset() != "" {
		a.print("bucket       %s", cmp.Or(now.GetBucket(), "none, so it comes after all that are in one"))
	}
	a.print("members      %d, of whom %d could take it", now.GetMembers(), now.GetReady())
	for _, e := range now.GetExcluded() {
		a.print("  %-10d %s", e.GetAgents(), excluded(e))
	}
	a.showSteps(now)
}

// showSkills tells which people changed the skills that are asked for.
func (a *app) showSkills(turns []*adminv1.SkillTurn) {
	for n, one := range turns {
		if n == 0 {
			a.print("\nskills")
		}
		var parts []string
		for _, need := range one.GetChange().GetNeeded() {
			parts = append(parts, fmt.Sprintf("%s >= %d", need.GetSkill(), need.GetValue()))
		}
		for _, skill := range one.GetChange().GetDropped() {
			parts = append(parts, "no more "+skill)
		}
		a.print("  %s  %s: %s", moment(one.GetAtMs()), one.GetChange().GetBy(), strings.Join(parts, ", "))
	}
}

// showSteps tells whom each step of the rules finds among those with room.
func (a *app) showSteps(now *distributionv1.WhyResponse) {
	if now.GetRuleset() == "" {
		return
	}
	a.print("steps of %s", now.GetRuleset())
	for _, s := range now.GetSteps() {
		line := fmt.Sprintf("  %-10d %s", s.GetAgents(), strings.TrimPrefix(s.GetRule(), now.GetRuleset()+"/"))
		if s.GetFailed() > 0 {
			line += fmt.Sprintf(", which fails for %d", s.GetFailed())
		}
		a.print("%s", line)
	}
	if len(now.GetSteps()) == 0 {
		a.print("  there are none, so nobody gets it")
	}
}

// expected is how long a conversation will wait, for people.
func expected(seconds int64) string {
	if seconds < 0 {
		return "nobody can say for how long"
	}
	return fmt.Sprintf("about %v on the average", time.Duration(seconds)*time.Second)
}

// excluded is a reason, for people.
func excluded(e *distributionv1.Exclusion) string {
	text := map[string]string{
		"offline":     "are offline",
		"presence":    "have a presence that does not allow it: ",
		"units":       "have too few units left",
		"profile":     "have no place left in ",
		"blocked":     "get nothing, because they are at the limit of ",
		"skill":       "do not have well enough: ",
		"declined":    "declined it too often",
		"turned_down": "could take it, but so many declined it that it is offered to nobody",
		"reserved":    "could take it, but it waits for somebody else",
		"rule":        "have room, and no step takes them",
	}[e.GetReason()]
	if text == "" {
		text = e.GetReason() + " "
	}
	return text + strings.ToLower(e.GetOf())
}

// method is how an agent was found, for people.
func method(c *threadv1.Choice) string {
	if c.GetRule() == "" {
		return c.GetMethod()
	}
	if c.GetBucket() == "" {
		return "rule " + c.GetRule()
	}
	return fmt.Sprintf("rule %s, in bucket %s", c.GetRule(), c.GetBucket())
}

func (a *app) showAsked(asked []*adminv1.Asked) {
	for n, one := range asked {
		if n == 0 {
			a.print("\nasked")
		}
		outcome := one.GetOutcome()
		if outcome == "" {
			outcome = "not answered yet"
		}
		outcome = strings.ReplaceAll(outcome, "_", " ")
		if one.GetBy() != "" {
			outcome += " by " + one.GetBy()
		}
		if one.GetReason() != "" {
			outcome += ": " + one.GetReason()
		}
		a.print("  %s  %s, %s", moment(one.GetAtMs()), one.GetAgent(), outcome)
		if c := one.GetChoice(); c != nil {
			a.print("    by %s, of %d ready: %s", method(c), c.GetReady(), strings.Join(c.GetFirst(), ", "))
			a.print("    asked for %s", c.GetClass())
		}
	}
}
