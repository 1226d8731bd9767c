package files

import (
	"io"
	"strings"

	"github.com/parley-desk/parley/pkg/fault"
)

// ValidName refuses a name that a store could take for something else than the
// name of a file.
func ValidName(name string) error {
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || strings.Trim(part, "0123456789abcdefghijklmnopqrstuvwxyz") != "" {
			return fault.New(fault.Invalid, "FILE_NAME", "%q cannot name a file: use small letters and digits, with single dots between", name)
		}
	}
	return nil
}

// Parts reads an object that a store keeps in parts of PartSize, by a function
// that gives one of them. It holds one.
func Parts(o Object, get func(n int64) ([]byte, error)) io.ReadSeeker {
	return &parts{object: o, get: get, have: -1}
}

type parts struct {
	object Object
	get    func(int64) ([]byte, error)
	at     int64  // next byte
	have   int64  // which part data is; -1: none
	data   []byte // of it
}

func (r *parts) Read(p []byte) (int, error) {
	if r.at >= r.object.Size {
		return 0, io.EOF
	}
	if want := r.at / PartSize; want != r.have {
		data, err := r.get(want)
		if err != nil {
			return 0, err
		}
		r.data, r.have = data, want
	}
	from := r.at % PartSize
	if from >= int64(len(r.data)) {
		return 0, fault.New(fault.NotFound, "FILE_SHORT", "a file ends before its end")
	}
	n := copy(p, r.data[from:])
	r.at += int64(n)
	return n, nil
}

func (r *parts) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.object.Size
	}
	if offset < 0 {
		return 0, fault.New(fault.Invalid, "FILE_SEEK", "a file has nothing before its begin")
	}
	r.at = offset
	return offset, nil
}
