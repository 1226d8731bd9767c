package cli

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/parley-desk/parley/pkg/contact"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

func (a *app) surveyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "survey", Short: "Read what customers answered when conversations were over"}
	cmd.AddCommand(a.surveyExportCommand())
	return cmd
}

func (a *app) surveyExportCommand() *cobra.Command {
	var from, until string
	var ndjson bool
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write all surveys, those without an answer too, as CSV, or with --ndjson as one JSON object a line",
		Long: "Surveys of one customer are in the order in which they were asked, customers in none. " +
			"As CSV a cell that a spreadsheet would compute has an apostrophe before it.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			req := &adminv1.ExportSurveysRequest{}
			for _, one := range []struct {
				flag, value string
				into        *int64
			}{{"since", from, &req.FromMs}, {"until", until, &req.UntilMs}} {
				if one.value == "" {
					continue
				}
				day, err := time.Parse(time.DateOnly, one.value)
				if err != nil {
					return fmt.Errorf("--%s %s: write a day, such as 2026-03-31", one.flag, one.value)
				}
				*one.into = day.UnixMilli()
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				if ndjson {
					return a.surveys(ctx, s, req, func(one *adminv1.ExportSurveysResponse) error {
						line, err := jsonOf(one)
						if err == nil {
							a.print("%s", line)
						}
						return err
					})
				}
				return a.surveyTable(ctx, s, req)
			})
		},
	}
	cmd.Flags().StringVar(&from, "since", "", "only surveys asked on this day or later, UTC, as 2026-03-31")
	cmd.Flags().StringVar(&until, "until", "", "only surveys asked before this day, UTC")
	cmd.Flags().BoolVar(&ndjson, "ndjson", false, "one JSON object a line")
	return cmd
}

func (a *app) surveyTable(ctx context.Context, s *server, req *adminv1.ExportSurveysRequest) error {
	out := csv.NewWriter(a.out)
	err := out.Write([]string{"page", "psid", "conversation", "asked", "way", "by", "workstream", "queue", "agent", "rated", "rating", "lowest", "highest", "comment"})
	if err != nil {
		return err
	}
	n := 0
	err = a.surveys(ctx, s, req, func(one *adminv1.ExportSurveysResponse) error {
		n++
		rating := ""
		if one.Rating != nil {
			rating = strconv.Itoa(int(one.GetRating()))
		}
		cells := []string{one.GetPage(), one.GetPsid(), one.GetConversation(), surveyTime(one.GetAskedMs()), one.GetWay(), one.GetBy(), one.GetWorkstream(), one.GetQueue(),
			one.GetAgent(), surveyTime(one.GetRatedMs()), rating, strconv.Itoa(int(one.GetLowest())), strconv.Itoa(int(one.GetHighest())), one.GetComment()}
		for i := range cells {
			cells[i] = contact.Guard(cells[i])
		}
		return out.Write(cells)
	})
	if out.Flush(); err == nil {
		err = out.Error()
	}
	if err == nil {
		a.say("%d surveys", n)
	}
	return err
}

// surveyTime is a time as a table has it; empty for none.
func surveyTime(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339)
}

func (a *app) surveys(ctx context.Context, s *server, req *adminv1.ExportSurveysRequest, each func(*adminv1.ExportSurveysResponse) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := s.surveys.ExportSurveys(ctx, req)
	if err != nil {
		return err
	}
	for {
		one, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := each(one); err != nil {
			return err
		}
	}
}
