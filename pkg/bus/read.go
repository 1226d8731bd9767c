package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
)

// stored is a message as the broker keeps it.
type stored struct {
	stream  string
	subject string
	seq     uint64
	header  nats.Header
	data    []byte
	at      time.Time
	part    int              // which event of a bundle it is
	event   *inboundv1.Event // the event, of a part that is one
	rest    string           // of an event whose record was erased: its sequence
	shared  *decoded         // of a commit that several read; nil when nobody else does
}

// lookup asks a stream for one message: the last of a subject, the first of a
// subject from a sequence on, or the one with a sequence.
type lookup struct {
	Last  string `json:"last_by_subj,omitempty"`
	Next  string `json:"next_by_subj,omitempty"`
	Seq   uint64 `json:"seq,omitempty"`
	Batch int    `json:"batch,omitempty"` // of page
}

// get reads from any replica: fast, and with several replicas perhaps a moment
// behind. That is right for whatever a precondition checks afterwards.
func (b *Bus) get(ctx context.Context, stream string, l lookup) (stored, error) {
	var m *jetstream.RawStreamMsg
	var err error
	if l.Last != "" {
		m, err = b.streams[stream].GetLastMsgForSubject(ctx, l.Last)
	} else if l.Next != "" {
		m, err = b.streams[stream].GetMsg(ctx, l.Seq, jetstream.WithGetMsgSubject(l.Next))
	} else {
		m, err = b.streams[stream].GetMsg(ctx, l.Seq)
	}
	if err != nil {
		return stored{}, err
	}
	return stored{stream: stream, subject: m.Subject, seq: m.Sequence, header: m.Header, data: m.Data, at: m.Time}, nil
}

// getLeader reads from the leader of the stream, which has seen every write it
// acknowledged. With one replica every read is that.
func (b *Bus) getLeader(ctx context.Context, stream string, l lookup) (stored, error) {
	if b.cfg.Replicas == 1 {
		return b.get(ctx, stream, l)
	}
	return b.askLeader(ctx, stream, l)
}

// askLeader is getLeader by the one way that also takes a wildcard in Last.
func (b *Bus) askLeader(ctx context.Context, stream string, l lookup) (stored, error) {
	req, err := json.Marshal(l)
	if err != nil {
		return stored{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	reply, err := b.nc.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+stream, req)
	if err != nil {
		return stored{}, err
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message *struct {
			Subject string    `json:"subject"`
			Seq     uint64    `json:"seq"`
			Header  []byte    `json:"hdrs"`
			Data    []byte    `json:"data"`
			Time    time.Time `json:"time"`
		} `json:"message"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return stored{}, err
	}
	switch {
	case answer.Error != nil:
		return stored{}, answer.Error
	case answer.Message == nil:
		return stored{}, jetstream.ErrMsgNotFound
	}
	m := answer.Message
	s := stored{stream: stream, subject: m.Subject, seq: m.Seq, data: m.Data, at: m.Time}
	if len(m.Header) > 0 {
		s.header, err = nats.DecodeHeadersMsg(m.Header)
	}
	return s, err
}

// page reads up to l.Batch messages of a subject in one request, from any
// replica, and tells whether there were more.
func (b *Bus) page(ctx context.Context, stream string, l lookup) (found []stored, more bool, err error) {
	req, err := json.Marshal(l)
	if err != nil {
		return nil, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	inbox, answers := b.nc.NewInbox(), make(chan *nats.Msg, l.Batch+1) // room for the whole batch and its end
	sub, err := b.nc.ChanSubscribe(inbox, answers)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := b.nc.PublishRequest("$JS.API.DIRECT.GET."+stream, inbox, req); err != nil {
		return nil, false, err
	}
	for {
		var m *nats.Msg
		select {
		case m = <-answers:
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
		switch status := m.Header.Get("Status"); status {
		case "":
			one, err := directly(stream, m)
			if err != nil {
				return nil, false, err
			}
			found = append(found, one)
		case "204": // the end of the batch
			return found, m.Header.Get(headerPending) != "0", nil
		case "404":
			return nil, false, nil
		default:
			return nil, false, fmt.Errorf("the broker answers %s %s", status, m.Header.Get("Description"))
		}
	}
}

const headerPending = "Nats-Num-Pending"

// directly reads one message of a batch: what it is stands in its headers.
func directly(stream string, m *nats.Msg) (stored, error) {
	seq, err := strconv.ParseUint(m.Header.Get(jetstream.SequenceHeader), 10, 64)
	if err != nil {
		return stored{}, err
	}
	at, err := time.Parse(time.RFC3339Nano, m.Header.Get(jetstream.TimeStampHeaer))
	return stored{stream: stream, subject: m.Header.Get(jetstream.SubjectHeader), seq: seq, header: m.Header, data: m.Data, at: at}, err
}
