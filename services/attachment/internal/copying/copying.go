// Package copying brings the files of a message into the object store and says
// in the thread what became of each.
//
// It may be stopped anywhere and run twice: a file counts as copied when its
// commit is in the log, of several copies one gets there, and the others go.
package copying

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/files"
	"github.com/parley-desk/parley/pkg/look"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/pkg/thread"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/attachment/internal/fetch"
)

// Why a file is lost, beside what package fetch says.
const (
	Empty         = "EMPTY"
	OtherType     = "TYPE_NOT_ALLOWED"
	TooManyPixels = "TOO_MANY_PIXELS"
	Unreachable   = "UNREACHABLE"
)

const (
	// together is how many files of one message are copied at a time.
	together = 3
	buffer   = 64 << 10
)

// Threads is the part of bus.Bus that copying needs.
type Threads interface {
	Load(ctx context.Context, t subject.Thread) (*threadv1.State, uint64, error)
	Update(ctx context.Context, t subject.Thread, decide func(*threadv1.State, uint64) ([]*threadv1.Fact, error)) (*threadv1.State, uint64, error)
}

// Links opens links of customers.
type Links interface {
	Open(ctx context.Context, link string, most int64) (io.ReadCloser, error)
}

// Retry says how often a file is asked for that is not to be had now.
type Retry struct {
	Attempts        int
	Pause, PauseMax time.Duration // the pause doubles
}

// Copier copies. All fields are needed.
type Copier struct {
	Threads Threads
	Store   files.Store
	Links   Links
	Policy  func(page string) directory.FilePolicy // by Meta's page id
	Retry   Retry
	Places  chan struct{} // as many transfers at once as there is room
	Meter   *Meter
	Log     *slog.Logger
}

// file is one file to copy.
type file struct {
	thread     subject.Thread
	message    string
	index      int32
	attachment *threadv1.Attachment
	stored     time.Time // when its message came into the log
}

