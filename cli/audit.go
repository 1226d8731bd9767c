package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	auditv1 "github.com/parley-desk/parley/proto/gen/parley/audit/v1"
)

func (a *app) auditCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Read who did what that not everybody may, and verify it"}
	cmd.AddCommand(a.auditListCommand(), a.auditTailCommand(), a.auditVerifyCommand())
	return cmd
}

// recordFilter is which records a command is about, as its flags say.
type recordFilter struct {
	actor, kind, object, from, until, customer string
}

func (f *recordFilter) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.actor, "actor", "", "whose: agent:elena, local:root, the name in a certificate")
	flags.StringVar(&f.kind, "kind", "", "of what sort: config.change, or all of a sort: config")
	flags.StringVar(&f.object, "object", "", "about what: queues/front, or all of a sort: queues")
	flags.StringVar(&f.from, "since", "", "since when: 2026-11-28T09:00:00Z, or how long ago: 24h")
	flags.StringVar(&f.until, "until", "", "before when, likewise")
	flags.StringVar(&f.customer, "customer", "", "about a customer: Meta's page id, a slash, page-scoped id")
}

func (f *recordFilter) read(now time.Time) (*adminv1.RecordFilter, error) {
	out := &adminv1.RecordFilter{Actor: f.actor, Kind: f.kind, Object: f.object}
	var err error
	if out.FromMs, err = instant("--since", f.from, now); err != nil {
		return nil, err
	}
	if out.UntilMs, err = instant("--until", f.until, now); err != nil {
		return nil, err
	}
	if f.customer != "" {
		var both bool
		if out.Page, out.Psid, both = strings.Cut(f.customer, "/"); !both || out.GetPage() == "" || out.GetPsid() == "" {
			return nil, fmt.Errorf("--customer %q is none; write Meta's page id, a slash and the page-scoped id", f.customer)
		}
	}
	return out, nil
}

// instant reads a time, or how long ago it is, as ms since 1970; 0 for nothing.
func instant(flag, text string, now time.Time) (int64, error) {
	if text == "" {
		return 0, nil
	}
	if ago, err := time.ParseDuration(text); err == nil {
		return now.Add(-ago).UnixMilli(), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, fmt.Errorf("%s %q is no time; write 2026-11-28T09:00:00Z, or how long ago, 24h", flag, text)
	}
	return at.UnixMilli(), nil
}

func (a *app) auditListCommand() *cobra.Command {
	var limit int
	var format string
	var filter recordFilter
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "Show records, the newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 {
				return fmt.Errorf("--limit %d is none; show 1 record or more", limit)
			}
			f, err := filter.read(time.Now())
			if err != nil {
				return err
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				records, err := listRecords(ctx, s, f, limit)
				if err != nil {
					return err
				}
				if format != "table" {
					return showMessages(a.out, format, records, false)
				}
				if len(records) == 0 {
					a.say("there are no such records")
					return nil
				}
				rows := [][]string{{"NUMBER", "AT", "ACTOR", "KIND", "ABOUT", "WHAT"}}
				for _, r := range records {
					rows = append(rows, recordRow(r))
				}
				return table(a.out, rows)
			})
		},
	}
	filter.flags(cmd)
	cmd.Flags().IntVar(&limit, "limit", 50, "how many at most")
	formatFlag(cmd, &format)
	return cmd
}

func listRecords(ctx context.Context, s *server, f *adminv1.RecordFilter, limit int) ([]*auditv1.Record, error) {
	var all []*auditv1.Record
	for token := ""; ; {
		resp, err := s.audit.ListRecords(ctx, &adminv1.ListRecordsRequest{Filter: f, PageSize: int32(min(limit-len(all), pageSize)), PageToken: token})
		if err != nil {
			return nil, err
		}
		all = append(all, resp.GetRecords()...)
		if token = resp.GetNextPageToken(); token == "" || len(all) >= limit {
			return all, nil
		}
	}
}

// mostShown is how many things of one record a line shows.
const mostShown = 3

func recordRow(r *auditv1.Record) []string {
	about := r.GetObjects()
	if more := len(about) - mostShown; more > 0 {
		about = append(about[:mostShown:mostShown], fmt.Sprintf("%d more", more))
	}
	who := r.GetActor()
	if who == "" {
		who = "-"
	}
	return []string{strconv.FormatUint(r.GetNumber(), 10), moment(r.GetAtMs()), who, r.GetKind(), strings.Join(about, ", "), strings.Join(recordWords(r), "; ")}
}

