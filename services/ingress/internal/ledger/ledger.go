// Package ledger keeps what people ask of their data, as Meta passes it on, in
// the bucket PRIVACY.
package ledger

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// codeLength is how long the codes of crypto/rand are: 130 bits, which nobody
// guesses.
const codeLength = 26

// Bucket is the part of bus.Bucket that is used.
type Bucket interface {
	Get(ctx context.Context, key string) (bus.Entry, error)
	Write(ctx context.Context, writes ...bus.Write) error
}

// Ledger keeps requests.
type Ledger struct{ bucket Bucket }

// New makes a ledger over the bucket PRIVACY.
func New(bucket Bucket) *Ledger { return &Ledger{bucket} }

// Keep stores a request that came with payload and gives its code. It returns
// when the request is on disk. One that comes again with the same payload is
// the same request, with the same code.
func (l *Ledger) Keep(ctx context.Context, r *privacyv1.Request, payload []byte) (code string, err error) {
	kept := proto.CloneOf(r)
	kept.Code = rand.Text()
	value, err := proto.Marshal(kept)
	if err != nil {
		return "", fault.Wrap(err, "encoding a request")
	}
	sum := sha256.Sum256(append([]byte(r.GetKind().String()+" "+r.GetAccount()+" "), payload...))
	same := subject.PayloadKey(hex.EncodeToString(sum[:]))
	err = l.bucket.Write(ctx, bus.Write{Key: same, Value: []byte(kept.GetCode())}, bus.Write{Key: subject.RequestKey(kept.GetCode()), Value: value})
	if !fault.Is(err, fault.Conflict) {
		return kept.GetCode(), err
	}
	before, err := l.bucket.Get(ctx, same)
	return string(before.Value), err
}

// Find reads the request with a code; fault.NotFound when there is none. What
// cannot be a code is not asked for.
func (l *Ledger) Find(ctx context.Context, code string) (*privacyv1.Request, error) {
	if len(code) != codeLength || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
		return nil, fault.New(fault.NotFound, "REQUEST_UNKNOWN", "there is no request with this code")
	}
	e, err := l.bucket.Get(ctx, subject.RequestKey(code))
	if err != nil {
		return nil, err
	}
	r := &privacyv1.Request{}
	return r, fault.Wrap(proto.Unmarshal(e.Value, r), "reading a request")
}
