// Package s3 keeps files in a bucket of an S3-compatible store: AWS, MinIO,
// Ceph, R2 and their like. It is a files.Store.
//
// A file is a folder of parts, each of files.PartSize bytes, named by number. So
// it grows part by part without being written again, any place in it is found by
// counting, one part is all that waits in memory, and nothing is ever half
// uploaded in a way that only the store knows of.
//
// Two that append at one place are told apart by a conditional write
// ("If-None-Match: *"), which the store must know.
package s3

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/files"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/proto/subject"
)

const (
	// together is how many parts are removed at a time.
	together = 8
	// idHeader names the writer of a part, so that one whose answer was lost knows
	// its own.
	idHeader = "X-Amz-Meta-Parley-Part"
)

// mark begins the random part of every key of this package. The keys of the log's
// own broker have no zero in it.
const mark = "0"

// Config says where the bucket is.
type Config struct {
	Endpoint  string        // https://s3.eu-central-1.amazonaws.com
	Region    string        // eu-central-1
	Bucket    string        // must be there
	Prefix    string        // of all names in it; may be empty
	AccessKey string        // id of the key
	SecretKey secret.Text   // of the key
	Timeout   time.Duration // of one request
	Now       func() time.Time
}

// Store is a bucket as a files.Store. It is safe for concurrent use.
type Store struct {
	cfg       Config
	base      *url.URL
	keys      keys
	transport http.RoundTripper
}

var _ files.Store = (*Store)(nil)

// New makes a store; it dials nothing. A nil transport is one of its own.
func New(cfg Config, transport http.RoundTripper) (*Store, error) {
	base, err := url.Parse(cfg.Endpoint)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.User != nil || base.RawQuery != "" {
		return nil, fault.New(fault.Invalid, "FILES_ENDPOINT", "files.s3.endpoint must be an http or https URL without a key in it, such as https://s3.eu-central-1.amazonaws.com")
	}
	if cfg.Bucket == "" || strings.ContainsAny(cfg.Bucket, "/ ") || cfg.Region == "" || cfg.AccessKey == "" || cfg.SecretKey.Empty() {
		return nil, fault.New(fault.Invalid, "FILES_BUCKET", "files.s3 needs bucket, region, access_key and secret_key where endpoint is set")
	}
	if cfg.Prefix != "" && !strings.HasSuffix(cfg.Prefix, "/") {
		cfg.Prefix += "/"
	}
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.DisableCompression, own.MaxIdleConnsPerHost = true, 64
		transport = own
	}
	return &Store{cfg: cfg, base: base, keys: keys{cfg.Region, cfg.AccessKey, cfg.SecretKey}, transport: transport}, nil
}

// Mine tells whether a key is of an object of this package.
func Mine(key string) bool {
	return strings.HasPrefix(key[strings.LastIndexByte(key, '.')+1:], mark)
}

// Begin makes up the key of an object.
func (*Store) Begin(t subject.Thread, name string) (files.Object, error) {
	if err := files.ValidName(name); err != nil {
		return files.Object{}, err
	}
	return files.Object{Key: t.Key() + "." + name + "." + mark + strings.ToLower(rand.Text())}, nil
}

func part(key string, n int64) string { return fmt.Sprintf("%s/%06d", key, n) }

// Put stores a part when the one before it is stored.
func (s *Store) Put(ctx context.Context, t subject.Thread, name string, r io.Reader) (files.Object, error) {
	o, err := s.Begin(t, name)
	if err != nil {
		return files.Object{}, err
	}
	buffer := make([]byte, files.PartSize)
	for n := int64(0); ; n++ {
		size, err := io.ReadFull(r, buffer)
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err == nil || last && size > 0 {
			_, _, err = s.call(ctx, request{method: http.MethodPut, name: s.cfg.Prefix + part(o.Key, n), body: buffer[:size]})
			o.Size += int64(size)
		} else if last {
			return o, nil
		}
		if err != nil {
			// What is left when this fails too goes when the file is copied again or
			// its thread is erased.
			_ = s.Remove(context.WithoutCancel(ctx), o)
			return files.Object{}, err
		}
		if last {
			return o, nil
		}
	}
}

