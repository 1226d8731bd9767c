// Package copies is BackupService: it gives the whole house out, stream by stream.
package copies

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	"github.com/parley-desk/parley/pkg/backup"
	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
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

// Service implements BackupService. All fields must be set.
type Service struct {
	adminv1.UnsafeBackupServiceServer
	Log        Log
	Box        backup.Sealer
	Now        func() time.Time
	FilesApart bool // new files are in a bucket
}

// BeginBackup says what there is to copy. The call is in the audit by now, so the
// newest record is of it or of what came since.
func (s *Service) BeginBackup(ctx context.Context, _ *adminv1.BeginBackupRequest) (*adminv1.BeginBackupResponse, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fault.Wrap(err, "making an id")
	}
	end, err := s.Log.AuditEnd(ctx)
	if err != nil {
		return nil, err
	}
	resp := &adminv1.BeginBackupResponse{Id: id.String(), Version: stamp.Read().Version, BeganMs: s.Now().UnixMilli(), Partitions: int32(s.Log.Partitions()),
		Keyset: hex.EncodeToString(backup.KeysetOf(s.Box, id.String())), AuditEnd: end, FilesApart: s.FilesApart, Streams: s.Log.Copied()}
	if end > 0 {
		newest, err := s.Log.AuditAt(ctx, end)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		resp.AuditSeal = newest.Seal
	}
	return resp, nil
}

// CopyStream gives one stream.
func (s *Service) CopyStream(req *adminv1.CopyStreamRequest, to grpc.ServerStreamingServer[adminv1.CopyStreamResponse]) error {
	return s.Log.CopyStream(to.Context(), req.GetStream(), func(config, state json.RawMessage) error {
		return to.Send(&adminv1.CopyStreamResponse{Config: config, State: state})
	}, func(data []byte) error {
		return to.Send(&adminv1.CopyStreamResponse{Data: data})
	})
}