// Handle copies the files of a commit that are still to be copied, and takes away
// those of a message that was taken back. It comes back when of each it is known
// what became of it.
func (c *Copier) Handle(ctx context.Context, r bus.Record) error {
	for _, fact := range r.Commit.GetFacts() {
		if mid := fact.GetMessageUnsent().GetMid(); mid != "" {
			if err := c.Store.Drop(ctx, r.Thread, named(mid)); err != nil {
				return fault.Wrap(err, "take away the files of a message")
			}
		}
	}
	wanted := filesOf(r)
	if len(wanted) == 0 {
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(together)
	for _, f := range wanted {
		group.Go(func() error { return c.bring(ctx, f) })
	}
	return group.Wait()
}

func filesOf(r bus.Record) []file {
	var all []file
	for _, fact := range r.Commit.GetFacts() {
		for i, a := range thread.AttachmentsOf(fact) {
			if thread.Wanted(a) {
				all = append(all, file{thread: r.Thread, message: thread.MessageOf(fact), index: int32(i), attachment: a, stored: r.Stored})
			}
		}
	}
	return all
}

// bring copies one file, however often it takes.
func (c *Copier) bring(ctx context.Context, f file) error {
	pause := c.Retry.Pause
	for attempt := 1; ; attempt++ {
		s, _, err := c.Threads.Load(ctx, f.thread)
		if err != nil {
			return fault.Wrap(err, "read a thread")
		}
		if !thread.Pending(s, f.message, f.index) {
			return nil
		}
		kept, err := c.once(ctx, f)
		var failure *fetch.Failure
		switch {
		case err == nil:
			return c.keep(ctx, f, kept)
		case ctx.Err() != nil:
			return ctx.Err() // the next owner begins anew
		case !errors.As(err, &failure):
			return fault.Wrap(err, "store a file")
		case failure.Final:
			return c.lose(ctx, f, failure.Reason, err)
		case attempt >= c.Retry.Attempts:
			return c.lose(ctx, f, Unreachable, err)
		}
		c.Meter.retries.Inc()
		c.Log.InfoContext(ctx, "a file is not to be had now", key.Attempts, attempt, key.Err, err)
		if err := wait(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, c.Retry.PauseMax)
	}
}

// once opens the link and stores what comes.
func (c *Copier) once(ctx context.Context, f file) (*threadv1.AttachmentKept, error) {
	select {
	case c.Places <- struct{}{}:
		defer func() { <-c.Places }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c.Meter.transfers.Inc()
	defer c.Meter.transfers.Dec()
	policy := c.Policy(f.thread.Page)
	body, err := c.Links.Open(ctx, f.attachment.GetUrl(), policy.Bytes)
	if err != nil {
		return nil, err
	}
	defer body.Close() //nolint:errcheck // what was read is judged by what was read
	in := bufio.NewReaderSize(body, buffer)
	head, err := in.Peek(look.HeadSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(head) == 0 {
		return nil, final(Empty, "nothing comes")
	}
	called := base(f.attachment.GetUrl())
	sort := look.Of(head, called, f.attachment.GetType())
	if sort.Extension == "" || !policy.Takes(sort.Extension) {
		return nil, final(OtherType, "it holds %q", sort.Extension)
	}
	kept := &threadv1.AttachmentKept{Message: f.message, Index: f.index, ContentType: sort.Type,
		Name: look.Name(called, sort.Extension)}
	return kept, c.store(ctx, f, kept, in)
}

// store measures a picture, and stores.
func (c *Copier) store(ctx context.Context, f file, kept *threadv1.AttachmentKept, in io.Reader) error {
	if strings.HasPrefix(kept.GetContentType(), "image/") {
		seen := &bytes.Buffer{}
		width, height, err := look.Measure(io.TeeReader(io.LimitReader(in, look.HeadRoom), seen))
		if err != nil {
			return final(TooManyPixels, "%v", err)
		}
		kept.Width, kept.Height = int32(width), int32(height)
		in = io.MultiReader(seen, in)
	}
	hash := sha256.New()
	object, err := c.Store.Put(ctx, f.thread, f.name(), io.TeeReader(in, hash))
	if err != nil {
		return err
	}
	kept.Object, kept.Size, kept.Sha256 = object.Key, object.Size, hex.EncodeToString(hash.Sum(nil))
	return nil
}

// name is what the file is known by in its thread.
func (f file) name() string { return named(f.message) + "." + strconv.Itoa(int(f.index)) }

// named is what the files of a message are known by.
func named(message string) string {
	sum := sha256.Sum256([]byte(message))
	return hex.EncodeToString(sum[:12])
}

func base(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return path.Base(u.Path)
}

// keep says that the file is here. Whoever comes second takes its copy away.
func (c *Copier) keep(ctx context.Context, f file, kept *threadv1.AttachmentKept) error {
	object := files.Object{Key: kept.GetObject(), Size: kept.GetSize()}
	first, err := c.commit(ctx, f, thread.Of(kept))
	if err != nil {
		return err // perhaps it is said: what is not is copied again
	}
	if !first {
		return fault.Wrap(c.Store.Remove(ctx, object), "remove a second copy")
	}
	c.Meter.kept(kept, time.Since(f.stored))
	if err := c.Store.Settle(ctx, object); err != nil {
		c.Log.WarnContext(ctx, "leftovers of a file stay until its thread is erased", key.Err, err)
	}
	return nil
}

// lose says that the file will never be here.
func (c *Copier) lose(ctx context.Context, f file, reason string, cause error) error {
	first, err := c.commit(ctx, f, thread.Of(&threadv1.AttachmentLost{Message: f.message, Index: f.index, Reason: reason}))
	if err == nil && first {
		c.Meter.lost(reason)
		c.Log.WarnContext(ctx, "a file of a customer's is lost", key.Reason, reason, key.Err, cause)
	}
	return err
}

// commit says what became of a file, unless that is said.
func (c *Copier) commit(ctx context.Context, f file, fact *threadv1.Fact) (first bool, _ error) {
	_, _, err := c.Threads.Update(ctx, f.thread, func(s *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		if first = thread.Pending(s, f.message, f.index); !first {
			return nil, nil
		}
		return []*threadv1.Fact{fact}, nil
	})
	return first && err == nil, fault.Wrap(err, "say what became of a file")
}

func final(reason, format string, args ...any) error {
	return &fetch.Failure{Reason: reason, Final: true, Cause: fmt.Errorf(format, args...)}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
