package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	// chunkOfCopy is how much of a stream one message of the broker carries.
	chunkOfCopy = 256 << 10
	// windowOfCopy is how much may be under way to whoever reads slowly.
	windowOfCopy = 4 << 20
	// silence is how long a broker may say nothing while it copies a stream.
	silence = 30 * time.Second
)

// Copy is one stream as it stood at one moment: what it is like, how far it goes, and
// its records, in the broker's own form. Records keep their sequences and times.
type Copy struct {
	Stream string
	Config json.RawMessage
	State  json.RawMessage
	Open   func() (io.ReadCloser, error) // reads the records
}

// Restore is a house to put in place of an empty one.
type Restore struct{ Copies []Copy }

// Copied are the streams that a backup has, in the order in which they are to be
// copied while the house runs. Streams of one line may be copied in any order. What
// refers stands before what it refers to, and what says that something was handled
// before that something, so that nothing is taken for handled or is referred to that
// the backup lacks:
//
//   - an erasure that is called done is done in all that comes after;
//   - a stage handles again what came after its checkpoint, and finds in the thread's
//     state that it has been there;
//   - what Meta sent is newer than the threads, so it is filed again, and none of
//     their commits rests on an event that is not there;
//   - files are newer than the commits and uploads that name them, the configuration
//     is newer than the threads that name its resources, its history is newer than it;
//   - no act is newer than the audit, which has each before it is done.
//
// LEASE, PRESENCE and SESSION are of processes and people who are there: agents sign
// in again, and whoever was signed out stays so. CLIENT is not copied either: a token
// that was revoked since would be good again.
func (b *Bus) Copied() []string {
	bucket := func(names ...string) (all []string) {
		for _, name := range names {
			all = append(all, kvPrefix+name)
		}
		return all
	}
	partitions := func(of func(int) string) (all []string) {
		for p := range b.cfg.Partitions {
			all = append(all, of(p))
		}
		return all
	}
	return slices.Concat(
		bucket(subject.PrivacyBucket),
		bucket(subject.CheckpointBucket, subject.ProvisionBucket),
		bucket(subject.UploadBucket, subject.MediaBucket, subject.PersonaBucket),
		partitions(subject.ThreadStream),
		bucket(subject.ContactBucket), []string{subject.Files},
		partitions(subject.InboundStream),
		[]string{subject.DeadLetters, subject.Crm},
		bucket(subject.PauseBucket, subject.ReplyBucket, subject.ConfigBucket, subject.HistoryBucket),
		[]string{subject.Audit})
}

// CopyStream reads one stream of Copied as it stands now: head is told what it is
// like and how far it goes, then data gets its records piece by piece, which it must
// not keep. After an error what was read is of no use.
func (b *Bus) CopyStream(ctx context.Context, stream string, head func(config, state json.RawMessage) error, data func([]byte) error) error {
	if !slices.Contains(b.Copied(), stream) {
		return fault.New(fault.NotFound, "STREAM_UNKNOWN", "a backup has no stream %q", stream)
	}
	ctx, leave := b.enter(ctx)
	defer leave()
	inbox := b.nc.NewInbox()
	sub, err := b.nc.SubscribeSync(inbox)
	if err != nil {
		return brokerFault(err, "copy stream %s", stream)
	}
	defer func() { _ = sub.Unsubscribe() }()
	var answer struct {
		Config, State json.RawMessage
	}
	err = b.ask(ctx, "STREAM.SNAPSHOT."+stream, map[string]any{"deliver_subject": inbox, "no_consumers": true,
		"chunk_size": chunkOfCopy, "window_size": windowOfCopy}, &answer)
	if err == nil {
		err = head(answer.Config, answer.State)
	}
	for err == nil {
		var m *nats.Msg
		if m, err = next(ctx, sub); err != nil {
			break
		}
		if status := m.Header.Get("Status"); len(m.Data) == 0 {
			if status == "" || status == "204" {
				return nil
			}
			err = fmt.Errorf("the broker broke off: %s %s", status, m.Header.Get("Description"))
			break
		}
		if err = data(m.Data); err == nil && m.Reply != "" {
			err = m.Respond(nil)
		}
	}
	return brokerFault(err, "copy stream %s", stream)
}

func next(ctx context.Context, sub *nats.Subscription) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	return sub.NextMsgWithContext(ctx)
}

// ask asks the broker's own API.
func (b *Bus) ask(ctx context.Context, what string, req, into any) error {
	data, err := json.Marshal(req)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	m, err := b.nc.RequestWithContext(ctx, "$JS.API."+what, data)
	if err != nil {
		return err
	}
	return answered(m.Data, into)
}

