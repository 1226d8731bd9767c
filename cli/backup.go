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
	cmd := &cobra.Command{Use: "backup", Short: "Copy the whole house, and verify a copy; parley backup restore puts one back"}
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
	cmd.AddCommand(a.backupCreateCommand(), verify)
	return cmd
}

func (a *app) backupCreateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "create DIR",
		Short: "Copy the house, while it runs, into a folder that is empty or not there",
		Long: `Copy the house, while it runs, into a folder that is empty or not there. What an earlier try has left in it is written anew.

Everything that anybody wrote is in it, in clear, and so are files: guard it as the log itself. The keyset is not: keep a copy of it elsewhere. Without the keyset a backup cannot be restored.`,
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
			m, err := backup.Create(cmd.Context(), args[0], house{s, a.timeout}, now, func(f backup.File) {
				a.say("%s: %d records, %d bytes", f.Stream, f.Records(), f.Bytes)
			})
			if err != nil {
				return err
			}
			return a.tellBackup(m, "is made")
		},
	}
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
	a.say("the backup %s; the keyset is not in it", what)
	return nil
}

// house is a house behind the admin API.
type house struct {
	*server
	patience time.Duration // of an answer that is one
}

// Begin implements backup.Source.
func (h house) Begin(ctx context.Context) (backup.Manifest, []string, error) {
	ctx, cancel := context.WithTimeout(ctx, h.patience)
	defer cancel()
	b, err := h.backups.BeginBackup(ctx, &adminv1.BeginBackupRequest{})
	if err != nil {
		return backup.Manifest{}, nil, err
	}
	return backup.Manifest{ID: b.GetId(), House: b.GetVersion(), BeganMS: b.GetBeganMs(), Partitions: int(b.GetPartitions()), Keyset: b.GetKeyset(),
		AuditSeal: b.GetAuditSeal(), AuditEnd: b.GetAuditEnd(), FilesApart: b.GetFilesApart()}, b.GetStreams(), nil
}

// Copy implements backup.Source.
func (h house) Copy(ctx context.Context, stream string, head func(config, state json.RawMessage) error, data func([]byte) error) error {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	from, err := h.backups.CopyStream(ctx, &adminv1.CopyStreamRequest{Stream: stream})
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
