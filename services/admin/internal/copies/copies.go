// Package copies is BackupService: it gives the whole house out, stream by stream and
// sealed, and keeps the keys of backups until they are forgotten.
package copies

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	"github.com/parley-desk/parley/pkg/audit"
	"github.com/parley-desk/parley/pkg/backup"
	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/erasure"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/stamp"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

// Log is the part of bus.Bus that is needed.
type Log interface {
	Partitions() int
	Copied() []string
	CopyStream(ctx context.Context, stream string, head func(config, state json.RawMessage) error, data func([]byte) error) error
	AuditEnd(ctx context.Context) (uint64, error)
	AuditAt(ctx context.Context, number uint64) (bus.AuditEntry, error)
}

// Service implements BackupService. All fields but Shelf must be set.
type Service struct {
	adminv1.UnsafeBackupServiceServer
	Log        Log
	Box        *secret.Box
	Book       *erasure.Book
	Audit      *audit.Log
	Diary      *slog.Logger
	Now        func() time.Time
	FilesApart bool         // new files are in a bucket
	Shelf      backup.Shelf // of the keys; without one there are no backups
	Days       int          // that a backup is kept; 0: until somebody says otherwise
}

// BeginBackup says what there is to copy. The call is in the audit by now, so the
// newest record is of it or of what came since. The key is on its shelf before the
// answer says for what.
func (s *Service) BeginBackup(ctx context.Context, _ *adminv1.BeginBackupRequest) (*adminv1.BeginBackupResponse, error) {
	made, err := uuid.NewV7()
	if err != nil {
		return nil, fault.Wrap(err, "making an id")
	}
	end, err := s.Log.AuditEnd(ctx)
	if err != nil {
		return nil, err
	}
	id, began := made.String(), s.Now().UnixMilli()
	resp := &adminv1.BeginBackupResponse{Id: id, Version: stamp.Read().Version, BeganMs: began, Partitions: int32(s.Log.Partitions()),
		Keyset: hex.EncodeToString(backup.KeysetOf(s.Box, id)), AuditEnd: end, FilesApart: s.FilesApart, Streams: s.Log.Copied()}
	if end > 0 {
		newest, err := s.Log.AuditAt(ctx, end)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		resp.AuditSeal = newest.Seal
	}
	return resp, s.Shelf.Put(backup.NewKey(s.Box, id, began))
}

// CopyStream gives one stream.
func (s *Service) CopyStream(req *adminv1.CopyStreamRequest, to grpc.ServerStreamingServer[adminv1.CopyStreamResponse]) error {
	key, err := s.Shelf.Genuine(s.Box, req.GetBackup())
	if err != nil {
		return err
	}
	seal, err := s.Box.Stream(backup.KeyUse, key.Material())
	if err != nil {
		return err
	}
	var sealed io.WriteCloser
	err = s.Log.CopyStream(to.Context(), req.GetStream(), func(config, state json.RawMessage) error {
		if err := to.Send(&adminv1.CopyStreamResponse{Config: config, State: state}); err != nil {
			return err
		}
		sealed, err = seal.Seal(sender{to}, backup.Place(key.ID, req.GetStream()))
		return err
	}, func(data []byte) error {
		_, err := sealed.Write(data)
		return err
	})
	if err != nil {
		return err
	}
	return sealed.Close()
}

// sender is a writer to whoever makes the backup.
type sender struct {
	to grpc.ServerStreamingServer[adminv1.CopyStreamResponse]
}

// Write implements io.Writer.
func (s sender) Write(p []byte) (int, error) {
	return len(p), s.to.Send(&adminv1.CopyStreamResponse{Data: p})
}

// FinishBackup has the key know the manifest, which knows everything else.
func (s *Service) FinishBackup(_ context.Context, req *adminv1.FinishBackupRequest) (*adminv1.FinishBackupResponse, error) {
	if len(req.GetManifest()) != sha256.Size {
		return nil, fault.New(fault.Invalid, "INVALID_ARGUMENT", "manifest: must be the SHA-256 of the manifest, 32 bytes")
	}
	key, err := s.Shelf.Genuine(s.Box, req.GetId())
	if err != nil {
		return nil, err
	}
	switch {
	case key.EndedMS == 0:
		key = key.Whole(s.Box, s.Now().UnixMilli(), req.GetManifest())
		err = s.Shelf.Put(key)
	case !hmac.Equal(key.Manifest, req.GetManifest()):
		err = fault.New(fault.Precondition, "BACKUP_FINISHED", "backup %s is whole with another manifest; make another backup", key.ID)
	}
	return &adminv1.FinishBackupResponse{EndsMs: ends(key, s.Days)}, err
}

func ends(k backup.Key, days int) int64 {
	if at := k.Ends(days); !at.IsZero() {
		return at.UnixMilli()
	}
	return 0
}
