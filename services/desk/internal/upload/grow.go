package upload

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/files"
	"github.com/parley-desk/parley/pkg/look"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/services/desk/internal/scan"
)

// Offset gives how much of an upload is stored.
func (s *Store) Offset(ctx context.Context, u Upload) (int64, error) {
	o, err := s.Files.Measure(ctx, u.Object)
	return o.Size, fault.Wrap(err, "measure an upload")
}

// Grow stores what from gives, in whole parts: the rest of one that breaks off is
// to be sent again. It begins at offset, which must be how much there is, and
// gives how much there is now. before is called before each part is read.
func (s *Store) Grow(ctx context.Context, u Upload, offset int64, from io.Reader, before func()) (int64, error) {
	have, err := s.Offset(ctx, u)
	if err != nil || have != offset {
		return have, errors.Join(err, moved(have, offset))
	}
	o := files.Object{Key: u.Object.Key, Size: have}
	part := make([]byte, min(files.PartSize, u.Size-have))
	for o.Size < u.Size {
		before()
		part = part[:min(files.PartSize, u.Size-o.Size)]
		if _, err := io.ReadFull(from, part); err != nil {
			return o.Size, nil // the caller went away, or sends the next piece by itself
		}
		if o, err = s.Files.Append(ctx, o, part); fault.Is(err, fault.Conflict) {
			return o.Size, moved(o.Size+1, o.Size)
		} else if err != nil {
			return o.Size, fault.Wrap(err, "store an upload")
		}
	}
	return o.Size, nil
}

// moved is the answer to who comes with the wrong offset.
func moved(have, offset int64) error {
	if have == offset {
		return nil
	}
	return fault.New(fault.Conflict, "UPLOAD_OFFSET", "the upload does not stand at %d; ask where it does", offset)
}

// Finish looks at a file that is whole: what it is, how large a picture, and
// whether it is harmless. One that cannot be sent is removed. Doing it again does
// nothing, or what is left to do.
func (s *Store) Finish(ctx context.Context, u Upload, policy directory.FilePolicy) (Upload, error) {
	if u.Sent != nil {
		return u, nil
	}
	u.Object.Size = u.Size
	sent, err := s.inspect(ctx, u, policy)
	var no *refusal
	if errors.As(err, &no) {
		if err := s.Drop(context.WithoutCancel(ctx), u); err != nil {
			s.Report.WarnContext(ctx, "a refused file stays until its upload lapses", key.Err, err)
		}
		return u, no.why
	}
	if err != nil {
		return u, err
	}
	u.Sent = sent
	return u, fault.Wrap(s.write(ctx, &u, u.revision), "keep what a file is")
}

// refusal is why a file will not be sent.
type refusal struct{ why *fault.Error }

func (r *refusal) Error() string { return r.why.Error() }

// inspect reads the file once.
func (s *Store) inspect(ctx context.Context, u Upload, policy directory.FilePolicy) (*threadv1.SentFile, error) {
	hash := sha256.New()
	in := bufio.NewReaderSize(io.TeeReader(s.Files.Open(ctx, u.Object), hash), look.HeadRoom)
	head, err := in.Peek(look.HeadSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fault.Wrap(err, "read an upload")
	}
	sort := look.Of(head, u.Name, spoken(u.Name))
	if sort.Extension == "" || !policy.Takes(sort.Extension) {
		return nil, &refusal{fault.New(fault.Invalid, "TYPE_NOT_ALLOWED", "files of this sort are not sent; what counts is what a file holds, not its name")}
	}
	sent := &threadv1.SentFile{Object: u.Object.Key, Size: u.Size, Kind: sort.Kind(), ContentType: sort.Type, Name: look.Name(u.Name, sort.Extension)}
	if u.Size > policy.Most(sent.GetKind()) {
		return nil, &refusal{TooLarge(policy.Most(sent.GetKind()))}
	}
	if sent.GetKind() == "image" {
		head, err := in.Peek(look.HeadRoom)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fault.Wrap(err, "read an upload")
		}
		width, height, err := look.Measure(bytes.NewReader(head))
		switch {
		case err != nil:
			return nil, &refusal{fault.New(fault.Invalid, "TOO_MANY_PIXELS", "the picture has more than 40 million pixels; make it smaller")}
		case width == 0:
			return nil, &refusal{fault.New(fault.Invalid, "TYPE_NOT_ALLOWED", "the picture is damaged")}
		}
		sent.Width, sent.Height = int32(width), int32(height)
	}
	if err := s.scan(ctx, sort.Extension, u.Size, in); err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return nil, fault.Wrap(err, "read an upload")
	}
	sent.Sha256 = hex.EncodeToString(hash.Sum(nil))
	return sent, nil
}

// spoken is Meta's word for what a name says: a recording comes in the box of a
// film.
func spoken(name string) string {
	if strings.EqualFold(path.Ext(name), ".m4a") {
		return "audio"
	}
	return ""
}

// TooLarge is the refusal of a file that is larger than most.
func TooLarge(most int64) *fault.Error {
	return fault.New(fault.Invalid, "TOO_LARGE", "files of this sort have at most %d MB", most>>20)
}

// scan has a file looked at, where somebody does. A file of which nobody knows is
// kept, so that another try need not upload it again, and is not sent.
func (s *Store) scan(ctx context.Context, extension string, size int64, file io.Reader) error {
	if s.Scanner == nil {
		return nil
	}
	err := s.Scanner.Scan(ctx, extension, size, file)
	var found *scan.Found
	switch {
	case err == nil:
		return nil
	case errors.As(err, &found):
		s.Report.WarnContext(ctx, "a file of an agent's is harmful", key.Reason, found.What)
		return &refusal{fault.New(fault.Invalid, "FILE_HARMFUL", "the scanner says that the file is harmful")}
	}
	s.Report.ErrorContext(ctx, "a file of an agent's could not be looked at", key.Err, err)
	f := fault.New(fault.Unavailable, "SCAN_FAILED", "the file could not be checked, so it is not sent; try again, and tell an administrator if it stays so")
	f.Cause = err
	return f
}
