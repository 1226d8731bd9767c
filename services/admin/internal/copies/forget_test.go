package copies

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/parley-desk/parley/pkg/audit"
	"github.com/parley-desk/parley/pkg/audit/audittest"
	"github.com/parley-desk/parley/pkg/backup"
	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/secret"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

// shelf has three backups of day 1, 2 and 3, all of them whole.
func shelf(t *testing.T) (s *Service, stream *audittest.Stream, ids []string) {
	t.Helper()
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	stream = &audittest.Stream{}
	s = &Service{Box: box, Shelf: backup.Shelf(t.TempDir()), Days: 30, Diary: slog.New(slog.DiscardHandler), Now: func() time.Time { return day(40) }}
	s.Audit = audit.New(stream, box, s.Now)
	for d := 1; d <= 3; d++ {
		id, err := uuid.NewV7()
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id.String())
		if err := s.Shelf.Put(backup.NewKey(box, id.String(), day(d).UnixMilli()).Whole(box, day(d).UnixMilli(), []byte("sum"))); err != nil {
			t.Fatal(err)
		}
	}
	return s, stream, ids
}

func day(n int) time.Time { return time.UnixMilli(int64(n) * 24 * 60 * 60 * 1000) }

func there(t *testing.T, s *Service) (ids []string) {
	t.Helper()
	keys, err := s.Shelf.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		ids = append(ids, k.ID)
	}
	return ids
}

// TestWhatIsDueIsForgottenAndInTheAudit: all but the newest, and one whose key was altered.
func TestWhatIsDueIsForgottenAndInTheAudit(t *testing.T) {
	s, stream, ids := shelf(t)
	other, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shelf.Put(backup.NewKey(other, ids[0], 1)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := there(t, s); !slices.Equal(got, []string{ids[0], ids[2]}) {
		t.Errorf("there are %v of %v", got, ids)
	}
	end, err := stream.AuditEnd(t.Context())
	if err != nil || end != 1 {
		t.Errorf("the audit has %d records: %v", end, err)
	}
}

// TestWhatCannotBeRecordedIsNotForgotten (P16).
func TestWhatCannotBeRecordedIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, stream, ids := shelf(t)
		stream.Lose(func() audittest.Away { return audittest.Lost })
		if err := s.sweep(t.Context()); err == nil {
			t.Error("nothing is wrong")
		}
		if got := there(t, s); !slices.Equal(got, ids) {
			t.Errorf("there are %v of %v", got, ids)
		}
	})
}

// TestWhatIsDueGoesByItself, hour by hour, until the process ends.
func TestWhatIsDueGoesByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, ids := shelf(t)
		began := time.Now()
		s.Now = func() time.Time { return day(31).Add(time.Since(began)) }
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		for _, c := range []struct {
			hours int
			left  []string
		}{{0, ids}, {2, ids[1:]}, {22, ids[1:]}, {2, ids[2:]}, {24 * 100, ids[2:]}} {
			time.Sleep(time.Duration(c.hours) * time.Hour)
			synctest.Wait()
			if got := there(t, s); !slices.Equal(got, c.left) {
				t.Errorf("after %d hours more there are %v, want %v", c.hours, got, c.left)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestDoctorNamesBackupsOfWhomWasErased (P14): those that nobody will forget.
func TestDoctorNamesBackupsOfWhomWasErased(t *testing.T) {
	now := day(40).UnixMilli()
	clean, kept := &adminv1.Backup{Id: "clean", EndsMs: now - 1}, &adminv1.Backup{Id: "kept", Erased: 1}
	going := &adminv1.Backup{Id: "going", Erased: 2, EndsMs: day(50).UnixMilli()}
	late, altered := &adminv1.Backup{Id: "late", Erased: 1, EndsMs: now - 1}, &adminv1.Backup{Id: "altered", Altered: true}
	for _, c := range []struct {
		all    []*adminv1.Backup
		level  bus.Level
		values string
		says   string
	}{
		{nil, bus.Fine, "", "no backup has anybody"},
		{[]*adminv1.Backup{clean}, bus.Fine, "", "no backup has anybody"},
		{[]*adminv1.Backup{clean, going}, bus.Fine, "", "1; the last is forgotten on 1970-02-20"},
		{[]*adminv1.Backup{going, kept, late}, bus.Warning, "kept late", "forget --erased"},
		{[]*adminv1.Backup{kept, altered}, bus.Warning, "altered", "not as they were written"},
	} {
		got := judge(c.all, now)
		if got.Level != c.level || strings.Join(got.Values, " ") != c.values || !strings.Contains(got.Detail+got.Remedy, c.says) || (got.Remedy == "") != (c.level == bus.Fine) {
			t.Errorf("of %v is said %+v", c.all, got)
		}
	}
}
