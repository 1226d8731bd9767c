package people

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/fault"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	"github.com/parley-desk/parley/services/admin/internal/guard"
)

const (
	mostErrors = 1000      // that an import tells of
	exportSize = 256 << 10 // bytes of one message of an export, about
)

// ImportContacts makes and changes contacts by their external ids. What was put
// before it ended stays: the same import again does the rest.
func (s *Service) ImportContacts(stream grpc.ClientStreamingServer[contactv1.ImportContactsRequest, contactv1.ImportContactsResponse]) error {
	run := &importing{store: s.Contacts.Store, by: guard.Caller(stream.Context()), lines: map[[16]byte]int64{}, told: &contactv1.ImportContactsResponse{}}
	for first := true; ; first = false {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(run.told)
		}
		if err != nil {
			return err
		}
		if first {
			run.dry = req.GetDryRun()
		}
		if err := run.take(stream.Context(), req.GetRows()); err != nil {
			return err
		}
	}
}

// importing is one import.
type importing struct {
	store *contact.Store
	by    string
	dry   bool
	lines map[[16]byte]int64 // of external ids, by hash
	told  *contactv1.ImportContactsResponse
}

func (i *importing) take(ctx context.Context, sent []*contactv1.ImportRow) error {
	var rows []contact.Row
	var lines []int64
	for _, row := range sent {
		key := external(row)
		if before, twice := i.lines[key]; twice && row.GetContact().GetExternalId() != "" {
			i.fail(row.GetLine(), "external_id", fmt.Sprintf("is that of line %d too; keep one of them", before))
			continue
		}
		i.lines[key] = row.GetLine()
		rows, lines = append(rows, contact.Row{Contact: row.GetContact(), Paths: row.GetPaths()}), append(lines, row.GetLine())
	}
	results, err := i.store.Put(ctx, i.by, rows, i.dry)
	if err != nil {
		return err
	}
	for n, r := range results {
		switch r.Outcome {
		case contact.RowCreated:
			i.told.Created++
		case contact.RowUpdated:
			i.told.Updated++
		case contact.RowUnchanged:
			i.told.Unchanged++
		case contact.RowFailed:
			i.wrong(lines[n], r.Err)
		}
	}
	return nil
}

func external(row *contactv1.ImportRow) (key [16]byte) {
	sum := sha256.Sum256([]byte(row.GetContact().GetExternalId()))
	copy(key[:], sum[:])
	return key
}

// wrong tells every field of a row that cannot be kept; the row counts once.
func (i *importing) wrong(line int64, err error) {
	var f *fault.Error
	if !errors.As(err, &f) || len(f.Violations) == 0 {
		i.fail(line, "", "cannot be kept")
		return
	}
	i.fail(line, f.Violations[0].Field, f.Violations[0].Description)
	for _, v := range f.Violations[1:] {
		i.tell(line, v.Field, v.Description)
	}
}

func (i *importing) fail(line int64, field, description string) {
	i.told.Failed++
	i.tell(line, field, description)
}

func (i *importing) tell(line int64, field, description string) {
	if len(i.told.Errors) < mostErrors {
		i.told.Errors = append(i.told.Errors, &contactv1.RowError{Line: line, Field: field, Description: description})
	}
}

// ExportContacts reads all contacts.
func (s *Service) ExportContacts(_ *contactv1.ExportContactsRequest, stream grpc.ServerStreamingServer[contactv1.ExportContactsResponse]) error {
	resp, size := &contactv1.ExportContactsResponse{}, 0
	send := func() error {
		if len(resp.Contacts) == 0 {
			return nil
		}
		err := stream.Send(resp)
		resp, size = &contactv1.ExportContactsResponse{}, 0
		return err
	}
	err := s.Contacts.Store.All(stream.Context(), func(c *contactv1.Contact) error {
		resp.Contacts = append(resp.Contacts, c)
		if size += proto.Size(c); size < exportSize {
			return nil
		}
		return send()
	})
	if err != nil {
		return err
	}
	return send()
}
