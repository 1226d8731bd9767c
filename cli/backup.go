package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/parley-desk/parley/pkg/backup"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

// longest is how long one stream may take to be copied.
const longest = 12 * time.Hour

func (a *app) backupCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "backup", Short: "Copy the whole house, verify a copy, and forget one; parley backup restore puts one back"}
	verify := &cobra.Command{
		Use:   "verify DIR",
		Short: "Hold every file of a backup against its checksum; asks no server",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := backup.Verify(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.tellBackup(m, "is whole")
		},
	}
	cmd.AddCommand(a.backupCreateCommand(), verify, a.backupListCommand(), a.backupForgetCommand())
	return cmd
}

func (a *app) backupCreateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "create DIR",
		Short: "Copy the house, while it runs, into a folder that is empty or not there",
		Long: `Copy the house, while it runs, into a folder that is empty or not there. What an earlier try has left in it is written anew.

Everything that anybody wrote is in it, and so are files, sealed by the house before they come here. It is opened with the keyset and with the key of this backup, which the house keeps in the folder of admin.backup.keys: keep a copy of the keyset, and that folder, apart from the house and from backups. Without either a backup cannot be restored. See also: parleyctl backup forget.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] == "-" {
				return errors.New("a backup is a folder, and goes to no pipe; name one, and pack it with tar when it is made")
			}
			s, err := a.link.open()
			if err != nil {
				return err
			}
			defer s.Close()
			now := func() int64 { return time.Now().UnixMilli() }
			m, err := backup.Create(cmd.Context(), args[0], &house{server: s, patience: a.timeout}, now, func(f backup.File) {
				a.say("%s: %d records, %d bytes", f.Stream, f.Records(), f.Bytes)
			})
			if err != nil {
				return err
			}
			return a.tellBackup(m, "is made")
		},
	}
}

func (a *app) backupListCommand() *cobra.Command {
	format := ""
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show the backups whose keys are there, the oldest first, and how many persons were erased since each",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := s.backups.ListBackups(ctx, &adminv1.ListBackupsRequest{})
				if err != nil {
					return err
				}
				rows := [][]string{{"BACKUP", "OF", "WHOLE", "ERASED SINCE", "FORGOTTEN"}}
				for _, b := range resp.GetBackups() {
					row := []string{b.GetId(), moment(b.GetBeganMs()), when(b.GetEndedMs(), "no"), strconv.Itoa(int(b.GetErased())), when(b.GetEndsMs(), "when asked")}
					if b.GetAltered() {
						row = []string{b.GetId(), "", "its key is altered", "", ""}
					}
					rows = append(rows, row)
				}
				if len(rows) == 1 {
					a.say("there is no backup that can be opened")
					rows = nil
				}
				return a.show(format, resp, rows)
			})
		},
	}
	formatFlag(cmd, &format)
	return cmd
}

func (a *app) backupForgetCommand() *cobra.Command {
	erased := false
	cmd := &cobra.Command{
		Use:   "forget {ID | --erased}",
		Short: "Destroy the key of a backup, so that no copy of it can be opened again, wherever it lies",
		Long: `Destroy the key of a backup, so that no copy of it can be opened again, wherever it lies. There is no way back.

--erased does so to all that have somebody who was erased since, and to none when there is no backup from after the last erasure. Run after every backup, whoever was erased is gone from them as well by the next.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == erased {
				return errors.New("name a backup of parleyctl backup list, or give --erased")
			}
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) (err error) {
				ids := args
				if erased {
					if ids, err = backupsOfErased(ctx, s); err != nil {
						return err
					}
				}
				for _, id := range ids {
					if _, err := s.backups.ForgetBackup(ctx, &adminv1.ForgetBackupRequest{Id: id}); err != nil {
						return err
					}
					a.say("backup %s is forgotten; its files can be deleted", id)
				}
				if len(ids) == 0 {
					a.say("no backup has anybody who was erased")
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&erased, "erased", false, "all that have somebody who was erased since")
	return cmd
}

// backupsOfErased are those that have somebody who was erased, when there is another one
// to go back to.
func backupsOfErased(ctx context.Context, s *server) (ids []string, _ error) {
	resp, err := s.backups.ListBackups(ctx, &adminv1.ListBackupsRequest{})
	if err != nil {
		return nil, err
	}
	other := false
	for _, b := range resp.GetBackups() {
		switch {
		case b.GetErased() > 0:
			ids = append(ids, b.GetId())
		case b.GetEndedMs() > 0:
			other = true
		}
	}
	if len(ids) > 0 && !other {
		return nil, errors.New("every backup has somebody who was erased since, and nothing would be left to restore; run parleyctl backup create first")
	}
	return ids, nil
}

func (a *app) tellBackup(m backup.Manifest, what string) error {
	var bytes int64
	var records uint64
	for _, f := range m.Streams {
		bytes, records = bytes+f.Bytes, records+f.Records()
	}
	rows := [][]string{{"BACKUP", m.ID}, {"of", moment(m.BeganMS)}, {"until", moment(m.EndedMS)}, {"by", m.House}, {"streams", strconv.Itoa(len(m.Streams))},
		{"records", strconv.FormatUint(records, 10)}, {"bytes", strconv.FormatInt(bytes, 10)}, {"audit", fmt.Sprintf("%d %s", m.AuditEnd, m.AuditSeal)}}
	if err := table(a.out, rows); err != nil {
		return err
	}
	if m.FilesApart {
		a.say("new files are in a bucket and not in this backup; the bucket needs a backup of its own")
	}
	if m.Format == backup.Clear {
		a.say("the backup is of a release that sealed none: everything in it is in clear")
	}
	a.say("the backup %s; neither the keyset nor its key is in it", what)
	return nil
}

// house is a house behind the admin API.
type house struct {
	*server
	patience time.Duration // of an answer that is one
}

// Begin implements backup.Source.
func (h *house) Begin(ctx context.Context) (backup.Manifest, []string, error) {
	ctx, cancel := context.WithTimeout(ctx, h.patience)
	defer cancel()
	b, err := h.backups.BeginBackup(ctx, &adminv1.BeginBackupRequest{})
	if err != nil {
		return backup.Manifest{}, nil, err
	}
	return backup.Manifest{ID: b.GetId(), House: b.GetVersion(), BeganMS: b.GetBeganMs(), Partitions: int(b.GetPartitions()), Keyset: b.GetKeyset(),
		AuditSeal: b.GetAuditSeal(), AuditEnd: b.GetAuditEnd(), FilesApart: b.GetFilesApart()}, b.GetStreams(), nil
}

// Finish implements backup.Source.
func (h *house) Finish(ctx context.Context, id string, manifest []byte) error {
	ctx, cancel := context.WithTimeout(ctx, h.patience)
	defer cancel()
	_, err := h.backups.FinishBackup(ctx, &adminv1.FinishBackupRequest{Id: id, Manifest: manifest})
	return err
}

// Copy implements backup.Source.
func (h *house) Copy(ctx context.Context, id, stream string, head func(config, state json.RawMessage) error, data func([]byte) error) error {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	from, err := h.backups.CopyStream(ctx, &adminv1.CopyStreamRequest{Backup: id, Stream: stream})
	if err != nil {
		return err
	}
	for first := true; ; first = false {
		piece, err := from.Recv()
		switch {
		case errors.Is(err, io.EOF) && !first:
			return nil
		case err != nil:
			return err
		case first:
			err = head(piece.GetConfig(), piece.GetState())
		default:
			err = data(piece.GetData())
		}
		if err != nil {
			return err
		}
	}
}
