package operate

import (
	"context"
	"fmt"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/erasure"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
)

const (
	// slowErasure is for how long an erasure may take before somebody should look: it
	// takes minutes. lateErasure is what is promised (P14).
	slowErasure, lateErasure = time.Hour, 24 * time.Hour
	// staleLook is how long ago was looked for what has been kept for long enough, at
	// the most, unless attachment.retention_every is longer than a day.
	staleLook = 48 * time.Hour
	// slowRetention is how long something may be kept longer than it says.
	slowRetention = 48 * time.Hour
)

// persons are the checks of what is promised to the people whom records are about.
func (s *Service) persons(ctx context.Context) []bus.Check {
	page, err := s.Book.Read(ctx)
	var seen *privacyv1.Retention
	if err == nil {
		seen, err = s.Book.Retention(ctx)
	}
	if err != nil {
		return []bus.Check{{Name: "privacy", Level: bus.Failed, Detail: "what was promised to people cannot be read", Remedy: "see the log of admin; a bucket of the broker does not answer, or is damaged"}}
	}
	return []bus.Check{erasures(page.Open, s.Now()), certificates(page.Done), retention(s.Directory.Now(), seen, s.Now())}
}

// certificates tells whether a restore would learn of everybody who was erased.
func certificates(done []*privacyv1.Erasure) bus.Check {
	c := bus.Check{Name: "privacy.certificates", Detail: "a restore learns of everybody who was erased"}
	if alone := len(erasure.Unshelved(done)); alone > 0 {
		c.Level, c.Detail = bus.Warning, fmt.Sprintf("certificates that are in the log alone: %d; a restore from before would bring these persons back", alone)
		c.Remedy = "set attachment.certificates to a folder on another disk that every process of attachment reaches; those of before are put there when attachment starts"
	}
	return c
}

// erasures tells whether everybody is erased who is to be.
func erasures(open []*privacyv1.Erasure, now time.Time) bus.Check {
	c, oldest := bus.Check{Name: "privacy.erasures", Detail: "everybody who is to be erased is"}, time.Duration(-1)
	var worst *privacyv1.Erasure
	for _, e := range open {
		if since := now.Sub(time.UnixMilli(max(e.GetOrderedMs(), e.GetStartsMs()))); since > oldest {
			worst, oldest = e, since
		}
	}
	if worst == nil {
		return c
	}
	c.Detail = fmt.Sprintf("%d are not done, the oldest since %s", len(open), oldest.Round(time.Second))
	if waits := worst.GetWaits(); waits != "" {
		c.Detail += "; it waits: " + waits
	}
	switch {
	case oldest > lateErasure:
		c.Level = bus.Failed
	case oldest > slowErasure:
		c.Level = bus.Warning
	default:
		return c
	}
	c.Remedy = "see `parleyctl privacy status` for what it waits for; attachment carries it out and must run"
	return c
}

// retention tells whether conversations go when their workstreams say so.
func retention(world *directory.Snapshot, seen *privacyv1.Retention, now time.Time) bus.Check {
	c := bus.Check{Name: "privacy.retention", Detail: "every workstream keeps its conversations for ever"}
	ends := false
	for _, w := range world.Workstreams {
		ends = ends || w.GetRetentionDays() > 0
	}
	if !ends {
		return c
	}
	c.Detail = "no conversation is kept for longer than its workstream says"
	c.Remedy = "see `parleyctl privacy retention` and `parleyctl privacy status`; attachment has them erased and must run"
	if looked := time.UnixMilli(seen.GetAtMs()); now.Sub(looked) > staleLook {
		c.Level, c.Detail = bus.Warning, "nobody has looked for two days whether conversations are kept for too long"
		return c
	}
	for _, one := range seen.GetKept() {
		late := now.Sub(time.UnixMilli(one.GetOldestMs())) - time.Duration(one.GetDays())*24*time.Hour
		if one.GetDue() > 0 && late > slowRetention {
			c.Level, c.Detail = bus.Warning, fmt.Sprintf("workstream %s keeps conversations for %d days and has records that are %s older; threads to be erased: %d",
				one.GetWorkstream(), one.GetDays(), (late/time.Hour*time.Hour).String(), one.GetDue())
			return c
		}
	}
	c.Remedy = ""
	return c
}
