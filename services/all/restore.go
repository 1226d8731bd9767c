package all

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/user"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/parley-desk/parley/pkg/audit"
	"github.com/parley-desk/parley/pkg/backup"
	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/erasure"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/settings"
	"github.com/parley-desk/parley/pkg/thread"
	auditv1 "github.com/parley-desk/parley/proto/gen/parley/audit/v1"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/attachment"
)

// none is said where there are no certificates to bring, and no key.
const none = "none"

// backups makes a backup of a running house, as parleyctl, and restores one where no
// house is.
func backups() (*cobra.Command, error) {
	top := &cobra.Command{Use: "backup", Short: "Copy a house, verify a copy, and put one in place of an empty house"}
	top.AddCommand(asParleyctl("Copy the house", "backup", "create"), asParleyctl("Hold a copy against its checksums", "backup", "verify"),
		asParleyctl("Show which copies can be opened", "backup", "list"), asParleyctl("Destroy the key of a copy", "backup", "forget"))
	restore, err := restoreCommand()
	if err != nil {
		return nil, err
	}
	top.AddCommand(restore)
	return top, nil
}

// RestoreOptions are what a restore needs beside the settings of the house.
type RestoreOptions struct {
	Keys         string `koanf:"keys" default:"" help:"Folder of the keys of backups, which admin.backup.keys named. \"none\" is for a backup of a release that sealed none, which anybody could have altered."`
	Certificates string `koanf:"certificates" default:"" help:"Folder of the certificates that attachment.certificates kept: whoever was erased since the backup is erased again. \"none\" says that nobody was."`
}

func restoreCommand() (*cobra.Command, error) {
	options := &RestoreOptions{}
	// All sections, so that the settings of the house can be given as they are.
	return host.Command(host.Program{
		Name: "restore", Use: "restore DIR", Short: "Put a backup in place of an empty house, by the settings of the house", Args: cobra.ExactArgs(1),
		Stages: Stages(), More: []settings.Section{{Name: "all", Target: &Options{}}, {Name: "restore", Target: options}},
		Run: func(ctx context.Context, p host.Process, args []string) error {
			r := restorer{dir: args[0], out: p.Out, now: time.Now}
			return r.run(ctx, p, *options)
		},
	})
}

// restorer puts one backup in place.
type restorer struct {
	dir          string
	out          io.Writer
	now          func() time.Time
	manifest     backup.Manifest
	certificates []*privacyv1.Erasure
}

// run checks everything that can be checked before it changes anything. From then on
// the house says that it is being restored, until it is whole; whoever breaks it off
// runs it again.
func (r *restorer) run(ctx context.Context, p host.Process, from RestoreOptions) (err error) {
	if from.Certificates == "" {
		return fmt.Errorf("say who was erased since the backup: set %s to the folder that attachment.certificates names, or to %q when nobody was", settings.Ways("restore.certificates"), none)
	}
	if from.Certificates != none {
		if r.certificates, err = erasure.Shelf(from.Certificates).All(); err != nil {
			return fmt.Errorf("restore.certificates: %w", err)
		}
	}
	if r.manifest, err = backup.Verify(ctx, r.dir); err != nil {
		return err
	}
	box, err := p.Config.OpenKeyset(ctx, false)
	if err != nil {
		return fmt.Errorf("bring the keyset of the house back first, to %s: %w", p.Config.KeysetFile(), err)
	}
	if want, err := hex.DecodeString(r.manifest.Keyset); err != nil || !hmac.Equal(want, backup.KeysetOf(box, r.manifest.ID)) {
		return fault.New(fault.Precondition, "KEYSET_FOREIGN", "the keyset %s is not that of the house of this backup; bring back the one of its time", p.Config.KeysetFile())
	}
	seal, err := r.unlock(box, from.Keys)
	if err != nil {
		return err
	}
	p.Restore = &bus.Restore{}
	for _, f := range r.manifest.Streams {
		p.Restore.Copies = append(p.Restore.Copies, bus.Copy{Stream: f.Stream, Config: f.Config, State: f.State,
			Open: func() (io.ReadCloser, error) { return r.open(f, seal) }})
	}
	p.Config.Bus.Partitions = 0 // as many as the backup has
	for _, s := range p.Stages {
		if s.Name == "attachment" { // of all it uses the log, the keyset and the files
			p.Stages = []host.Stage{s}
		}
	}
	p.Work = r.settle
	return host.Run(ctx, p)
}

