package bus

import (
	"context"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/telemetry/key"
)

// Lead runs work while this process holds the named lease; exactly one of all
// processes does at a time, but for a frozen one that wakes: work must be
// harmless twice. It blocks until ctx ends and runs work again when it returns,
// after a pause when it returned an error.
func (b *Bus) Lead(ctx context.Context, role string, work func(context.Context) error) error {
	if err := validStage(role); err != nil {
		return err
	}
	ctx, leave := b.enter(ctx)
	defer leave()
	err := b.hold(ctx, "lead."+role, 1, func(t tenure) {
		lead, cancel := context.WithCancel(t.lost)
		defer cancel()
		stopped := make(chan struct{})
		defer close(stopped)
		go func() {
			select {
			case <-t.stop:
				cancel()
			case <-stopped:
			}
		}()
		for wait := 100 * time.Millisecond; lead.Err() == nil; wait = min(2*wait, 5*time.Second) {
			_, err := guard(func() (struct{}, error) { return struct{}{}, work(lead) })
			if lead.Err() != nil {
				return
			}
			if err == nil {
				wait = 50 * time.Millisecond
			} else {
				b.log.WarnContext(lead, "leading failed, starting again", key.Role, role, key.Err, err)
			}
			pause(lead, wait)
		}
	})
	return brokerFault(err, "lead %s", role)
}

// validStage refuses names that would not be one part of a key or subject.
func validStage(name string) error {
	ok := name != ""
	for _, r := range name {
		ok = ok && (r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	}
	if !ok {
		return fault.New(fault.Invalid, "NAME_INVALID", "%q is no name of a stage or role: use letters, digits, - and _", name)
	}
	return nil
}
