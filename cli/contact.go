package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
)

func (a *app) contactCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "contact", Short: "Keep contacts: the people and firms whom customers turn out to be"}
	cmd.AddCommand(a.contactListCommand(), a.contactGetCommand(), a.contactCreateCommand(), a.contactUpdateCommand(), a.contactDeleteCommand(),
		a.contactMergeCommand(), a.contactUnmergeCommand(), a.contactLinkCommand(), a.contactImportCommand(), a.contactExportCommand())
	return cmd
}

func (a *app) contactListCommand() *cobra.Command {
	var limit int32
	var inactive bool
	var format string
	cmd := &cobra.Command{
		Use:   "ls WORDS...",
		Short: "Find contacts by beginnings of words of the name, the company, an e-mail address, a telephone number or the external id",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := s.contacts.SearchContacts(ctx, &contactv1.SearchContactsRequest{Query: strings.Join(args, " "), PageSize: limit, Inactive: inactive})
				if err != nil {
					return err
				}
				if resp.GetMore() {
					a.say("there are more; say more of whom you look for, or raise --limit")
				}
				if len(resp.GetContacts()) == 0 {
					a.say("nobody matches")
					return a.show(format, resp, nil)
				}
				rows := [][]string{{"ID", "NAME", "E-MAIL", "PHONE", "EXTERNAL ID"}}
				for _, c := range resp.GetContacts() {
					rows = append(rows, []string{c.GetId(), c.GetName(), first(c.GetEmails()), first(c.GetPhones()), c.GetExternalId()})
				}
				return a.show(format, resp, rows)
			})
		},
	}
	formatFlag(cmd, &format)
	cmd.Flags().Int32Var(&limit, "limit", 20, "how many at most, 1 to 100")
	cmd.Flags().BoolVar(&inactive, "inactive", false, "also those not in use any more")
	return cmd
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

func (a *app) contactGetCommand() *cobra.Command {
	var external, format string
	cmd := &cobra.Command{
		Use:   "get [ID]",
		Short: "Show a contact, whom it was merged into, and what was done to it",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := s.contacts.GetContact(ctx, &contactv1.GetContactRequest{Id: first(args), ExternalId: external})
				if err != nil {
					return err
				}
				return a.showContact(format, resp)
			})
		},
	}
	formatFlag(cmd, &format)
	cmd.Flags().StringVar(&external, "external-id", "", "by its id in another system")
	return cmd
}

func (a *app) showContact(format string, resp *contactv1.GetContactResponse) error {
	c := resp.GetContact()
	rows := [][]string{{"FIELD", "VALUE"}, {"id", c.GetId()}, {"name", c.GetName()}, {"emails", words(c.GetEmails())}, {"phones", words(c.GetPhones())},
		{"external_id", c.GetExternalId()}, {"company", c.GetCompany()}, {"notes", strings.ReplaceAll(c.GetNotes(), "\n", " ")}}
	for _, name := range slices.Sorted(maps.Keys(c.GetFields())) {
		rows = append(rows, []string{"fields." + name, c.GetFields()[name]})
	}
	rows = append(rows, []string{"inactive", fmt.Sprint(c.GetInactive())}, []string{"etag", c.GetEtag()})
	if s := resp.GetSurvivor(); s != nil {
		rows = append(rows, []string{"merged into", s.GetId() + " " + s.GetName()})
	}
	for _, m := range resp.GetMerges() {
		rows = append(rows, []string{"took in", m.GetContact()})
	}
	for _, t := range resp.GetTrail() {
		rows = append(rows, []string{moment(t.GetAtMs()), strings.ToLower(strings.TrimPrefix(t.GetDeed().String(), "DEED_")) + " by " + t.GetBy() + " " + words(t.GetFields())})
	}
	return a.show(format, resp, rows)
}

// contactFlags are the fields of a contact as flags.
type contactFlags struct {
	contact  contactv1.Contact
	fields   map[string]string
	request  string
	inactive bool
}

func (f *contactFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.contact.Name, "name", "", "full name as shown")
	flags.StringArrayVar(&f.contact.Emails, "email", nil, "e-mail address; again for more, the main one first")
	flags.StringArrayVar(&f.contact.Phones, "phone", nil, "telephone number; again for more, the main one first")
	flags.StringVar(&f.contact.ExternalId, "external-id", "", "id in another system")
	flags.StringVar(&f.contact.Company, "company", "", "firm")
	flags.StringVar(&f.contact.Notes, "notes", "", "what agents should know")
	flags.StringToStringVar(&f.fields, "field", nil, "custom field as NAME=VALUE; an empty value takes it away")
	flags.BoolVar(&f.inactive, "inactive", false, "not in use any more")
	flags.StringVar(&f.request, "request-id", "", "of a request that may be repeated; the same again does nothing twice")
}

