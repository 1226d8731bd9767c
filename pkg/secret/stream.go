package secret

import (
	"errors"
	"io"

	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"

	"github.com/parley-desk/parley/pkg/fault"
)

const (
	streamHash  = "SHA256"
	streamPiece = 256 << 10 // bytes, sealed
)

// Stream seals and opens what is too long to be held at once: AES-256-GCM in pieces,
// of which each knows its place and whether it is the last. It is safe for concurrent
// use.
type Stream struct{ aead *subtle.AESGCMHKDF }

// Stream is one with the key that MAC gives for the purpose and the data: without the
// data the keyset opens nothing of it, and without the keyset the data does not.
func (b *Box) Stream(purpose string, data []byte) (*Stream, error) {
	aead, err := subtle.NewAESGCMHKDF(b.MAC(purpose, data), streamHash, macBytes, streamPiece, 0)
	if err != nil {
		return nil, fault.Wrap(err, "deriving the key of a stream")
	}
	return &Stream{aead}, nil
}

// Seal gives a writer that seals for the place what is written to it. Until it is
// closed, the end is missing and nothing opens to the end.
func (s *Stream) Seal(to io.Writer, place string) (io.WriteCloser, error) {
	return s.aead.NewEncryptingWriter(to, []byte(place))
}

// Open gives a reader of what Seal sealed for the same place. Every byte that it gives
// stood there; behind the last comes io.EOF. Anything else, and any other place, is a
// Precondition fault, from where it is found on.
func (s *Stream) Open(from io.Reader, place string) io.Reader {
	return &opening{stream: s, from: from, place: place}
}

// opening is what reads a sealed stream. It begins at the first read.
type opening struct {
	stream *Stream
	from   io.Reader
	place  string

	plain io.Reader
	below error // of whoever gives the sealed bytes
	ended error
}

// Read implements io.Reader.
func (o *opening) Read(p []byte) (n int, err error) {
	if o.ended != nil {
		return 0, o.ended
	}
	if o.plain == nil {
		o.plain, err = o.stream.aead.NewDecryptingReader(readerFunc(o.sealed), []byte(o.place))
	}
	opens := err == nil
	if opens {
		n, err = o.plain.Read(p)
	}
	switch {
	case err == nil:
		return n, nil
	case o.below != nil:
		err = o.below
	case !opens || !errors.Is(err, io.EOF): // sealed, nothing has no bytes
		err = &fault.Error{Kind: fault.Precondition, Reason: Unreadable, Cause: err,
			Message: o.place + " was altered, is not whole, or was sealed with another key; bring back what was written"}
	}
	o.ended = err
	return n, err
}

// sealed reads on, and keeps what went wrong there from being taken for an alteration.
func (o *opening) sealed(p []byte) (int, error) {
	n, err := o.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		o.below = err
	}
	return n, err
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
