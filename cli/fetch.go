package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/manifest"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

func (a *app) fetchTokensCommand() *cobra.Command {
	var from, format string
	var dry bool
	cmd := &cobra.Command{
		Use:   "fetch ACCOUNT --from env:NAME|file:PATH|-",
		Short: "Get the tokens of an account's pages from Meta with a person's token; exit code 1 when a page has no working token then",
		Long: "Get the tokens of an account's pages from Meta, with the token of a person who administers them, or of a system\n" +
			"user, made with the account's app. A person's is exchanged for a long-lived one, so that the tokens of the pages have\n" +
			"no end; neither is kept.\n" +
			"Each token is looked at and stored as page token set does it; one that is refused holds up no other. Pages of the\n" +
			"person that are not set up yet are listed with their ids.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			show, err := a.fetchShower(format, dry)
			if err != nil {
				return err
			}
			value, err := a.secretFrom("token of the person", from)
			if err != nil {
				return err
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := s.provision.FetchPageTokens(ctx, &adminv1.FetchPageTokensRequest{Account: args[0],
					UserToken: &configv1.Secret{Value: value}, ValidateOnly: dry})
				if err != nil {
					return err
				}
				if err := show(resp); err != nil {
					return err
				}
				return a.needs(resp)
			})
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "where the person's token is: env:NAME, file:PATH, or - for standard input")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "ask Meta and look at the tokens, and store none")
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table, json or yaml")
	return cmd
}

// fetchShower writes what was fetched in a format.
func (a *app) fetchShower(format string, dry bool) (func(*adminv1.FetchPageTokensResponse) error, error) {
	switch format {
	case "table":
		return func(r *adminv1.FetchPageTokensResponse) error { return a.showFetched(r, dry) }, nil
	case "json":
		return func(r *adminv1.FetchPageTokensResponse) error { return a.messageJSON(r) }, nil
	case "yaml":
		return func(r *adminv1.FetchPageTokensResponse) error {
			data, err := jsonOf(r)
			if err != nil {
				return err
			}
			return manifest.WriteJSON(a.out, data)
		}, nil
	}
	return nil, fmt.Errorf("--output %q is not known; use table, json or yaml", format)
}

// messageJSON writes one message of the API.
func (a *app) messageJSON(m proto.Message) error {
	data, err := jsonOf(m)
	if err != nil {
		return err
	}
	var shown bytes.Buffer
	if err := json.Indent(&shown, data, "", "  "); err != nil {
		return err
	}
	a.print("%s", shown.String())
	return nil
}

// showFetched writes a line a page, then those that the person has besides.
func (a *app) showFetched(r *adminv1.FetchPageTokensResponse, dry bool) error {
	rows := [][]string{{"PAGE", "PAGE ID", "RESULT", "TOKEN", "FOUND"}}
	for _, p := range r.GetPages() {
		found := p.GetWhy()
		if found == "" {
			found = p.GetCheck().GetFound()
		}
		rows = append(rows, []string{p.GetPage(), p.GetPageId(), strings.TrimPrefix(p.GetResult().String(), "FETCH_RESULT_") + note(dry),
			strings.TrimPrefix(p.GetCheck().GetVerdict().String(), "VERDICT_"), found})
	}
	if len(r.GetPages()) > 0 {
		if err := table(a.out, rows); err != nil {
			return err
		}
	}
	if len(r.GetOthers()) == 0 {
		return nil
	}
	a.say("pages of the person that the account does not have:")
	rows = [][]string{{"PAGE ID", "NAME", "ACCOUNT"}}
	for _, o := range r.GetOthers() {
		rows = append(rows, []string{o.GetPageId(), o.GetName(), o.GetAccount()})
	}
	return table(a.out, rows)
}

// needs says what is left to do, and fails when a page has no working token.
func (a *app) needs(r *adminv1.FetchPageTokensResponse) error {
	if len(r.GetPages()) == 0 {
		a.say("the account has no pages; apply one with its page id, then repeat the command")
	}
	if r.GetCut() {
		a.say("the person has more pages than were read")
	}
	ill := 0
	for _, p := range r.GetPages() {
		if p.GetRemedy() != "" {
			a.say("%s: %s", p.GetPage(), p.GetRemedy())
		}
		if c := p.GetCheck(); c.GetVerdict() != adminv1.Verdict_VERDICT_PASSED && c.GetHarm() != adminv1.Harm_HARM_LESS {
			ill++
		}
	}
	if ill == 0 {
		return nil
	}
	a.say("%d of %d pages have no working token", ill, len(r.GetPages()))
	return errTold
}
