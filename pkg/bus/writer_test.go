package bus

import (
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	dto "github.com/prometheus/client_model/go"

	"github.com/parley-desk/parley/proto/subject"
)

// A crowd large enough goes out as atomic batches, and the one whose
// precondition fails takes nobody down with it.
func TestAGreatCrowdIsStoredInBatches(t *testing.T) {
	b := openOne(t)
	w := b.threads[0]
	const crowd, wrong = 5 * batchFromSingle, 100
	units := make([]*unit, crowd)
	w.flying = true // whoever submits finds a flight under way
	for i := range units {
		m := &nats.Msg{Subject: subject.Log(subject.Thread{Page: "1", PSID: fmt.Sprint(i)}, 1), Data: fmt.Append(nil, i), Header: nats.Header{headerExpected: {"0"}}}
		if i == wrong {
			m.Header[headerExpected] = []string{"7"}
		}
		units[i] = &unit{msgs: []*nats.Msg{m}, done: make(chan struct{})}
		w.submit(units[i])
	}
	w.fly()
	for i, u := range units {
		<-u.done
		if i == wrong {
			if !raced(u.err) {
				t.Errorf("the one that came too late was told %v", u.err)
			}
			continue
		}
		if u.err != nil || u.n != 1 {
			t.Fatalf("%d: %d stored, error %v", i, u.n, u.err)
		}
		m, err := b.get(t.Context(), w.stream, lookup{Seq: u.last})
		if err != nil || string(m.data) != fmt.Sprint(i) || m.seq != u.last {
			t.Errorf("%d was told number %d, where %q is: %v", i, u.last, m.data, err)
		}
	}
	var refused dto.Metric
	if err := b.metrics.fallbacks.Write(&refused); err != nil || refused.GetCounter().GetValue() == 0 {
		t.Errorf("no batch was refused, so none was made: %v", err)
	}
	info, err := b.streams[w.stream].Info(t.Context())
	if err != nil || info.State.Msgs != crowd-1 {
		t.Errorf("the log has %d messages, not %d: %v", info.State.Msgs, crowd-1, err)
	}
}
