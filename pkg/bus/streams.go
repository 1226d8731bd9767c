package bus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	maxPartitions = 256
	// partitionsKey of CONFIG says how many partitions the deployment has.
	// Keys that begin with sys. are the bus's own: no Bucket shows them.
	systemKeys    = "sys."
	partitionsKey = systemKeys + "partitions"
	kvPrefix      = "KV_"
	kvSubject     = "$KV."
	sessionAge    = 24 * time.Hour
	mediaAge      = 80 * 24 * time.Hour // Meta's ids end after 90 days
	markerTTL     = time.Minute
	// CrmAge is how long is kept what a CRM is told.
	CrmAge = 14 * 24 * time.Hour
)

// ensure makes the streams and buckets that are missing, and refuses those
// that are there with properties on which a promise of the bus rests. Where
// brokers are too few for the replicas, one must do if that is allowed.
func (b *Bus) ensure(ctx context.Context) error {
	err := b.openStreams(ctx)
	if tooFewBrokers(err) && b.cfg.Replicas > 1 {
		err = b.tolerate("REPLICAS_MISSING", fmt.Sprintf("the broker cannot keep %d copies of a stream", b.cfg.Replicas),
			fmt.Sprintf("run a cluster of at least %d brokers with room for them, or set bus.replicas to 1", b.cfg.Replicas))
		if err == nil {
			b.cfg.Replicas = 1
			err = b.openStreams(ctx)
		}
	}
	if err != nil {
		return err
	}
	return b.checkReplicas()
}

// checkReplicas looks for streams with fewer replicas than the settings ask
// for. From here on Config.Replicas is what the streams have.
func (b *Bus) checkReplicas() error {
	want, fewer, example := b.cfg.Replicas, 0, ""
	b.cfg.Replicas, b.copies = 1, math.MaxInt
	for name, s := range b.streams {
		have := s.CachedInfo().Config.Replicas
		b.cfg.Replicas, b.copies = max(b.cfg.Replicas, have), min(b.copies, have)
		if have < want {
			fewer++
			example = max(example, name)
		}
	}
	if fewer == 0 {
		return nil
	}
	return b.tolerate("REPLICAS_MISSING", fmt.Sprintf("%d of %d streams have fewer than %d replicas", fewer, len(b.streams), want),
		fmt.Sprintf("on a cluster of at least %d brokers raise each that \"nats stream ls --all\" shows (nats stream update %s --replicas=%d), then restart the services", want, example, want))
}

