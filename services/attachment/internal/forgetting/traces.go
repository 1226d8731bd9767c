package forgetting

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/erasure"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/files"
	crmv1 "github.com/parley-desk/parley/proto/gen/parley/crm/v1"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// The stores, as they are named in counts.
const (
	inThread  = "THREAD"
	inInbound = "INBOUND"
	inFiles   = "FILES"
	inUpload  = "UPLOAD"
	inMedia   = "MEDIA"
	inCrm     = "CRM"
	inLetters = "DEADLETTER"
	inContact = "CONTACT"
)

// person is whom an erasure is about.
type person struct {
	threads  []*privacyv1.Target
	contacts []string
	letters  time.Time // dead letters that came later stay; zero: none does
	before   int64     // uploads that were begun later are of somebody new, ms since 1970 UTC
}

func personOf(e *privacyv1.Erasure) person {
	p := person{threads: e.GetThreads(), contacts: e.GetContacts(), before: erasure.Before(e)}
	if e.GetWay() == privacyv1.Way_WAY_RETENTION {
		p.letters = time.UnixMilli(p.before)
	}
	if p.before == 0 {
		p.before = math.MaxInt64
	}
	return p
}

func threadOf(t *privacyv1.Target) subject.Thread {
	return subject.Thread{Page: t.GetPage(), PSID: t.GetPsid()}
}

// upTo is the last revision of a thread that is the person's.
func upTo(t *privacyv1.Target) uint64 {
	if t.GetRevision() == 0 {
		return math.MaxUint64
	}
	return t.GetRevision()
}

// count tells how much of a person is in each store. Nothing is changed.
func (w *Worker) count(ctx context.Context, p person) ([]*privacyv1.Count, error) {
	n := map[string]int{}
	for _, t := range p.threads {
		found, err := w.Log.TracesOfThread(ctx, threadOf(t), upTo(t))
		if err != nil {
			return nil, err
		}
		n[inThread] += found.Len()
		if err := w.countFiles(ctx, t, n); err != nil {
			return nil, err
		}
		uploads, err := w.uploads(ctx, threadOf(t), p.before)
		if err != nil {
			return nil, err
		}
		n[inUpload] += len(uploads)
	}
	for _, look := range []struct {
		store string
		find  func(context.Context, person) ([]bus.Traces, error)
	}{{inInbound, w.inbound}, {inCrm, w.events}, {inLetters, w.letters}} {
		found, err := look.find(ctx, p)
		if err != nil {
			return nil, err
		}
		for _, traces := range found {
			n[look.store] += traces.Len()
		}
	}
	for _, id := range p.contacts {
		switch _, err := w.Contacts.Get(ctx, id); {
		case err == nil:
			n[inContact]++
		case !fault.Is(err, fault.NotFound):
			return nil, err
		}
	}
	var counts []*privacyv1.Count
	for _, store := range []string{inThread, inInbound, inFiles, inUpload, inMedia, inCrm, inLetters, inContact} {
		counts = append(counts, &privacyv1.Count{Store: store, Items: uint64(n[store])})
	}
	return counts, nil
}

// countFiles counts the files that a thread's log names, and of how many Meta has
// an id.
func (w *Worker) countFiles(ctx context.Context, t *privacyv1.Target, n map[string]int) error {
	for r, err := range w.Log.History(ctx, threadOf(t), 0) {
		if err != nil {
			return err
		}
		if r.Revision > upTo(t) {
			return nil
		}
		for _, fact := range r.Commit.GetFacts() {
			if fact.GetAttachmentKept() != nil {
				n[inFiles]++
			}
			for _, f := range fact.GetSendRequested().GetFiles() {
				n[inFiles]++
				switch _, err := w.Media.Get(ctx, files.MediaKey(w.Files.Signer, t.GetPage(), f.GetKind(), f.GetSha256())); {
				case err == nil:
					n[inMedia]++
				case !fault.Is(err, fault.NotFound):
					return err
				}
			}
		}
	}
	return nil
}

// uploads are the keys of a thread's uploads that were begun before.
func (w *Worker) uploads(ctx context.Context, t subject.Thread, before int64) (keys []string, _ error) {
	err := w.Uploads.Each(ctx, func(e bus.Entry) {
		var u struct {
			BeganMS int64 `json:"began_ms"`
		}
		if strings.HasPrefix(e.Key, t.Key()+".") && (json.Unmarshal(e.Value, &u) != nil || u.BeganMS <= before) {
			keys = append(keys, e.Key)
		}
	})
	return keys, err
}

// inbound are the records of INBOUND, partition by partition.
func (w *Worker) inbound(ctx context.Context, p person) (all []bus.Traces, _ error) {
	partitions := map[int]map[subject.Thread]uint64{}
	for _, t := range p.threads {
		n := threadOf(t).Partition(w.Log.Partitions())
		if partitions[n] == nil {
			partitions[n] = map[subject.Thread]uint64{}
		}
		last := uint64(math.MaxUint64)
		if t.GetInbound() > 0 || t.GetPart() {
			last = t.GetInbound()
		}
		partitions[n][threadOf(t)] = last
	}
	for n, of := range partitions {
		found, err := w.Log.TracesOfInbound(ctx, n, func(r bus.InboundRecord) bool {
			last, is := of[r.Thread]
			return is && r.Sequence <= last
		})
		if err != nil {
			return nil, err
		}
		all = append(all, found)
	}
	return all, nil
}

// events are what a CRM is told of the person. That a contact was deleted it is to
// be told still: that names the contact by its id and nothing else.
func (w *Worker) events(ctx context.Context, p person) ([]bus.Traces, error) {
	found, err := w.Log.TracesOfEvents(ctx, func(e *crmv1.Event) bool {
		if e.GetType() == crmv1.EventType_EVENT_TYPE_CONTACT_DELETED {
			return false
		}
		return e.GetAtMs() <= p.before && slices.ContainsFunc(p.threads, func(t *privacyv1.Target) bool { return t.GetPage() == e.GetPage() && t.GetPsid() == e.GetPsid() }) ||
			slices.Contains(p.contacts, e.GetContact())
	})
	return []bus.Traces{found}, err
}

// letters are the dead letters of the person.
func (w *Worker) letters(ctx context.Context, p person) ([]bus.Traces, error) {
	var threads []subject.Thread
	for _, t := range p.threads {
		threads = append(threads, threadOf(t))
	}
	found, err := w.Log.TracesOfLetters(ctx, threads, p.contacts, p.letters)
	return []bus.Traces{found}, err
}
