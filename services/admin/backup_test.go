package admin_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/status"

	"github.com/parley-desk/parley/pkg/backup"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/erasure"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/admin"
	"github.com/parley-desk/parley/services/admin/admintest"
)

// copied is one stream as it is given out.
func copied(t *testing.T, backups adminv1.BackupServiceClient, id, stream string) ([]byte, error) {
	t.Helper()
	from, err := backups.CopyStream(t.Context(), &adminv1.CopyStreamRequest{Backup: id, Stream: stream})
	if err != nil {
		return nil, err
	}
	var data []byte
	for {
		piece, err := from.Recv()
		if errors.Is(err, io.EOF) {
			return data, nil
		}
		if err != nil {
			return nil, err
		}
		data = append(data, piece.GetData()...)
	}
}

// TestABackupIsSealedUntilItIsForgotten: a stream is given out sealed, for its backup and
// no other, with a key that is on the shelf before; whoever was erased since is counted;
// once it is forgotten nothing is given out for it.
func TestABackupIsSealedUntilItIsForgotten(t *testing.T) {
	shelf := backup.Shelf(filepath.Join(t.TempDir(), "keys"))
	s := admintest.StartWith(t, bustest.Open(t), admin.Config{Backup: admin.Backup{Keys: string(shelf), KeepDays: 30}})
	backups := adminv1.NewBackupServiceClient(s.Dial(t))
	begun, err := backups.BeginBackup(t.Context(), &adminv1.BeginBackupRequest{})
	if err != nil {
		t.Fatal(err)
	}
	id, stream := begun.GetId(), begun.GetStreams()[0]
	data, err := copied(t, backups, id, stream)
	if err != nil {
		t.Fatal(err)
	}
	key, err := shelf.Genuine(s.Secrets, id)
	if err != nil {
		t.Fatal(err)
	}
	seal, err := s.Secrets.Stream(backup.KeyUse, key.Material())
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := io.ReadAll(seal.Open(bytes.NewReader(data), backup.Place(id, stream))); err != nil || len(plain) < 100 {
		t.Errorf("%s opens to %d bytes: %v", stream, len(plain), err)
	}
	if _, err := io.ReadAll(seal.Open(bytes.NewReader(data), backup.Place(id, begun.GetStreams()[1]))); err == nil {
		t.Error("it opens in another stream's place")
	}
	if _, err := copied(t, backups, "", stream); err == nil || !strings.Contains(err.Error(), "no key of backup") {
		t.Errorf("given out for no backup: %v", err)
	}

	sum := sha256.Sum256([]byte("manifest"))
	finish := func(sum []byte) error {
		_, err := backups.FinishBackup(t.Context(), &adminv1.FinishBackupRequest{Id: id, Manifest: sum})
		return err
	}
	for range 2 { // whoever got no answer asks again
		if err := finish(sum[:]); err != nil {
			t.Fatal(err)
		}
	}
	other := sha256.Sum256([]byte("another"))
	for what, wrong := range map[string][]byte{"another manifest": other[:], "no sum": []byte("short")} {
		if finish(wrong) == nil {
			t.Errorf("it is finished with %s", what)
		}
	}
	erased(t, s, "one", begun.GetBeganMs()-1, privacyv1.Way_WAY_THREAD)
	erased(t, s, "two", begun.GetBeganMs()+1, privacyv1.Way_WAY_THREAD)
	erased(t, s, "old", begun.GetBeganMs()+1, privacyv1.Way_WAY_RETENTION)
	list, err := backups.ListBackups(t.Context(), &adminv1.ListBackupsRequest{})
	if err != nil || len(list.GetBackups()) != 1 {
		t.Fatalf("there are %v: %v", list.GetBackups(), err)
	}
	const days = 30 * 24 * 60 * 60 * 1000
	if b := list.GetBackups()[0]; b.GetId() != id || b.GetErased() != 1 || b.GetEndedMs() == 0 || b.GetEndsMs() != begun.GetBeganMs()+days || b.GetAltered() {
		t.Errorf("it is %v", b)
	}

	if _, err := backups.ForgetBackup(t.Context(), &adminv1.ForgetBackupRequest{Id: id}); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"finished": finish(sum[:]),
		"copied":   func() error { _, err := copied(t, backups, id, stream); return err }(),
		"forgotten": func() error {
			_, err := backups.ForgetBackup(t.Context(), &adminv1.ForgetBackupRequest{Id: id})
			return err
		}(),
	} {
		if err == nil || !strings.Contains(status.Convert(err).Message(), "forgotten") {
			t.Errorf("%s after it was forgotten: %v", what, err)
		}
	}
}

// erased keeps a certificate.
func erased(t *testing.T, s *admintest.Server, id string, doneMS int64, way privacyv1.Way) {
	t.Helper()
	book := &erasure.Book{Bucket: s.Bus.Bucket(subject.PrivacyBucket), Box: s.Secrets}
	if err := book.Keep(t.Context(), book.CertificateOf(&privacyv1.Erasure{Id: id, DoneMs: doneMS, Way: way})); err != nil {
		t.Fatal(err)
	}
}

// TestWithoutAFolderForKeysThereAreNoBackups, and it is said what to set.
func TestWithoutAFolderForKeysThereAreNoBackups(t *testing.T) {
	backups := adminv1.NewBackupServiceClient(admintest.Start(t).Dial(t))
	if _, err := backups.BeginBackup(t.Context(), &adminv1.BeginBackupRequest{}); err == nil || !strings.Contains(err.Error(), "admin.backup.keys") {
		t.Errorf("begun: %v", err)
	}
	if list, err := backups.ListBackups(t.Context(), &adminv1.ListBackupsRequest{}); err != nil || len(list.GetBackups()) > 0 {
		t.Errorf("there are %v: %v", list, err)
	}
}
