package bus

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// stored is a message as the broker keeps it.
type stored struct {
	stream  string
	subject string
	seq     uint64
	header  nats.Header
	data    []byte
	at      time.Time
}

// lookup asks a stream for one message: the last of a subject, the first of a
// subject from a sequence on, or the one with a sequence.
type lookup struct {
	Last string `json:"last_by_subj,omitempty"`
	Next string `json:"next_by_subj,omitempty"`
	Seq  uint64 `json:"seq,omitempty"`
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
