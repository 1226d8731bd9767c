package copies

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/backup"
	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	auditv1 "github.com/parley-desk/parley/proto/gen/parley/audit/v1"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
)

// every is how often is looked for backups whose days are over.
const every = time.Hour

// ListBackups reads the keys that there are.
func (s *Service) ListBackups(ctx context.Context, _ *adminv1.ListBackupsRequest) (*adminv1.ListBackupsResponse, error) {
	all, err := s.list(ctx)
	return &adminv1.ListBackupsResponse{Backups: all}, err
}

// list holds the backups against the certificates. What workstreams let go of is let
// go of again by whoever restores, and goes with the days of the backup; it counts for
// nobody here.
func (s *Service) list(ctx context.Context) (all []*adminv1.Backup, _ error) {
	keys, err := s.Shelf.All()
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	page, err := s.Book.Read(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if !k.Genuine(s.Box) {
			all = append(all, &adminv1.Backup{Id: k.ID, Altered: true})
			continue
		}
		b := &adminv1.Backup{Id: k.ID, BeganMs: k.BeganMS, EndedMs: k.EndedMS, EndsMs: ends(k, s.Days)}
		for _, c := range page.Done {
			if c.GetDoneMs() >= k.BeganMS && c.GetWay() != privacyv1.Way_WAY_RETENTION {
				b.Erased++
			}
		}
		all = append(all, b)
	}
	return all, nil
}

// ForgetBackup destroys a key.
func (s *Service) ForgetBackup(_ context.Context, req *adminv1.ForgetBackupRequest) (*adminv1.ForgetBackupResponse, error) {
	return &adminv1.ForgetBackupResponse{}, s.Shelf.Forget(req.GetId())
}

// Run forgets backups whose days are over, until ctx ends. Every process of admin does
// so; who comes second finds nothing.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.Diary.WarnContext(ctx, "backups whose days are over are not forgotten yet", key.Err, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// sweep forgets what is due by now. Each is in the audit before it is gone.
func (s *Service) sweep(ctx context.Context) error {
	keys, err := s.Shelf.All()
	if err != nil {
		return err
	}
	genuine := keys[:0]
	for _, k := range keys {
		if k.Genuine(s.Box) {
			genuine = append(genuine, k)
		}
	}
	for _, k := range backup.Due(genuine, s.Days, s.Now()) {
		err := s.Audit.Do(ctx, &auditv1.Record{Actor: "house", Kind: "backup.forget", Method: "admin.backup.keep_days", Objects: []string{"backups/" + k.ID}},
			func(context.Context) error { return s.Shelf.Forget(k.ID) })
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return nil
}

// Examine tells doctor of the backups that still have somebody who is erased (P14).
func (s *Service) Examine(ctx context.Context) []bus.Check {
	if s.Shelf == "" {
		return nil // there are none
	}
	all, err := s.list(ctx)
	if err != nil {
		return []bus.Check{{Name: "privacy.backups", Level: bus.Failed, Detail: "it cannot be said who is in backups: " + err.Error(),
			Remedy: "let every process of admin read and write the folder of admin.backup.keys"}}
	}
	return []bus.Check{judge(all, s.Now().UnixMilli())}
}

// judge is what there is to say of the backups.
func judge(all []*adminv1.Backup, nowMS int64) bus.Check {
	c := bus.Check{Name: "privacy.backups", Detail: "no backup has anybody who was erased"}
	var altered, stay []string
	going, last := 0, int64(0)
	for _, b := range all {
		switch {
		case b.GetAltered():
			altered = append(altered, b.GetId())
		case b.GetErased() == 0:
		case b.GetEndsMs() > nowMS:
			going, last = going+1, max(last, b.GetEndsMs())
		default:
			stay = append(stay, b.GetId())
		}
	}
	switch {
	case len(altered) > 0:
		c.Level, c.Values, c.Detail = bus.Warning, altered, "backups whose keys are not as they were written: "+strings.Join(altered, ", ")
		c.Remedy = "bring their files in the folder of admin.backup.keys back, or run `parleyctl backup forget` for each"
	case len(stay) > 0:
		c.Level, c.Values, c.Detail = bus.Warning, stay, "backups that have somebody who was erased, and are kept: "+strings.Join(stay, ", ")
		c.Remedy = "make a new backup, then run `parleyctl backup forget --erased`; admin.backup.keep_days has it done by itself"
	case going > 0:
		c.Detail = fmt.Sprintf("backups that have somebody who was erased: %d; the last is forgotten on %s", going, time.UnixMilli(last).UTC().Format(time.DateOnly))
	}
	return c
}