// unlock gives what opens the streams, once it is sure that the backup is what the
// house made: its key knows the manifest, and that every file. It is nil for one that
// is in clear.
func (r *restorer) unlock(box *secret.Box, folder string) (*secret.Stream, error) {
	ways := settings.Ways("restore.keys")
	switch inClear := r.manifest.Format == backup.Clear; {
	case folder == "":
		return nil, fmt.Errorf("say where the key of the backup is: set %s to the folder that admin.backup.keys named", ways)
	case inClear && folder != none:
		return nil, fault.New(fault.Precondition, "BACKUP_CLEAR", "the backup in %s is of a release that sealed none, and anybody could have altered it; if you know that nobody did, set %s to %q", r.dir, ways, none)
	case inClear:
		return nil, nil
	case folder == none:
		return nil, fmt.Errorf("the backup in %s is sealed: set %s to the folder that admin.backup.keys named", r.dir, ways)
	}
	key, err := backup.Shelf(folder).Genuine(box, r.manifest.ID)
	if err != nil {
		return nil, fmt.Errorf("restore.keys: %w", err)
	}
	if !hmac.Equal(key.Manifest, r.manifest.Sum) {
		return nil, fault.New(fault.Precondition, "BACKUP_ALTERED", "the backup in %s is not what the house made: its manifest is another one, or was never finished; bring back another copy of it, or restore another backup", r.dir)
	}
	return box.Stream(backup.KeyUse, key.Material())
}

// open reads one stream, in clear in memory alone.
func (r *restorer) open(f backup.File, seal *secret.Stream) (io.ReadCloser, error) {
	file, err := f.Open(r.dir)
	if err != nil || seal == nil {
		return file, err
	}
	return struct {
		io.Reader
		io.Closer
	}{seal.Open(file, backup.Place(r.manifest.ID, f.Stream)), file}, nil
}

// settle makes the restored streams a house.
func (r *restorer) settle(ctx context.Context, d host.Deps) error {
	sends, err := unconfirm(ctx, d.Bus, r.now)
	if err != nil {
		return err
	}
	persons, waiting, err := attachment.EraseAgain(ctx, d, r.certificates)
	if err != nil {
		return err
	}
	if _, err := audit.New(d.Bus, d.Secrets, d.Now).Write(ctx, &auditv1.Record{Actor: "local:" + caller(), Kind: "backup.restore", Method: "parley backup restore",
		Objects: []string{"backups/" + r.manifest.ID}}); err != nil {
		return err
	}
	if err := d.Bus.Restored(ctx); err != nil {
		return err
	}
	return r.tell(sends, persons, waiting)
}

func (r *restorer) tell(sends, persons, waiting int) error {
	text := fmt.Sprintf("The house is as it was at %s (backup %s).\n", time.UnixMilli(r.manifest.BeganMS).UTC().Format(time.RFC3339), r.manifest.ID)
	text += fmt.Sprintf("Certificates of erasure since then of which there was something: %d; it is erased again.\n", persons)
	if sends > 0 {
		text += fmt.Sprintf("Replies that were on their way: %d; they are not sent again, and show as not confirmed.\n", sends)
	}
	if waiting > 0 {
		text += fmt.Sprintf("Erasures that had not begun: %d; they begin in an hour, unless stopped: parleyctl privacy status.\n", waiting)
	}
	if r.manifest.FilesApart {
		text += "New files were in a bucket; restore its own backup too, if it is lost as well.\n"
	}
	_, err := io.WriteString(r.out, text+"Empty Redis if it is another one than that of the house, then start the services.\n")
	return err
}

// unconfirm has no reply posted by itself that may have been posted since the backup.
func unconfirm(ctx context.Context, log *bus.Bus, now func() time.Time) (sends int, _ error) {
	var open []subject.Thread
	for record, err := range log.States(ctx) {
		if err != nil {
			return 0, err
		}
		if len(thread.Unconfirm(record.Commit.GetState(), 0)) > 0 {
			open = append(open, record.Thread)
		}
	}
	for _, t := range open {
		n := 0
		_, _, err := log.Update(ctx, t, func(s *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
			n = len(s.GetSends())
			return thread.Unconfirm(s, now().UnixMilli()), nil
		})
		if err != nil {
			return 0, err
		}
		sends += n
	}
	return sends, nil
}

// caller is who runs the command.
func caller() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return strconv.Itoa(os.Getuid())
}