// paths are the fields that were given.
func (f *contactFlags) paths(cmd *cobra.Command) []string {
	f.contact.Fields, f.contact.Inactive = f.fields, f.inactive
	var paths []string
	for flag, field := range map[string]string{"name": "name", "email": "emails", "phone": "phones", "external-id": "external_id", "company": "company", "notes": "notes", "inactive": "inactive"} {
		if cmd.Flags().Changed(flag) {
			paths = append(paths, field)
		}
	}
	for name := range f.fields {
		paths = append(paths, "fields."+name)
	}
	slices.Sort(paths)
	return paths
}

func (a *app) contactCreateCommand() *cobra.Command {
	var f contactFlags
	cmd := &cobra.Command{
		Use:   "create --name NAME",
		Short: "Make a contact",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.paths(cmd)
			if f.request == "" {
				f.request = uuid.NewString() // the client library may try again
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				made, err := s.contacts.CreateContact(ctx, &contactv1.CreateContactRequest{Contact: &f.contact, RequestId: f.request})
				if err != nil {
					return err
				}
				a.print("%s", made.GetId())
				return nil
			})
		},
	}
	f.add(cmd)
	return cmd
}

func (a *app) contactUpdateCommand() *cobra.Command {
	var f contactFlags
	cmd := &cobra.Command{
		Use:   "update ID",
		Short: "Change the fields of a contact that are given",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			paths := f.paths(cmd)
			if len(paths) == 0 {
				return errors.New("give the fields to change, such as --phone or --field tier=gold")
			}
			f.contact.Id = args[0]
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				changed, err := s.contacts.UpdateContact(ctx, &contactv1.UpdateContactRequest{Contact: &f.contact, Paths: paths, RequestId: f.request})
				if err != nil {
					return err
				}
				a.say("contact %s is at etag %s", changed.GetId(), changed.GetEtag())
				return nil
			})
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.contact.Etag, "etag", "", "as it was read; refused when it was changed since")
	return cmd
}

func (a *app) contactDeleteCommand() *cobra.Command {
	yes := false
	cmd := &cobra.Command{
		Use:   "delete ID --yes",
		Short: "Forget a contact for good, and those merged into it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes {
				return errors.New("a contact that is deleted does not come back; say --yes if that is meant")
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := s.contacts.DeleteContact(ctx, &contactv1.DeleteContactRequest{Id: args[0]})
				if err != nil {
					return err
				}
				a.say("forgot %d contacts", len(resp.GetIds()))
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "yes, for good")
	return cmd
}

func (a *app) contactMergeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "merge INTO FROM",
		Short: "Merge contact FROM into contact INTO, which takes what it did not know; unmerge undoes it",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				into, err := s.contacts.MergeContacts(ctx, &contactv1.MergeContactsRequest{Into: args[0], From: args[1], RequestId: uuid.NewString()})
				if err != nil {
					return err
				}
				a.say("contact %s is %s now; parleyctl contact unmerge %s undoes it", args[1], into.GetId(), args[1])
				return nil
			})
		},
	}
}

func (a *app) contactUnmergeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "unmerge ID",
		Short: "Undo the merge of a contact: it stands for itself again",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				back, err := s.contacts.UnmergeContact(ctx, &contactv1.UnmergeContactRequest{Id: args[0]})
				if err != nil {
					return err
				}
				a.say("contact %s stands for itself again", back.GetId())
				return nil
			})
		},
	}
}

func (a *app) contactLinkCommand() *cobra.Command {
	var page, psid string
	var none bool
	cmd := &cobra.Command{
		Use:   "link [ID] --page PAGE --psid PSID",
		Short: "Say which contact the customer of a page is, also for later conversations; --none takes that back",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if none == (len(args) == 1) {
				return errors.New("name a contact, or say --none")
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				_, err := s.contacts.LinkContact(ctx, &contactv1.LinkContactRequest{Page: page, Psid: psid, Contact: first(args)})
				return err
			})
		},
	}
	cmd.Flags().StringVar(&page, "page", "", "page id of Meta")
	cmd.Flags().StringVar(&psid, "psid", "", "customer of the page")
	cmd.Flags().BoolVar(&none, "none", false, "it is not known which contact the customer is")
	return cmd
}
