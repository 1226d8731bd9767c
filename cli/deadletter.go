package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

func (a *app) deadLetterCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "dlq", Short: "Read what could not be handled, and settle it"}
	cmd.AddCommand(a.deadLetterListCommand(), a.deadLetterRetryCommand(), a.deadLetterDropCommand())
	return cmd
}

func (a *app) deadLetterListCommand() *cobra.Command {
	var limit int32
	var format string
	list := &cobra.Command{
		Use:   "list",
		Short: "Show the newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := s.operate.ListDeadLetters(ctx, &adminv1.ListDeadLettersRequest{PageSize: limit})
				if err != nil {
					return err
				}
				if len(resp.GetDeadLetters()) == 0 {
					a.say("there are no dead letters")
					return a.show(format, resp, nil)
				}
				rows := [][]string{{"SEQUENCE", "AT", "STAGE", "ATTEMPTS", "SOURCE", "REASON"}}
				for _, d := range resp.GetDeadLetters() {
					rows = append(rows, []string{strconv.FormatUint(d.GetSequence(), 10), moment(d.GetAtMs()), d.GetStage(),
						number(d.GetAttempts()), strconv.FormatUint(d.GetSourceSequence(), 10), d.GetReason()})
				}
				return a.show(format, resp, rows)
			})
		},
	}
	formatFlag(list, &format)
	list.Flags().Int32Var(&limit, "limit", 100, "how many at most, 1 to 1000")
	return list
}

func (a *app) deadLetterRetryCommand() *cobra.Command {
	var stage string
	var limit int32
	cmd := &cobra.Command{
		Use:   "retry [SEQUENCE...]",
		Short: "Have the stage handle records once more: some, or with --stage all of a stage, oldest first; exit code 1 when one stays",
		RunE: func(cmd *cobra.Command, args []string) error {
			letters, err := sequences(args)
			if err != nil {
				return err
			}
			if (stage == "") == (len(letters) == 0) {
				return errors.New("name dead letters by their sequence, or a stage with --stage; not both, not neither")
			}
			if stage != "" {
				return a.retryStage(cmd.Context(), stage, limit)
			}
			return a.retryLetters(cmd.Context(), letters)
		},
	}
	cmd.Flags().StringVar(&stage, "stage", "", "all that this stage gave up")
	cmd.Flags().Int32Var(&limit, "limit", 100, "with --stage, how many at most, 1 to 100")
	return cmd
}

// retryLetters has each handled, and goes on after one that is not.
func (a *app) retryLetters(ctx context.Context, letters []uint64) error {
	failed := 0
	for _, letter := range letters {
		err := a.withServer(ctx, func(ctx context.Context, s *server) error {
			_, err := s.operate.RetryDeadLetter(ctx, &adminv1.RetryDeadLetterRequest{Sequence: letter})
			return err
		})
		switch {
		case err != nil && len(letters) == 1:
			return err
		case err != nil:
			failed++
			_, text := explain(err, a.link.server)
			a.say("%d: %s", letter, text)
		default:
			a.print("%d handled", letter)
		}
	}
	if failed > 0 {
		a.say("%d of %d stay", failed, len(letters))
		return errTold
	}
	return nil
}

func (a *app) retryStage(ctx context.Context, stage string, limit int32) error {
	return a.withServer(ctx, func(ctx context.Context, s *server) error {
		resp, err := s.operate.RetryDeadLetter(ctx, &adminv1.RetryDeadLetterRequest{Stage: stage, Limit: limit})
		if err != nil {
			return err
		}
		for _, l := range resp.GetLetters() {
			if l.GetTrouble() == "" {
				a.print("%d handled", l.GetSequence())
			} else {
				a.say("%d: %s", l.GetSequence(), l.GetTrouble())
			}
		}
		if resp.GetLeft() > 0 {
			a.say("%d of the stage are left", resp.GetLeft())
			return errTold
		}
		if len(resp.GetLetters()) == 0 {
			a.say("the stage has no dead letters")
		}
		return nil
	})
}

func (a *app) deadLetterDropCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "drop SEQUENCE... --reason TEXT",
		Short: "Take dead letters off the list without handling them; who said so and why is kept",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			letters, err := sequences(args)
			if err != nil {
				return err
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				for _, letter := range letters {
					if _, err := s.operate.DropDeadLetter(ctx, &adminv1.DropDeadLetterRequest{Sequence: letter, Reason: reason}); err != nil {
						return err
					}
					a.print("%d dropped", letter)
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why nobody has to handle it")
	return cmd
}

// sequences reads the numbers of dead letters.
func sequences(args []string) ([]uint64, error) {
	var letters []uint64
	for _, arg := range args {
		n, err := strconv.ParseUint(arg, 10, 64)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("%q is no sequence of a dead letter; parleyctl dlq list shows them", arg)
		}
		letters = append(letters, n)
	}
	return letters, nil
}

func (a *app) lagCommand() *cobra.Command {
	var format string
	var every bool
	cmd := &cobra.Command{
		Use:   "lag",
		Short: "Show how far each stage is behind, and for how long the oldest record has waited",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := s.operate.GetLag(ctx, &adminv1.GetLagRequest{})
				if err != nil {
					return err
				}
				rows := [][]string{{"STAGE", "STREAM", "BEHIND", "OLDEST"}}
				for _, l := range resp.GetLags() {
					if l.GetBehind() > 0 || every {
						rows = append(rows, []string{l.GetStage(), l.GetStream(), strconv.FormatInt(l.GetBehind(), 10), waited(l.GetOldestMs())})
					}
				}
				if len(rows) == 1 {
					a.say("no stage is behind")
					rows = nil
				}
				return a.show(format, resp, rows)
			})
		},
	}
	formatFlag(cmd, &format)
	cmd.Flags().BoolVar(&every, "all", false, "also those that are not behind")
	return cmd
}

// waited says a time for people.
func waited(ms int64) string {
	if ms == 0 {
		return "-"
	}
	return (time.Duration(ms) * time.Millisecond).Round(100 * time.Millisecond).String()
}
