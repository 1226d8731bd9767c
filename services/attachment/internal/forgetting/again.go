package forgetting

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/erasure"
	"github.com/parley-desk/parley/pkg/fault"
	crmv1 "github.com/parley-desk/parley/proto/gen/parley/crm/v1"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// reconsider is how long orders that had not begun wait after a restore: some may have
// been stopped since the backup, and what is erased is gone.
const reconsider = time.Hour

// Again carries out in a restored house, in which nothing else runs, what was carried
// out since its backup: whoever is named by a certificate that the house does not know
// is erased, and whoever was being erased. It tells of how many persons something was
// there, and how many orders had not begun; those wait for an hour. It may be broken
// off and repeated.
//
// What a workstream had kept for long enough is left to its own job: it finds the same
// again.
func (w *Worker) Again(ctx context.Context, certificates []*privacyv1.Erasure) (persons, waiting int, _ error) {
	page, err := w.Book.Read(ctx)
	if err != nil {
		return 0, 0, err
	}
	var fresh []*privacyv1.Erasure
	for _, c := range certificates {
		if !w.Book.Genuine(c) {
			return 0, 0, fault.New(fault.Precondition, "CERTIFICATE_ALTERED", "the certificate %s is not as it was written, or was sealed with another keyset", c.GetId())
		}
		if !slices.ContainsFunc(page.Done, func(d *privacyv1.Erasure) bool { return d.GetId() == c.GetId() }) {
			fresh = append(fresh, c)
		}
	}
	if waiting, err = w.resume(ctx, page.Open, fresh); err != nil {
		return 0, 0, err
	}
	if persons, err = w.orderAgain(ctx, fresh); err != nil {
		return 0, 0, err
	}
	if err := w.carryOut(ctx, page.Holds); err != nil {
		return 0, 0, err
	}
	for _, c := range fresh {
		if err := w.Book.Keep(ctx, c); err != nil {
			return 0, 0, err
		}
	}
	return persons, waiting, nil
}

// resume has the orders go on that had begun, or are done by their certificates, and
// has the others wait.
func (w *Worker) resume(ctx context.Context, open, done []*privacyv1.Erasure) (waiting int, _ error) {
	for _, o := range open {
		e, revision, err := w.Book.Get(ctx, o.GetId())
		if err != nil {
			return 0, err
		}
		carried := slices.ContainsFunc(done, func(c *privacyv1.Erasure) bool { return c.GetId() == e.GetId() })
		switch {
		case carried:
			e.Again, e.StartsMs = e.GetId(), 0
		case e.GetStep() == privacyv1.Step_STEP_DRAIN && e.GetAgain() == "":
			waiting++
			e.StartsMs = max(e.GetStartsMs(), w.Now().Add(reconsider).UnixMilli())
		default:
			continue
		}
		if err := w.Book.Put(ctx, e, revision); err != nil {
			return 0, err
		}
	}
	return waiting, nil
}

// orderAgain orders that everybody is erased whom a certificate is about.
func (w *Worker) orderAgain(ctx context.Context, certificates []*privacyv1.Erasure) (persons int, _ error) {
	certificates = slices.DeleteFunc(slices.Clone(certificates), func(c *privacyv1.Erasure) bool { return c.GetWay() == privacyv1.Way_WAY_RETENTION })
	if len(certificates) == 0 {
		return 0, nil
	}
	threads, contacts, err := w.everybody(ctx)
	if err != nil {
		return 0, err
	}
	for _, c := range certificates {
		e := &privacyv1.Erasure{Id: uuid.NewSHA1(uuid.Nil, []byte("again\x00"+c.GetId())).String(), By: c.GetBy(), OrderedMs: w.Now().UnixMilli(),
			Way: c.GetWay(), Step: privacyv1.Step_STEP_DRAIN, Again: c.GetId()}
		for _, f := range c.GetFingerprints() {
			if t, there := threads[f]; there {
				e.Threads = append(e.Threads, &privacyv1.Target{Page: t.Page, Psid: t.PSID})
			}
			if id, there := contacts[f]; there {
				e.Contacts = append(e.Contacts, id)
			}
		}
		if len(e.GetThreads())+len(e.GetContacts()) == 0 {
			continue
		}
		persons++
		if err := w.Book.Order(ctx, e); err != nil && !fault.Is(err, fault.Conflict) {
			return 0, err
		}
	}
	return persons, nil
}

// everybody is who there is, by fingerprint: also those of whom a backup has something
// in one stream and nothing in another, because they came while it was made.
func (w *Worker) everybody(ctx context.Context) (threads map[string]subject.Thread, contacts map[string]string, _ error) {
	threads, contacts = map[string]subject.Thread{}, map[string]string{}
	seen := map[subject.Thread]bool{}
	note := func(t subject.Thread) {
		if !seen[t] {
			seen[t], threads[w.Book.OfThread(t)] = true, t
		}
	}
	for r, err := range w.Log.States(ctx) {
		if err != nil {
			return nil, nil, err
		}
		note(r.Thread)
	}
	for p := range w.Log.Partitions() {
		if _, err := w.Log.TracesOfInbound(ctx, p, func(r bus.InboundRecord) bool { note(r.Thread); return false }); err != nil {
			return nil, nil, err
		}
	}
	if _, err := w.Log.TracesOfEvents(ctx, func(e *crmv1.Event) bool {
		note(subject.Thread{Page: e.GetPage(), PSID: e.GetPsid()})
		return false
	}); err != nil {
		return nil, nil, err
	}
	owners, err := w.Log.FileOwners(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, t := range owners {
		note(t)
	}
	if err := w.Uploads.Each(ctx, func(e bus.Entry) {
		if parts := strings.SplitN(e.Key, ".", 3); len(parts) == 3 {
			if t, err := subject.ParseKey(parts[0] + "." + parts[1]); err == nil {
				note(t)
			}
		}
	}); err != nil {
		return nil, nil, err
	}
	return threads, contacts, w.Cards.Each(ctx, func(e bus.Entry) {
		if id, err := subject.ParseContactKey(e.Key); err == nil && subject.IsContact(e.Key) {
			contacts[w.Book.OfContact(id)] = id
		}
	})
}

// carryOut carries out every order that has begun, and those again that were. Whoever
// held somebody of those had let go by the time of the certificate; a hold names whom
// it is of.
func (w *Worker) carryOut(ctx context.Context, holds []*privacyv1.Hold) error {
	page, err := w.Book.Read(ctx)
	if err != nil {
		return err
	}
	for _, e := range page.Open {
		for _, h := range holds {
			if e.GetAgain() == "" || !erasure.Covers(h, e) {
				continue
			}
			if err := w.Book.Release(ctx, h); err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
		}
	}
	if _, err := w.Pass(ctx); err != nil {
		return err
	}
	if page, err = w.Book.Read(ctx); err != nil {
		return err
	}
	for _, e := range page.Open {
		if e.GetStep() > privacyv1.Step_STEP_DRAIN || e.GetAgain() != "" {
			return fault.New(fault.Precondition, "ERASURE_STUCK", "erasure %s cannot be carried out: %s", e.GetId(), e.GetWaits())
		}
	}
	return ctx.Err()
}
