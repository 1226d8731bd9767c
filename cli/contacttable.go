package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/contact"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
)

// importSize is how many bytes of rows one message of an import has, about: the
// server takes no larger ones than a megabyte.
const importSize = 256 << 10

func (a *app) contactImportCommand() *cobra.Command {
	var dry bool
	var format string
	cmd := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Make and change contacts by the external ids of a CSV file; the same file again changes nothing",
		Long: "The first line of the file names the columns: external_id, and any of name, emails, phones, company, notes, inactive and fields.NAME. " +
			"Several addresses of one cell are separated by semicolons. Only fields with a column are changed. " +
			"Rows that cannot be kept are told by line and column, and the others are taken; exit code 1 says that there were such.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in, err := a.openTable(args[0])
			if err != nil {
				return err
			}
			defer in.Close()
			s, err := a.link.open()
			if err != nil {
				return err
			}
			defer s.Close()
			return a.importTable(cmd.Context(), s, in, dry, format)
		},
	}
	formatFlag(cmd, &format)
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only tell what would become of the rows")
	return cmd
}

func (a *app) openTable(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(a.in), nil
	}
	f, err := os.Open(path)
	return f, err
}

func (a *app) importTable(ctx context.Context, s *server, in io.Reader, dry bool, format string) error {
	table, err := contact.OpenTable(in)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := s.contacts.ImportContacts(ctx)
	if err != nil {
		return err
	}
	unread, err := sendTable(stream.Send, table, dry)
	if err != nil && !errors.Is(err, io.EOF) { // EOF: the server ended it, and says why below
		return err
	}
	resp, err := stream.CloseAndRecv()
	if err != nil {
		return err
	}
	resp.Failed += int64(len(unread))
	resp.Errors = append(resp.Errors, unread...)
	slices.SortStableFunc(resp.Errors, func(a, b *contactv1.RowError) int { return int(a.GetLine() - b.GetLine()) })
	return a.showImport(resp, dry, format)
}

// sendTable sends the rows of a table, and gives those that could not be read.
func sendTable(send func(*contactv1.ImportContactsRequest) error, table *contact.Table, dry bool) (unread []*contactv1.RowError, err error) {
	req, size := &contactv1.ImportContactsRequest{DryRun: dry}, 0
	for {
		c, line, err := table.Next()
		var bad *contact.TableError
		switch {
		case errors.Is(err, io.EOF):
			return unread, send(req)
		case errors.As(err, &bad) && !bad.Fatal:
			unread = append(unread, &contactv1.RowError{Line: int64(bad.Line), Field: bad.Column, Description: bad.Text})
			continue
		case err != nil:
			return unread, err
		}
		row := &contactv1.ImportRow{Line: int64(line), Contact: c, Paths: table.Paths()}
		req.Rows, size = append(req.Rows, row), size+proto.Size(row)
		if len(req.Rows) == contact.MostRows || size > importSize {
			if err := send(req); err != nil {
				return unread, err
			}
			req, size = &contactv1.ImportContactsRequest{DryRun: dry}, 0
		}
	}
}

func (a *app) showImport(resp *contactv1.ImportContactsResponse, dry bool, format string) error {
	rows := [][]string{{"LINE", "COLUMN", "WRONG"}}
	for _, e := range resp.GetErrors() {
		rows = append(rows, []string{fmt.Sprint(e.GetLine()), e.GetField(), e.GetDescription()})
	}
	if len(rows) == 1 {
		rows = nil
	}
	if err := a.show(format, resp, rows); err != nil {
		return err
	}
	verb := "created"
	if dry {
		verb = "would be created"
	}
	a.say("%d %s, %d updated, %d unchanged, %d failed", resp.GetCreated(), verb, resp.GetUpdated(), resp.GetUnchanged(), resp.GetFailed())
	if resp.GetFailed() > 0 {
		return errTold
	}
	return nil
}

func (a *app) contactExportCommand() *cobra.Command {
	var ndjson bool
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write all contacts as CSV that import reads, or with --ndjson as one JSON object a line",
		Long: "As CSV the contacts that stand for themselves are written, and a cell that a spreadsheet would compute has an apostrophe before it, which import takes away. " +
			"As JSON those merged into others are written too.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.link.open()
			if err != nil {
				return err
			}
			defer s.Close()
			if ndjson {
				return a.exported(cmd.Context(), s, func(c *contactv1.Contact) error {
					line, err := jsonOf(c)
					if err == nil {
						a.print("%s", line)
					}
					return err
				})
			}
			return a.exportTable(cmd.Context(), s)
		},
	}
	cmd.Flags().BoolVar(&ndjson, "ndjson", false, "one JSON object a line")
	return cmd
}

// exportTable reads twice: the columns must be known before the first row.
func (a *app) exportTable(ctx context.Context, s *server) error {
	names := map[string]bool{}
	stands := func(c *contactv1.Contact) bool { return c.GetMergedInto() == "" }
	err := a.exported(ctx, s, func(c *contactv1.Contact) error {
		for name := range c.GetFields() {
			names[name] = names[name] || stands(c)
		}
		return nil
	})
	if err != nil {
		return err
	}
	maps.DeleteFunc(names, func(_ string, used bool) bool { return !used })
	write, err := contact.WriteTable(a.out, slices.Sorted(maps.Keys(names)))
	if err != nil {
		return err
	}
	n := 0
	err = a.exported(ctx, s, func(c *contactv1.Contact) error {
		if !stands(c) {
			return nil
		}
		n++
		return write(c)
	})
	if err == nil {
		a.say("%d contacts", n)
	}
	return err
}

func (a *app) exported(ctx context.Context, s *server, each func(*contactv1.Contact) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := s.contacts.ExportContacts(ctx, &contactv1.ExportContactsRequest{})
	if err != nil {
		return err
	}
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, c := range resp.GetContacts() {
			if err := each(c); err != nil {
				return err
			}
		}
	}
}
