package bus_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/broker"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/files"
	crmv1 "github.com/parley-desk/parley/proto/gen/parley/crm/v1"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// copies are all streams of a house, copied in their order.
func copies(t *testing.T, b *bus.Bus) *bus.Restore {
	t.Helper()
	r := &bus.Restore{}
	for _, name := range b.Copied() {
		c, data := bus.Copy{Stream: name}, &bytes.Buffer{}
		err := b.CopyStream(t.Context(), name, func(config, state json.RawMessage) error {
			c.Config, c.State = config, state
			return nil
		}, func(piece []byte) error { _, err := data.Write(piece); return err })
		if err != nil {
			t.Fatal(err)
		}
		c.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data.Bytes())), nil }
		r.Copies = append(r.Copies, c)
	}
	return r
}

// reopen opens a house in a folder; the test goes on when that is refused.
func reopen(t *testing.T, dir string, r *bus.Restore) (*bus.Bus, func(), error) {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Config{Embedded: true, DataDir: dir, Instance: "test", Restore: r}, bus.Tools{Broker: broker.Start})
	if err != nil {
		return nil, nil, err
	}
	return b, func() {
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}, nil
}

// furnish puts something into a house, and takes a little out again.
func furnish(t *testing.T, b *bus.Bus) files.Object {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for n := range 30 {
		_, _, err := b.Update(t.Context(), customer(n%5), say(fmt.Sprintf("mid-%d", n)))
		ok(err)
	}
	ok(b.PublishInbound(t.Context(), []*inboundv1.Event{event(1, "one"), event(2, "two")}))
	ok(b.Tell(t.Context(), subject.OfStranger(customer(1)), &crmv1.Event{Id: "e", Page: customer(1).Page, Psid: customer(1).PSID}))
	gone, err := b.TracesOfThread(t.Context(), customer(4), 1<<60)
	ok(err)
	ok(b.Erase(t.Context(), gone))
	ok(b.Bucket(subject.ContactBucket).Write(t.Context(), bus.Write{Key: "c.a", Value: []byte("anna"), Revision: bus.AnyRevision}))
	ok(b.Bucket(subject.SessionBucket).Write(t.Context(), bus.Write{Key: "s", Value: []byte("in"), Revision: bus.AnyRevision}))
	for n := range uint64(3) {
		ok(b.AppendAudit(t.Context(), bus.AuditEntry{Number: n + 1, Data: []byte("act"), Seal: "00"}))
	}
	file := bytes.Repeat([]byte("0123456789abcdef"), 40_000) // 640 kB, in several pieces
	o, err := b.Files().Put(t.Context(), customer(1), "file", bytes.NewReader(file))
	ok(err)
	return o
}

// told is everything that a house says of itself.
func told(t *testing.T, b *bus.Bus, o files.Object) (all []string) {
	t.Helper()
	for n := range 5 {
		for r, err := range b.History(t.Context(), customer(n), 0) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, fmt.Sprint(r.Thread, r.Revision, r.Stored.UTC(), r.Commit.GetAtMs(), len(r.Commit.GetFacts())))
		}
		end, err := b.InboundEnd(t.Context(), customer(n))
		all = append(all, fmt.Sprint("inbound ", end, err))
	}
	for _, name := range []string{subject.ContactBucket, subject.ConfigBucket, subject.SessionBucket} {
		if err := b.Bucket(name).Each(t.Context(), func(e bus.Entry) { all = append(all, fmt.Sprint(name, e.Key, string(e.Value), e.Revision)) }); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := b.AuditEntries(t.Context(), 1, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, fmt.Sprint("audit ", e.Number, string(e.Data), e.Seal, e.Stored.UTC()))
	}
	events, _, err := b.Events(t.Context(), 0, 10, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		all = append(all, fmt.Sprint("event ", e.GetId(), e.GetPosition()))
	}
	data, err := io.ReadAll(b.Files().Open(t.Context(), o))
	return append(all, fmt.Sprint("file ", len(data), bytes.Count(data, []byte("0123456789abcdef")), err))
}

