package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sync"

	"github.com/parley-desk/parley/pkg/dirlock"
)

// maxLine bounds a record; a line beyond it is damage, not data.
const maxLine = 4 << 20

// Journal is an open journal file. Its methods may be called concurrently.
type Journal struct {
	path string
	lock io.Closer

	mu  sync.Mutex // guards buf and end; held for no I/O
	buf []byte
	end int64 // bytes ever accepted

	disk   sync.Mutex // held by the one caller that writes and syncs
	file   *os.File
	synced int64 // bytes known to be on disk
	err    error // the first failure; it stays
}

// Open opens the journal of dir, making both when absent, and hands every
// record to replay, oldest first. A torn last line, left by a power cut in the
// middle of a write, was never acknowledged and is cut off; damage before it is
// an error. Another process with the same folder is kept off until Close: two
// writers would number their records alike.
func Open(dir string, replay func(Record) error) (*Journal, error) {
	lock, err := dirlock.Take(dir, "journal.lock", "sandbox.data_dir")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "journal.ndjson")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open journal: %w", err), lock.Close())
	}
	j := &Journal{path: path, lock: lock, file: file}
	if err := j.recover(replay); err != nil {
		return nil, errors.Join(err, file.Close(), lock.Close())
	}
	return j, nil
}

// recover replays whole lines and positions the file behind the last of them.
func (j *Journal) recover(replay func(Record) error) error {
	r := bufio.NewReader(j.file)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		var rec Record
		if err := json.Unmarshal(line, &rec); err != nil {
			return fmt.Errorf("journal is damaged at byte %d: %w", j.end, err)
		}
		if err := replay(rec); err != nil {
			return fmt.Errorf("replay record %d: %w", rec.Seq, err)
		}
		j.end += int64(len(line))
	}
	j.synced = j.end
	if err := j.file.Truncate(j.end); err != nil {
		return fmt.Errorf("cut torn line off: %w", err)
	}
	if _, err := j.file.Seek(j.end, io.SeekStart); err != nil {
		return fmt.Errorf("seek to end of journal: %w", err)
	}
	return nil
}

// Write accepts a record without waiting for the disk. The order of calls is
// the order of the file. The mark it returns is for Sync.
func (j *Journal) Write(r Record) (mark int64, err error) {
	line, err := Encode(r)
	if err != nil {
		return 0, fmt.Errorf("encode record: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.buf = append(append(j.buf, line...), '\n')
	j.end += int64(len(line)) + 1
	return j.end, nil
}

// Encode is JSON that leaves <, > and & alone, as Meta's is.
func Encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte{'\n'}), nil
}

// Sync blocks until everything up to mark is on disk. Callers that come while
// one is syncing share the next sync, so a busy journal syncs rarely. After a
// failure it answers that failure for ever: what follows a hole is worthless.
func (j *Journal) Sync(mark int64) error {
	j.disk.Lock()
	defer j.disk.Unlock()
	if j.err != nil || j.synced >= mark {
		return j.err
	}
	j.mu.Lock()
	buf, end := j.buf, j.end
	j.buf = nil
	j.mu.Unlock()
	if _, err := j.file.Write(buf); err != nil {
		j.err = fmt.Errorf("write journal: %w", err)
	} else if err := j.file.Sync(); err != nil {
		j.err = fmt.Errorf("sync journal: %w", err)
	} else {
		j.synced = end
	}
	return j.err
}

// Close syncs and closes.
func (j *Journal) Close() error {
	j.mu.Lock()
	end := j.end
	j.mu.Unlock()
	return errors.Join(j.Sync(end), j.file.Close(), j.lock.Close())
}

// CopyTo writes everything that is on disk now to w.
func (j *Journal) CopyTo(w io.Writer) error {
	j.mu.Lock()
	end := j.end
	j.mu.Unlock()
	if err := j.Sync(end); err != nil {
		return err
	}
	file, err := os.Open(j.path)
	if err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read from
	_, err = io.CopyN(w, file, end)
	return err
}

// Read yields the records of a journal in order. It ends after the first error.
func Read(r io.Reader) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(make([]byte, 64<<10), maxLine)
		for lines.Scan() {
			if len(bytes.TrimSpace(lines.Bytes())) == 0 {
				continue
			}
			var rec Record
			err := json.Unmarshal(lines.Bytes(), &rec)
			if !yield(rec, err) || err != nil {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Record{}, fmt.Errorf("read journal: %w", err))
		}
	}
}
