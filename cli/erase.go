package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
)

// whom are the flags that name a person.
type whom struct{ thread, contact string }

func (w *whom) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&w.thread, "thread", "", "a customer on a page, as PAGE/PSID")
	cmd.Flags().StringVar(&w.contact, "contact", "", "a contact, by id, with all its threads")
}

func (w *whom) person() (*adminv1.Person, error) {
	page, psid, both := strings.Cut(w.thread, "/")
	switch {
	case (w.thread == "") == (w.contact == ""):
		return nil, errors.New("give either --thread PAGE/PSID or --contact ID")
	case w.contact != "":
		return &adminv1.Person{Contact: w.contact}, nil
	case !both:
		return nil, fmt.Errorf("%q is not PAGE/PSID", w.thread)
	}
	return &adminv1.Person{Page: page, Psid: psid}, nil
}

func (a *app) eraseCommand() *cobra.Command {
	var w whom
	req := &adminv1.EraseRequest{}
	var format string
	cmd := &cobra.Command{
		Use:   "erase (--thread PAGE/PSID | --contact ID | --request CODE)",
		Short: "Erase everything about a person, for good: messages, files, contact, and what leads to them",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if req.Person, err = w.person(); err != nil && (req.GetRequest() == "" || w != (whom{})) {
				return err
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := s.privacy.Erase(ctx, req)
				if err != nil {
					return err
				}
				e := resp.GetErasure()
				if !req.GetDryRun() {
					a.say("erasure %[1]s is ordered; see `parleyctl privacy status` and then `parleyctl privacy certificate %[1]s`", e.GetId())
					return nil
				}
				a.say("this would be erased (threads: %d, contacts: %d); nothing was changed", len(e.GetThreads()), len(e.GetContacts()))
				return a.show(format, resp, counted(e))
			})
		},
	}
	w.flags(cmd)
	cmd.Flags().StringVar(&req.Request, "request", "", "confirmation code of the request of Meta's that this answers; alone where Meta says who it is")
	cmd.Flags().BoolVar(&req.EndConversation, "end-conversation", false, "also when a conversation is going on: it is taken from its agent")
	cmd.Flags().BoolVar(&req.DryRun, "dry-run", false, "only tell what there is")
	formatFlag(cmd, &format)
	return cmd
}

func counted(e *privacyv1.Erasure) [][]string {
	rows := [][]string{{"STORE", "ITEMS"}}
	for _, c := range e.GetCounts() {
		rows = append(rows, []string{c.GetStore(), strconv.FormatUint(c.GetItems(), 10)})
	}
	return rows
}

func (a *app) erasuresCommand() *cobra.Command {
	var limit int32
	var format string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the erasures that wait, are at work or are done, the newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := s.privacy.ListErasures(ctx, &adminv1.ListErasuresRequest{PageSize: limit})
				if err != nil {
					return err
				}
				if len(resp.GetErasures()) == 0 {
					a.say("nobody was erased or is to be")
					return a.show(format, resp, nil)
				}
				rows := [][]string{{"ID", "ORDERED", "BY", "STEP", "DONE", "WAITS"}}
				for _, e := range resp.GetErasures() {
					rows = append(rows, []string{e.GetId(), moment(e.GetOrderedMs()), e.GetBy(), strings.TrimPrefix(e.GetStep().String(), "STEP_"), since(e.GetDoneMs()), e.GetWaits()})
				}
				return a.show(format, resp, rows)
			})
		},
	}
	formatFlag(cmd, &format)
	cmd.Flags().Int32Var(&limit, "limit", 100, "how many at most, 1 to 1000")
	return cmd
}

// since is a moment, or nothing when there is none.
func since(ms int64) string {
	if ms == 0 {
		return ""
	}
	return moment(ms)
}

func (a *app) certificateCommand() *cobra.Command {
	var w whom
	var format string
	cmd := &cobra.Command{
		Use:   "certificate [ID]",
		Short: "Print what was erased, when and by whose order: of an erasure, or the newest of a person",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			req := &adminv1.GetCertificateRequest{}
			if len(args) == 1 {
				req.Id = args[0]
			} else if req.Person, err = w.person(); err != nil {
				return fmt.Errorf("name an erasure, or %w", err)
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := s.privacy.GetCertificate(ctx, req)
				if err != nil {
					return err
				}
				return a.show(format, resp, certified(resp.GetCertificate()))
			})
		},
	}
	w.flags(cmd)
	formatFlag(cmd, &format)
	return cmd
}

func certified(c *privacyv1.Erasure) [][]string {
	rows := [][]string{{"CERTIFICATE OF ERASURE", c.GetId()}, {"ordered", moment(c.GetOrderedMs())}, {"by", c.GetBy()}, {"erased up to", moment(c.GetClosedMs())}, {"done", moment(c.GetDoneMs())}}
	if c.GetRequest() != "" {
		rows = append(rows, []string{"request", c.GetRequest()})
	}
	for _, n := range c.GetCounts() {
		rows = append(rows, []string{"out of " + n.GetStore(), strconv.FormatUint(n.GetItems(), 10)})
	}
	for _, f := range c.GetFingerprints() {
		rows = append(rows, []string{"of", f})
	}
	return append(rows, []string{"seal", c.GetSeal()})
}

func (a *app) stopErasureCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "stop ID",
		Short: "Take an erasure back that has not begun",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				if _, err := s.privacy.StopErasure(ctx, &adminv1.StopErasureRequest{Id: args[0]}); err != nil {
					return err
				}
				a.say("erasure %s is stopped", args[0])
				return nil
			})
		},
	}
}

func (a *app) holdCommand() *cobra.Command {
	var w whom
	var reason string
	cmd := &cobra.Command{
		Use:   "hold (--thread PAGE/PSID | --contact ID) --reason TEXT",
		Short: "Keep a person from being erased, because the law asks for it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			person, err := w.person()
			if err != nil {
				return err
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				if _, err := s.privacy.SetHold(ctx, &adminv1.SetHoldRequest{Person: person, Reason: reason}); err != nil {
					return err
				}
				a.say("this person is not erased until `parleyctl privacy release`")
				return nil
			})
		},
	}
	w.flags(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, such as the number of a case; 1 to 200 characters")
	return cmd
}

func (a *app) releaseCommand() *cobra.Command {
	var w whom
	cmd := &cobra.Command{
		Use:   "release (--thread PAGE/PSID | --contact ID)",
		Short: "Let a person be erased again; an erasure that waited for it goes on",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			person, err := w.person()
			if err != nil {
				return err
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				if _, err := s.privacy.ReleaseHold(ctx, &adminv1.ReleaseHoldRequest{Person: person}); err != nil {
					return err
				}
				a.say("this person may be erased")
				return nil
			})
		},
	}
	w.flags(cmd)
	return cmd
}

func (a *app) holdsCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "holds",
		Short: "Show who is kept from being erased, the oldest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := s.privacy.ListHolds(ctx, &adminv1.ListHoldsRequest{})
				if err != nil {
					return err
				}
				if len(resp.GetHolds()) == 0 {
					a.say("nobody is held")
					return a.show(format, resp, nil)
				}
				rows := [][]string{{"THREAD", "CONTACT", "SINCE", "BY", "REASON"}}
				for _, h := range resp.GetHolds() {
					thread := ""
					if h.GetPsid() != "" {
						thread = h.GetPage() + "/" + h.GetPsid()
					}
					rows = append(rows, []string{thread, h.GetContact(), moment(h.GetSinceMs()), h.GetBy(), h.GetReason()})
				}
				return a.show(format, resp, rows)
			})
		},
	}
	formatFlag(cmd, &format)
	return cmd
}
