package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
)

const (
	attempts    = 4
	firstPause  = 100 * time.Millisecond
	answerLimit = 4 << 20 // of a list of a thousand names
)

// errThere says that an object is there which must not be.
var errThere = fault.New(fault.Conflict, "FILE_PART_THERE", "the store has this part already")

// request is one call of the store's. A body may be sent again.
type request struct {
	method string
	name   string // of an object; empty: the bucket
	query  url.Values
	header map[string]string
	body   []byte
	most   int64 // bytes of an answer
}

// call makes a request, again when the store is away or busy, and gives a good
// answer. What is not there is a fault.NotFound.
func (s *Store) call(ctx context.Context, k request) (body []byte, header http.Header, err error) {
	pause := firstPause
	for n := 1; ; n++ {
		var again bool
		body, header, again, err = s.once(ctx, k)
		if err == nil || !again || n == attempts || ctx.Err() != nil {
			return body, header, err
		}
		wait := time.NewTimer(pause)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return nil, nil, err
		}
		pause *= 3
	}
}

func (s *Store) once(ctx context.Context, k request) (body []byte, header http.Header, again bool, _ error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, k.method, s.base.String(), bytes.NewReader(k.body))
	if err != nil {
		return nil, nil, false, fault.Wrap(err, "build a request to the file store")
	}
	req.URL.Path = strings.TrimRight(s.base.Path, "/") + "/" + s.cfg.Bucket + "/" + k.name
	req.URL.RawPath = escape(req.URL.Path)
	req.URL.RawQuery = query(k.query)
	for name, value := range k.header {
		req.Header.Set(name, value)
	}
	sum := sha256.Sum256(k.body)
	s.keys.sign(req, hex.EncodeToString(sum[:]), s.cfg.Now())
	resp, err := s.transport.RoundTrip(req)
	if err != nil {
		return nil, nil, true, away("does not answer")
	}
	defer resp.Body.Close() //nolint:errcheck // what was read is judged by what was read
	body, err = io.ReadAll(io.LimitReader(resp.Body, max(k.most, answerLimit)))
	if err != nil {
		return nil, nil, true, away("broke off its answer")
	}
	switch code := resp.StatusCode; {
	case code/100 == 2:
		return body, resp.Header, false, nil
	case code == http.StatusNotFound && k.name != "":
		return nil, nil, false, fault.New(fault.NotFound, "FILE_SHORT", "a file, or a part of it, is not there")
	case code == http.StatusPreconditionFailed:
		return nil, nil, false, errThere
	case code >= 500 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout || code == http.StatusConflict:
		return nil, nil, true, away(fmt.Sprintf("answers %d", code))
	default:
		// A wrong key or bucket is mended by an administrator: what waits, waits.
		return nil, nil, false, away(fmt.Sprintf("refuses with %d %s; see files.s3 in the settings", code, reason(body)))
	}
}

func away(what string) error {
	return fault.New(fault.Unavailable, "FILES_AWAY", "the file store %s", what)
}

// reason is the code of an error of S3's.
func reason(body []byte) string {
	var e struct{ Code string }
	if xml.Unmarshal(body, &e) != nil || len(e.Code) > 64 {
		return ""
	}
	return e.Code
}

// item is an object in a list.
type item struct {
	Key          string
	Size         int64
	LastModified time.Time
}

// list gives the objects whose names begin with prefix, by name.
func (s *Store) list(ctx context.Context, prefix string) (all []item, _ error) {
	err := s.walk(ctx, prefix, func(i item) bool {
		all = append(all, i)
		return true
	})
	return all, err
}

// walk hands the objects whose names begin with prefix to each, by name, until it
// has seen enough.
func (s *Store) walk(ctx context.Context, prefix string, each func(item) bool) error {
	values := url.Values{"list-type": {"2"}, "prefix": {s.cfg.Prefix + prefix}}
	for {
		body, _, err := s.call(ctx, request{method: http.MethodGet, query: values})
		if err != nil {
			return err
		}
		var page struct {
			Contents              []item
			IsTruncated           bool
			NextContinuationToken string
		}
		if err := xml.Unmarshal(body, &page); err != nil {
			return away("gives a list that cannot be read")
		}
		for _, i := range page.Contents {
			i.Key = strings.TrimPrefix(i.Key, s.cfg.Prefix)
			if !each(i) {
				return nil
			}
		}
		if !page.IsTruncated || page.NextContinuationToken == "" {
			return nil
		}
		values.Set("continuation-token", page.NextContinuationToken)
	}
}

// remove takes the objects away whose names begin with prefix, but for those that
// spare is true of.
func (s *Store) remove(ctx context.Context, prefix string, spare func(name string) bool) error {
	all, err := s.list(ctx, prefix)
	if err != nil {
		return err
	}
	places := make(chan struct{}, together)
	failed := make(chan error, len(all))
	for _, i := range all {
		if spare != nil && spare(i.Key) {
			continue
		}
		places <- struct{}{}
		go func() {
			defer func() { <-places }()
			if _, _, err := s.call(ctx, request{method: http.MethodDelete, name: s.cfg.Prefix + i.Key}); err != nil && !fault.Is(err, fault.NotFound) {
				failed <- err
			}
		}()
	}
	for range together {
		places <- struct{}{}
	}
	close(failed)
	var errs []error
	for err := range failed {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
