package repair

import (
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// mirror is the bucket PROVISION as read so far.
type mirror struct {
	mu      sync.Mutex
	entries map[string]bus.Entry
	changed chan struct{}
}

func newMirror() *mirror {
	return &mirror{entries: map[string]bus.Entry{}, changed: make(chan struct{})}
}

// take notes an entry. That events come, and that ingress is there, is written
// all the time and is no news.
func (m *mirror) take(e bus.Entry) {
	kind, _, err := subject.ParseProvision(e.Key)
	if err != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.entries[e.Key]
	m.entries[e.Key] = e
	switch kind {
	case "events", "callback":
		return
	case "alive":
		if decode(before, &provisionv1.Alive{}).GetGapToMs() == decode(e, &provisionv1.Alive{}).GetGapToMs() {
			return
		}
	}
	close(m.changed)
	m.changed = make(chan struct{})
}

// next is closed at the next news. Take it before looking, and none is missed.
func (m *mirror) next() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

// look gives the evidence of a page, what was done about it, and the revision
// of that; 0 when nothing was.
func (m *mirror) look(page *configv1.Page) (Evidence, *provisionv1.Repair, uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := page.GetMeta().GetId()
	e := Evidence{PageID: page.GetPageId(), Alive: decode(m.entries[subject.AliveKey], &provisionv1.Alive{}),
		Events:  decode(m.entries[subject.EventsKey(page.GetPageId())], &provisionv1.EventsSeen{}),
		Hearing: decode(m.entries[subject.RecordKey(id)], &provisionv1.Record{}).GetHearing()}
	entry := m.entries[subject.RepairKey(id)]
	if entry.Value == nil {
		entry.Revision = 0
	}
	return e, of(decode(entry, &provisionv1.Repair{}), page.GetPageId()), entry.Revision
}

// strays are the keys of what was done about pages that exists does not know.
func (m *mirror) strays(exists func(page string) bool) (keys []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for at, e := range m.entries {
		if kind, id, err := subject.ParseProvision(at); err == nil && kind == "repair" && e.Value != nil && !exists(id) {
			keys = append(keys, at)
		}
	}
	return keys
}

// jobs counts the jobs, and those of them that are held up.
func (m *mirror) jobs() (all, held int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for at, e := range m.entries {
		kind, _, err := subject.ParseProvision(at)
		if err != nil || kind != "repair" {
			continue
		}
		job := decode(e, &provisionv1.Repair{}).GetJob()
		if job != nil {
			all++
		}
		if job.GetTrouble() != "" {
			held++
		}
	}
	return all, held
}

// decode reads an entry into m. One that is damaged reads as empty: what it said
// is found out again.
func decode[M proto.Message](e bus.Entry, m M) M {
	if proto.Unmarshal(e.Value, m) != nil {
		proto.Reset(m)
	}
	return m
}
