// Package lapsing takes away the files that are older than files are kept.
//
// What is old the store says, by when a file was begun. First the thread says
// that it goes, so that no desk offers what is not there; then it goes. Whoever
// dies between the two leaves a file that the thread has given up, and the next
// finds it in the store. A file that no thread knows of is the leftover of one who
// died, and goes without a word.
package lapsing

import (
	"context"
	"iter"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/files"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	// every is how often is looked for old files.
	every = 6 * time.Hour
	// named is how many files one commit names.
	named = 500
)

// Threads is the part of bus.Bus that lapsing needs.
type Threads interface {
	Update(ctx context.Context, t subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error)
	History(ctx context.Context, t subject.Thread, after uint64) iter.Seq2[bus.Record, error]
}

// Job takes old files away. All fields are needed.
type Job struct {
	Threads Threads
	Files   files.Store
	Keep    time.Duration // how long files are kept; 0: for ever
	Now     func() time.Time
	Meter   *Meter
	Log     *slog.Logger
}

// Meter tells of files and their age.
type Meter struct {
	lapsed prometheus.Counter
	oldest atomic.Int64 // ms since 1970 UTC; 0: there is none
}

// NewMeter registers the metrics of lapsing.
func NewMeter(r prometheus.Registerer, now func() time.Time) *Meter {
	m := &Meter{lapsed: prometheus.NewCounter(prometheus.CounterOpts{Name: "parley_attachment_lapsed_total",
		Help: "Files that were taken away because they were older than attachment.keep_days."})}
	r.MustRegister(m.lapsed, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "parley_attachment_oldest_file_seconds",
		Help: "Age of the oldest file in the store, in the process that looks after it; 0 where there is none, and in others."},
		func() float64 {
			at := m.oldest.Load()
			if at == 0 {
				return 0
			}
			return now().Sub(time.UnixMilli(at)).Seconds()
		}))
	return m
}

func (m *Meter) see(oldest time.Time) {
	if oldest.IsZero() {
		m.oldest.Store(0)
		return
	}
	m.oldest.Store(oldest.UnixMilli())
}

// Run looks for old files now and then until ctx ends or something fails. One
// process does at a time; that two do for a moment is harmless.
func (j *Job) Run(ctx context.Context) error {
	defer j.Meter.see(time.Time{})
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := j.Sweep(ctx); err != nil {
			return fault.Wrap(err, "take old files away")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Sweep takes away what is too old now.
func (j *Job) Sweep(ctx context.Context) error {
	before := time.Time{}
	if j.Keep > 0 {
		before = j.Now().Add(-j.Keep)
	}
	for {
		old, oldest, err := j.Files.Older(ctx, before)
		if err != nil {
			return err
		}
		if err := j.take(ctx, old); err != nil {
			return err
		}
		if len(old) < files.AtOnce {
			j.Meter.see(oldest)
			return nil
		}
	}
}

// take takes objects away, thread by thread.
func (j *Job) take(ctx context.Context, old []string) error {
	of := map[subject.Thread][]string{}
	for _, object := range old {
		t, err := subject.ThreadOfFile(object)
		if err != nil {
			return fault.Wrap(err, "read whose a file is")
		}
		of[t] = append(of[t], object)
	}
	for t, objects := range of {
		if err := j.tell(ctx, t, objects); err != nil {
			return err
		}
		for _, object := range objects {
			if err := j.Files.Remove(ctx, files.Object{Key: object}); err != nil {
				return err
			}
		}
		j.Meter.lapsed.Add(float64(len(objects)))
	}
	if len(old) > 0 {
		j.Log.InfoContext(ctx, "took old files away", key.Files, len(old))
	}
	return nil
}

// tell has the thread say which of the objects it shows no more.
func (j *Job) tell(ctx context.Context, t subject.Thread, objects []string) error {
	shown, err := j.shown(ctx, t, objects)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(shown, named) {
		_, _, err := j.Threads.Update(ctx, t, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) {
			return []*threadv1.Fact{thread.Of(&threadv1.FilesLapsed{Objects: some})}, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// shown are those of the objects that the thread has messages with.
func (j *Job) shown(ctx context.Context, t subject.Thread, objects []string) ([]string, error) {
	shown := map[string]bool{}
	for record, err := range j.Threads.History(ctx, t, 0) {
		if err != nil {
			return nil, err
		}
		for _, fact := range record.Commit.GetFacts() {
			if kept := fact.GetAttachmentKept(); kept != nil {
				shown[kept.GetObject()] = true
			}
			for _, sent := range fact.GetSendRequested().GetFiles() {
				shown[sent.GetObject()] = true
			}
			for _, gone := range fact.GetFilesLapsed().GetObjects() {
				delete(shown, gone)
			}
			if fact.GetFilesErased() != nil || fact.GetThreadErased() != nil {
				clear(shown)
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(objects), func(object string) bool { return !shown[object] }), nil
}