func answered(data []byte, into any) error {
	var refusal struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(data, &refusal); err != nil {
		return err
	}
	if refusal.Error != nil {
		return refusal.Error
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(data, into)
}

// putBack makes the streams of a backup in a broker that has none of a house. A
// stream of its own says that it is being done until Restored is called: one that
// was broken off is begun anew, and no process takes it for a house.
func (b *Bus) putBack(ctx context.Context, r *Restore) error {
	half, err := b.restoring(ctx)
	if err != nil {
		return err
	}
	names, err := b.present(ctx)
	switch {
	case err != nil:
		return err
	case len(names) > 0 && !half:
		return fault.New(fault.Precondition, "HOUSE_NOT_EMPTY",
			"there is a house already (stream %s and %d more); restore into an empty broker or another data_dir", names[0], len(names)-1)
	}
	if !half {
		if _, err := b.js.CreateStream(ctx, jetstream.StreamConfig{Name: subject.Restoring, Subjects: []string{subject.RestoringMark}, Storage: jetstream.FileStorage, Replicas: b.cfg.Replicas}); err != nil {
			return brokerFault(err, "mark the house as being restored")
		}
	}
	for _, name := range names {
		if err := b.js.DeleteStream(ctx, name); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
			return brokerFault(err, "take away what is left of a restore that was broken off")
		}
	}
	for _, c := range r.Copies {
		if err := b.putStreamBack(ctx, c); err != nil {
			return err
		}
		b.log.InfoContext(ctx, "a stream is restored", key.Stream, c.Stream)
	}
	return nil
}

// restoring tells whether a restore has begun and is not finished.
func (b *Bus) restoring(ctx context.Context) (bool, error) {
	_, err := retryFor(ctx, startPatience, func(ctx context.Context) (jetstream.Stream, error) { return b.js.Stream(ctx, subject.Restoring) })
	if definite(err) { // there is no such stream, or the broker keeps none at all, which the first of the house will say
		return false, nil
	}
	return err == nil, brokerFault(err, "look whether the house is being restored")
}

// present are the streams in the broker that are, or would be, of a house.
func (b *Bus) present(ctx context.Context) (names []string, _ error) {
	lister := b.js.StreamNames(ctx)
	for name := range lister.Name() {
		if subject.IsStream(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, brokerFault(lister.Err(), "look which streams there are")
}

func (b *Bus) putStreamBack(ctx context.Context, c Copy) error {
	var config map[string]any
	if err := json.Unmarshal(c.Config, &config); err != nil {
		return fault.New(fault.Invalid, "BACKUP_DAMAGED", "the backup does not say what stream %s is like", c.Stream)
	}
	config["num_replicas"] = b.cfg.Replicas // of this deployment, which may be another sort than that of the backup
	delete(config, "placement")
	var answer struct {
		Deliver string `json:"deliver_subject"`
	}
	err := b.ask(ctx, "STREAM.RESTORE."+c.Stream, map[string]any{"config": config, "state": c.State}, &answer)
	if err != nil {
		return brokerFault(err, "restore stream %s", c.Stream)
	}
	if err := b.pourAll(ctx, c, answer.Deliver); err != nil {
		b.breakOff(ctx, answer.Deliver)
		return err
	}
	return nil
}

func (b *Bus) pourAll(ctx context.Context, c Copy, to string) error {
	records, err := c.Open()
	if err != nil {
		return err
	}
	defer func() { _ = records.Close() }()
	chunk := make([]byte, chunkOfCopy)
	for {
		n, err := io.ReadFull(records, chunk)
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			return err
		}
		if n > 0 {
			if err := b.pour(ctx, to, chunk[:n]); err != nil {
				return brokerFault(err, "restore stream %s", c.Stream)
			}
		}
		if end {
			return brokerFault(b.pour(ctx, to, nil), "restore stream %s", c.Stream)
		}
	}
}

// pour hands the broker a piece of a stream; nothing is the end of it. Another
// broker of a cluster may not have heard yet who takes the pieces: then nobody has
// got this one, and it is handed over again.
func (b *Bus) pour(ctx context.Context, to string, chunk []byte) error {
	ctx, cancel := context.WithTimeout(ctx, 10*silence) // at the end it reads the whole stream once
	defer cancel()
	m, err := b.nc.RequestWithContext(ctx, to, chunk)
	for deadline := time.Now().Add(startPatience); errors.Is(err, nats.ErrNoResponders) && ctx.Err() == nil && time.Now().Before(deadline); {
		pause(ctx, 10*time.Millisecond)
		m, err = b.nc.RequestWithContext(ctx, to, chunk)
	}
	if err != nil || len(m.Data) == 0 {
		return err
	}
	return answered(m.Data, nil)
}

// breakOff tells a broker that a stream does not go on. It would wait for seconds
// otherwise, and for ever when it is stopped just then. An end alone could be taken
// for that of a whole stream, so it gets bytes before it with which none goes on: in
// the snapshots' format (s2) a piece of a kind that does not exist.
func (b *Bus) breakOff(ctx context.Context, to string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), silence)
	defer cancel()
	if b.pour(ctx, to, []byte{0x7f, 0, 0, 0}) == nil {
		_ = b.pour(ctx, to, nil) // it says that it is no stream, which we know
	}
}

// Restored says that a restored house is whole: from here on processes take it for
// one.
func (b *Bus) Restored(ctx context.Context) error {
	_, err := retryAway(ctx, func(ctx context.Context) (struct{}, error) {
		err := b.js.DeleteStream(ctx, subject.Restoring)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			err = nil
		}
		return struct{}{}, err
	})
	return brokerFault(err, "finish the restore")
}