// Append stores a part unless there is one in its place.
func (s *Store) Append(ctx context.Context, o files.Object, data []byte) (files.Object, error) {
	if len(data) == 0 || len(data) > files.PartSize || o.Size%files.PartSize != 0 {
		return o, fault.New(fault.Invalid, "FILE_PART", "a part of %d bytes cannot follow %d: all but the last have %d", len(data), o.Size, files.PartSize)
	}
	id, name := rand.Text(), s.cfg.Prefix+part(o.Key, o.Size/files.PartSize)
	_, _, err := s.call(ctx, request{method: http.MethodPut, name: name, body: data,
		header: map[string]string{"If-None-Match": "*", idHeader: id}})
	if errors.Is(err, errThere) {
		// Perhaps by its own first try, whose answer was lost.
		_, header, lost := s.call(ctx, request{method: http.MethodHead, name: name})
		if lost == nil && header.Get(idHeader) == id {
			err = nil
		}
	}
	if err != nil {
		return o, err
	}
	o.Size += int64(len(data))
	return o, nil
}

// Measure finds the last part, and counts.
func (s *Store) Measure(ctx context.Context, o files.Object) (files.Object, error) {
	all, err := s.list(ctx, o.Key+"/")
	if err != nil || len(all) == 0 {
		return files.Object{Key: o.Key}, err
	}
	last := all[len(all)-1]
	n, err := strconv.ParseInt(last.Key[strings.LastIndexByte(last.Key, '/')+1:], 10, 64)
	if err != nil {
		return o, fault.Wrap(err, "read the number of a part")
	}
	return files.Object{Key: o.Key, Size: n*files.PartSize + last.Size}, nil
}

// Settle removes what else stands under the same name.
func (s *Store) Settle(ctx context.Context, o files.Object) error {
	if _, _, err := s.call(ctx, request{method: http.MethodHead, name: s.cfg.Prefix + part(o.Key, 0)}); err != nil {
		return err
	}
	return s.remove(ctx, o.Key[:strings.LastIndexByte(o.Key, '.')+1], func(name string) bool { return strings.HasPrefix(name, o.Key+"/") })
}

// Remove takes an object away.
func (s *Store) Remove(ctx context.Context, o files.Object) error {
	return s.remove(ctx, o.Key+"/", nil)
}

// Drop takes away what has a name, or one that begins with it.
func (s *Store) Drop(ctx context.Context, t subject.Thread, name string) error {
	if err := files.ValidName(name); err != nil {
		return err
	}
	return s.remove(ctx, t.Key()+"."+name+".", nil)
}

// Older looks through the whole bucket: the store does not tell in what order its
// objects came.
func (s *Store) Older(ctx context.Context, before time.Time) (old []string, oldest time.Time, _ error) {
	err := s.walk(ctx, "", func(i item) bool {
		key, first := strings.CutSuffix(i.Key, part("", 0))
		switch {
		case !first:
		case i.LastModified.Before(before):
			old = append(old, key)
		case oldest.IsZero() || i.LastModified.Before(oldest):
			oldest = i.LastModified
		}
		return len(old) < files.AtOnce
	})
	if len(old) == files.AtOnce {
		oldest = time.Time{}
	}
	return old, oldest, err
}

// Erase takes away all of a thread.
func (s *Store) Erase(ctx context.Context, t subject.Thread) error {
	return s.remove(ctx, t.Key()+".", nil)
}

// Open reads an object part by part.
func (s *Store) Open(ctx context.Context, o files.Object) io.ReadSeeker {
	return files.Parts(o, func(n int64) ([]byte, error) {
		body, _, err := s.call(ctx, request{method: http.MethodGet, name: s.cfg.Prefix + part(o.Key, n), most: files.PartSize})
		return body, err
	})
}
