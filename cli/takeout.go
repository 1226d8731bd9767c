package cli

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

func (a *app) exportPersonCommand() *cobra.Command {
	var w whom
	var name string
	cmd := &cobra.Command{
		Use:   "export (--thread PAGE/PSID | --contact ID) --out FILE",
		Short: "Write everything that is kept about a person into a zip file, for the person",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			person, err := w.person()
			if err != nil {
				return err
			}
			if name == "" {
				return errors.New("name the file to write with --out")
			}
			s, err := a.link.open()
			if err != nil {
				return err
			}
			defer s.Close()
			ctx, cancel := context.WithTimeout(cmd.Context(), longest)
			defer cancel()
			n, err := takeOut(ctx, s, person, name)
			if err != nil {
				return err
			}
			a.say("%s holds %d files; README.txt in it says what is what", name, n)
			return nil
		},
	}
	w.flags(cmd)
	cmd.Flags().StringVarP(&name, "out", "o", "", "zip file to write; it must not be there yet")
	return cmd
}

// takeOut writes the file, whole or not at all.
func takeOut(ctx context.Context, s *server, person *adminv1.Person, name string) (files int, err error) {
	if _, err := os.Lstat(name); err == nil {
		return 0, fmt.Errorf("%s is there already; name another file", name)
	}
	part := name + ".part"
	to, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(part)
		}
	}()
	files, err = pack(ctx, s, person, to)
	if err = errors.Join(err, to.Sync(), to.Close()); err != nil {
		return 0, err
	}
	return files, os.Rename(part, name)
}

func pack(ctx context.Context, s *server, person *adminv1.Person, to io.Writer) (files int, _ error) {
	from, err := s.privacy.ExportPerson(ctx, &adminv1.ExportPersonRequest{Person: person})
	if err != nil {
		return 0, err
	}
	archive := zip.NewWriter(to)
	var file io.Writer
	for {
		piece, err := from.Recv()
		if errors.Is(err, io.EOF) && files > 0 {
			return files, archive.Close()
		}
		if err == nil && piece.GetFile() != "" {
			files++
			file, err = archive.CreateHeader(&zip.FileHeader{Name: piece.GetFile(), Method: zip.Deflate, Modified: time.Now()})
		}
		if err == nil && file == nil {
			err = errors.New("the server sends a piece of no file")
		}
		if err == nil {
			_, err = file.Write(piece.GetData())
		}
		if err != nil {
			return 0, err
		}
	}
}

func (a *app) retentionCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "retention",
		Short: "Show how far back conversations go, by workstream, and whether any are kept for too long",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := s.privacy.GetRetention(ctx, &adminv1.GetRetentionRequest{})
				if err != nil {
					return err
				}
				r := resp.GetRetention()
				switch {
				case r == nil:
					a.say("nobody has looked yet; attachment does, which must run")
					return a.show(format, resp, nil)
				case len(r.GetKept()) == 0:
					a.say("every workstream keeps its conversations for ever, as seen at %s", moment(r.GetAtMs()))
					return a.show(format, resp, nil)
				}
				rows := [][]string{{"WORKSTREAM", "DAYS", "OLDEST", "DUE", "HELD", "LOOKED"}}
				for _, k := range r.GetKept() {
					oldest := "younger"
					if k.GetOldestMs() > 0 {
						oldest = moment(k.GetOldestMs())
					}
					rows = append(rows, []string{k.GetWorkstream(), strconv.Itoa(int(k.GetDays())), oldest,
						strconv.FormatInt(k.GetDue(), 10), strconv.FormatInt(k.GetHeld(), 10), moment(r.GetAtMs())})
				}
				return a.show(format, resp, rows)
			})
		},
	}
	formatFlag(cmd, &format)
	return cmd
}