// recordWords say what a record holds besides who, what and about what.
func recordWords(r *auditv1.Record) (all []string) {
	if r.GetUndone() > 0 {
		all = append(all, fmt.Sprintf("not done, or not known to be: record %d", r.GetUndone()))
	}
	if r.GetReason() != "" {
		all = append(all, r.GetReason())
	}
	if r.GetTimes() > 1 {
		all = append(all, fmt.Sprintf("%d times", r.GetTimes()))
	}
	if r.GetAddress() != "" {
		all = append(all, "from "+r.GetAddress())
	}
	if r.GetVersion() > 0 { // parleyctl history show has the rest
		return append(all, fmt.Sprintf("version %d", r.GetVersion()))
	}
	for _, c := range r.GetChanges() {
		switch {
		case c.GetBefore() == "" && c.GetAfter() == "":
		case c.GetBefore() == "":
			all = append(all, c.GetField()+" "+c.GetAfter())
		case c.GetAfter() == "":
			all = append(all, c.GetField()+" was "+c.GetBefore())
		default:
			all = append(all, fmt.Sprintf("%s %s, was %s", c.GetField(), c.GetAfter(), c.GetBefore()))
		}
	}
	return all
}

func (a *app) auditTailCommand() *cobra.Command {
	var last int32
	var once bool
	var filter recordFilter
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Show the newest records and go on with what comes, until interrupted",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := filter.read(time.Now())
			if err != nil {
				return err
			}
			s, err := a.link.open()
			if err != nil {
				return err
			}
			defer s.Close()
			stream, err := s.audit.FollowRecords(cmd.Context(), &adminv1.FollowRecordsRequest{Filter: f, Last: last, Once: once})
			if err != nil {
				return err
			}
			for {
				m, err := stream.Recv()
				if errors.Is(err, io.EOF) || cmd.Context().Err() != nil {
					return nil
				}
				if err != nil {
					return err
				}
				line := []byte(strings.TrimRight(strings.Join(recordRow(m.GetRecord()), "  "), " "))
				if asJSON {
					if line, err = jsonOf(m.GetRecord()); err != nil {
						return err
					}
				}
				a.print("%s", line)
			}
		},
	}
	filter.flags(cmd)
	cmd.Flags().Int32Var(&last, "last", 10, "with how many of the newest to begin, 1 to 1000")
	cmd.Flags().BoolVar(&once, "once", false, "end with the newest record")
	cmd.Flags().BoolVar(&asJSON, "ndjson", false, "a line of JSON a record")
	return cmd
}

func (a *app) auditVerifyCommand() *cobra.Command {
	var expect string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Verify that no record was changed, moved or dropped; exit code 1 when one was, and which",
		Long: "Verify that no record was changed, moved or dropped, and name those that were; exit code 1 when there is one.\n\n" +
			"At the end number and seal of the newest record are printed. Kept where nobody of the house can change them, they show\n" +
			"with --expect also an audit that somebody wrote anew who has the keyset.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			number, seal, err := sealed(expect)
			if err != nil {
				return err
			}
			s, err := a.link.open()
			if err != nil {
				return err
			}
			defer s.Close()
			return a.verifyAudit(cmd.Context(), s, number, seal)
		},
	}
	cmd.Flags().StringVar(&expect, "expect", "", "NUMBER:SEAL as an earlier verification printed it, which must still stand there")
	return cmd
}

// sealed reads what an earlier verification printed.
func sealed(text string) (number uint64, seal string, err error) {
	if text == "" {
		return 0, "", nil
	}
	digits, seal, _ := strings.Cut(text, ":")
	number, err = strconv.ParseUint(digits, 10, 64)
	if err != nil || number == 0 || len(seal) != 64 {
		return 0, "", fmt.Errorf("--expect %q is none; give number and seal as audit verify printed them, 4711:0123…", text)
	}
	return number, seal, nil
}

func (a *app) verifyAudit(ctx context.Context, s *server, number uint64, seal string) error {
	var read, wrong int
	var last *adminv1.VerifyRecordsResponse
	for after := uint64(0); ; after = last.GetNumber() {
		resp, err := s.audit.VerifyRecords(ctx, &adminv1.VerifyRecordsRequest{After: after})
		if err != nil {
			return err
		}
		last, read, wrong = resp, read+int(resp.GetRead()), wrong+int(resp.GetFaultCount())
		for _, f := range resp.GetFaults() {
			a.print("%d %s %s", f.GetNumber(), f.GetReason(), f.GetMessage())
		}
		if more := int(resp.GetFaultCount()) - len(resp.GetFaults()); more > 0 {
			a.print("and %d more up to record %d", more, resp.GetNumber())
		}
		if !resp.GetMore() {
			break
		}
	}
	if number > 0 {
		there, err := s.audit.VerifyRecords(ctx, &adminv1.VerifyRecordsRequest{After: number - 1, Most: 1})
		if err != nil {
			return err
		}
		if there.GetNumber() != number || there.GetSeal() != seal {
			wrong++
			a.print("%d REPLACED record %d is not the one that stood there when its seal was written down: the audit was written anew", number, number)
		}
	}
	if wrong > 0 {
		a.say("%d records read, %d are wrong", read, wrong)
		return errTold
	}
	a.say("%d records read, all as they were written", read)
	if last.GetNumber() > 0 {
		a.print("%d:%s", last.GetNumber(), last.GetSeal())
	}
	return nil
}