func TestARestoredHouseIsTheOneThatWasCopied(t *testing.T) {
	dir := t.TempDir()
	b, closed, err := reopen(t, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	object := furnish(t, b)
	want := told(t, b, object)
	want = slices.DeleteFunc(want, func(line string) bool { return strings.HasPrefix(line, subject.SessionBucket) }) // everybody signs in again
	r := copies(t, b)
	closed()

	empty := t.TempDir()
	b, closed, err = reopen(t, empty, r)
	if err != nil {
		t.Fatal(err)
	}
	if got := told(t, b, object); !slices.Equal(got, want) {
		t.Errorf("restored:\n%s\ncopied:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, revision, err := b.Load(t.Context(), customer(4)); err != nil || revision != 0 {
		t.Errorf("what was erased before is at revision %d: %v", revision, err)
	}
	// It goes on where it was.
	_, before, err := b.Load(t.Context(), customer(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, after, err := b.Update(t.Context(), customer(1), say("next")); err != nil || after <= before {
		t.Errorf("the next commit is at revision %d after %d: %v", after, before, err)
	}
	closed()
	refusedAs(t, empty, nil, "RESTORE_UNFINISHED")
	if b, closed, err = reopen(t, empty, r); err != nil {
		t.Fatal(err)
	}
	if err := b.Restored(t.Context()); err != nil {
		t.Fatal(err)
	}
	closed()
	refusedAs(t, empty, r, "HOUSE_NOT_EMPTY")
	if _, closed, err = reopen(t, empty, nil); err != nil {
		t.Fatal(err)
	}
	closed()
}

func refusedAs(t *testing.T, dir string, r *bus.Restore, reason string) {
	t.Helper()
	_, closed, err := reopen(t, dir, r)
	var f *fault.Error
	if !errors.As(err, &f) || f.Reason != reason {
		t.Fatalf("opened with %v, want %s", err, reason)
	}
	if closed != nil {
		closed()
	}
}

// TestARestoreThatIsBrokenOffIsBegunAnew: at whichever stream, and in the middle of
// one, it ends.
func TestARestoreThatIsBrokenOffIsBegunAnew(t *testing.T) {
	b, closed, err := reopen(t, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	object := furnish(t, b)
	r := copies(t, b)
	closed()
	dir := t.TempDir()
	for _, at := range []int{0, 1, len(r.Copies) / 2, len(r.Copies) - 1} {
		broken := &bus.Restore{Copies: slices.Clone(r.Copies)}
		whole := broken.Copies[at].Open
		broken.Copies[at].Open = func() (io.ReadCloser, error) {
			all, err := whole()
			return struct {
				io.Reader
				io.Closer
			}{io.MultiReader(io.LimitReader(all, 100), failing{}), all}, err
		}
		if _, _, err := reopen(t, dir, broken); err == nil {
			t.Fatalf("a copy of stream %d that cannot be read is restored", at)
		}
		refusedAs(t, dir, nil, "RESTORE_UNFINISHED")
	}
	b, closed, err = reopen(t, dir, r)
	if err != nil {
		t.Fatal(err)
	}
	defer closed()
	if got := told(t, b, object); !strings.Contains(got[len(got)-1], "40000") {
		t.Errorf("the file is %s", got[len(got)-1])
	}
}

// TestABrokerIsToldThatARestoreIsBrokenOff: it is over for it as well, at once, and
// what there is of the stream goes away.
func TestABrokerIsToldThatARestoreIsBrokenOff(t *testing.T) {
	b, closed, err := reopen(t, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	film := make([]byte, 1<<20) // several pieces of its stream
	_, _ = rand.NewChaCha8([32]byte{}).Read(film)
	if _, err := b.Files().Put(t.Context(), customer(1), "film", bytes.NewReader(film)); err != nil {
		t.Fatal(err)
	}
	r := copies(t, b)
	closed()
	at := slices.IndexFunc(r.Copies, func(c bus.Copy) bool { return c.Stream == subject.Files })
	for _, sound := range []int64{0, 1 << 19} {
		remote := bustest.Broker(t)
		nc, err := nats.Connect(remote.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		over, err := nc.SubscribeSync("$JS.EVENT.ADVISORY.STREAM.RESTORE_COMPLETE.>")
		if err != nil {
			t.Fatal(err)
		}
		broken := &bus.Restore{Copies: slices.Clone(r.Copies[at : at+1])}
		broken.Copies[0].Open = func() (io.ReadCloser, error) {
			all, err := r.Copies[at].Open()
			return io.NopCloser(io.MultiReader(io.LimitReader(all, sound), failing{})), err
		}
		if _, err := bus.Open(t.Context(), bus.Config{URL: remote.URL, MonitorURL: remote.Monitor, Instance: "a", Restore: broken}, bus.Tools{}); err == nil {
			t.Fatalf("a copy that ends after %d bytes is restored", sound)
		}
		said := &struct{ Bytes int64 }{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if m, err := over.NextMsgWithContext(ctx); err != nil || json.Unmarshal(m.Data, said) != nil || said.Bytes < sound {
			t.Errorf("the broker took %d bytes of %d before it heard of the end: %v", said.Bytes, sound, err)
		}
		cancel()
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.Stream(t.Context(), subject.Files); !errors.Is(err, jetstream.ErrStreamNotFound) {
			t.Errorf("what came of the stream is there: %v", err)
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

// TestABackupOfAClusterFitsOneBroker, and the other way round.
func TestABackupOfAClusterFitsOneBroker(t *testing.T) {
	remote := bustest.Cluster(t)
	b := remote.Open(t, "a")
	object := furnish(t, b)
	want := told(t, b, object)
	want = slices.DeleteFunc(want, func(line string) bool { return strings.HasPrefix(line, subject.SessionBucket) })
	one, closed, err := reopen(t, t.TempDir(), copies(t, b))
	if err != nil {
		t.Fatal(err)
	}
	if got := told(t, one, object); !slices.Equal(got, want) {
		t.Errorf("restored:\n%s\ncopied:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	back := copies(t, one)
	closed()
	other := bustest.Cluster(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	three, err := bus.Open(ctx, bus.Config{URL: other.URL, MonitorURL: other.Monitor, Replicas: 3, Instance: "b", Restore: back}, bus.Tools{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := three.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	if got := told(t, three, object); !slices.Equal(got, want) {
		t.Errorf("restored:\n%s\ncopied:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