// openStreams opens all streams, and makes those that are missing.
func (b *Bus) openStreams(ctx context.Context) error {
	for _, c := range b.buckets() {
		if err := b.ensureStream(ctx, c); err != nil {
			return err
		}
	}
	if err := b.agreePartitions(ctx); err != nil {
		return err
	}
	configs := []jetstream.StreamConfig{b.logStream(subject.DeadLetters, subject.DeadLetterAll), b.logStream(subject.Files, subject.FilesAll), b.crmStream(), b.auditStream()}
	for p := range b.cfg.Partitions {
		configs = append(configs, b.logStream(subject.InboundStream(p), subject.Inbound(p)),
			b.logStream(subject.ThreadStream(p), subject.ThreadAll(p)))
	}
	handles := make([]jetstream.Stream, len(configs))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, c := range configs {
		g.Go(func() (err error) { handles[i], err = b.openStream(gctx, c); return err })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, c := range configs {
		b.streams[c.Name] = handles[i]
	}
	return nil
}

func (b *Bus) ensureStream(ctx context.Context, c jetstream.StreamConfig) error {
	s, err := b.openStream(ctx, c)
	if err == nil {
		b.streams[c.Name] = s
	}
	return err
}

// logStream never drops what nobody has handled: full means refused. Single
// records can be erased, because people may ask for it.
func (b *Bus) logStream(name, subjects string) jetstream.StreamConfig {
	return jetstream.StreamConfig{Name: name, Subjects: []string{subjects}, Storage: jetstream.FileStorage,
		Replicas: b.cfg.Replicas, Discard: jetstream.DiscardNew, Retention: jetstream.LimitsPolicy,
		AllowDirect: true, AllowAtomicPublish: true}
}

// crmStream lets its oldest go: whoever is that late compares everything.
func (b *Bus) crmStream() jetstream.StreamConfig {
	c := b.logStream(subject.Crm, subject.CrmAll)
	c.MaxAge = CrmAge
	return c
}

func (b *Bus) buckets() []jetstream.StreamConfig {
	config := b.bucketStream(subject.ConfigBucket, 10)
	history := b.bucketStream(subject.HistoryBucket, 1)
	checkpoint := b.bucketStream(subject.CheckpointBucket, 1)
	presence := b.bucketStream(subject.PresenceBucket, 1)
	pause := b.bucketStream(subject.PauseBucket, 1)
	session := b.bucketStream(subject.SessionBucket, 1)
	session.MaxAge = sessionAge
	client := b.bucketStream(subject.ClientBucket, 1)
	provision := b.bucketStream(subject.ProvisionBucket, 1)
	privacy := b.bucketStream(subject.PrivacyBucket, 1)
	media := b.bucketStream(subject.MediaBucket, 1)
	media.MaxAge = mediaAge
	persona := b.bucketStream(subject.PersonaBucket, 1)
	upload := b.bucketStream(subject.UploadBucket, 1)
	contacts := b.bucketStream(subject.ContactBucket, 1)
	reply := b.bucketStream(subject.ReplyBucket, 1)
	return []jetstream.StreamConfig{config, history, checkpoint, presence, pause, session, client, provision, privacy, media, persona, upload, contacts, reply, b.leases()}
}

func (b *Bus) bucketStream(name string, history int64) jetstream.StreamConfig {
	c := b.logStream(kvPrefix+name, kvSubject+name+".>")
	c.MaxMsgsPerSubject, c.AllowRollup = history, true
	return c
}

// leases is the bucket of leases. They need not outlive the broker: whoever
// holds one says so again. On disk they would cost it dozens of synced writes a
// second while nothing happens.
func (b *Bus) leases() jetstream.StreamConfig {
	c := b.bucketStream(subject.LeaseBucket, 1)
	c.Storage, c.AllowMsgTTL, c.SubjectDeleteMarkerTTL = jetstream.MemoryStorage, true, markerTTL
	return c
}

func (b *Bus) openStream(ctx context.Context, want jetstream.StreamConfig) (jetstream.Stream, error) {
	s, err := retryFor(ctx, startPatience, func(ctx context.Context) (jetstream.Stream, error) {
		s, err := b.js.Stream(ctx, want.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			s, err = b.js.CreateStream(ctx, want)
		}
		return s, err
	})
	if definite(err) {
		return nil, &fault.Error{Kind: fault.Precondition, Reason: "STREAM_REFUSED", Message: "the broker refuses stream " + want.Name, Cause: err}
	}
	if err != nil {
		return nil, brokerFault(err, "open stream %s", want.Name)
	}
	have := s.CachedInfo().Config
	if have.Storage != want.Storage || have.Discard != want.Discard || !have.AllowDirect || !have.AllowAtomicPublish {
		return nil, fault.New(fault.Precondition, "STREAM_UNFIT",
			"stream %s was made by somebody else: it must have storage %s, discard new, allow_direct and allow_atomic", want.Name, want.Storage)
	}
	return s, nil
}

// agreePartitions stores the number of partitions of a new deployment and
// refuses another number than that of an existing one: threads would change
// their partition.
func (b *Bus) agreePartitions(ctx context.Context) error {
	config := b.Bucket(subject.ConfigBucket)
	n := b.cfg.Partitions
	if n == 0 && b.cfg.Embedded {
		n = 4
	} else if n == 0 {
		n = 16
	}
	e, err := retryFor(ctx, startPatience, func(ctx context.Context) (Entry, error) {
		err := config.write(ctx, Write{Key: partitionsKey, Value: []byte(strconv.Itoa(n))})
		if err != nil && !fault.Is(err, fault.Conflict) {
			return Entry{}, fault.Wrap(err, "store the number of partitions")
		}
		// Where several start together, a cluster refuses the second number some
		// time before the first one can be read.
		e, err := config.Get(ctx, partitionsKey)
		return e, fault.Wrap(err, "read the number of partitions")
	})
	if err != nil {
		return err
	}
	stored, err := strconv.Atoi(string(e.Value))
	if err != nil || stored < 1 || stored > maxPartitions {
		return fault.New(fault.Precondition, "PARTITIONS_DAMAGED", "CONFIG key %s holds %q, which is no number of partitions", partitionsKey, e.Value)
	}
	if b.cfg.Partitions != 0 && b.cfg.Partitions != stored {
		return fault.New(fault.Precondition, "PARTITIONS_DIFFER",
			"this deployment has %d partitions, bus.partitions says %d; the number is fixed when a deployment is made: set it to %d or leave it out", stored, b.cfg.Partitions, stored)
	}
	b.cfg.Partitions = stored
	return nil
}

// tolerate is a refusal, or with AllowUnsafe something that Checks repeats for ever.
func (b *Bus) tolerate(reason, detail, remedy string) error {
	if !b.cfg.AllowUnsafe {
		return fault.New(fault.Precondition, reason, "%s; %s (bus.allow_unsafe_durability starts all the same)", detail, remedy)
	}
	b.unsafely(detail, remedy)
	return nil
}

func (b *Bus) unsafely(detail, remedy string) {
	b.safety.Lock()
	defer b.safety.Unlock()
	b.metrics.unsafe.Set(1)
	b.unsafe = append(b.unsafe, Check{Name: "durability", Level: Failed, Detail: detail, Remedy: remedy})
}
