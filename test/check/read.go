package check

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protojson"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	"github.com/parley-desk/parley/services/sandbox"
)

// maxLine bounds a line of an export; a message on the bus is 1 MiB at most.
const maxLine = 8 << 20

// ReadExport reads an export of transcripts: one JSON object a line, the
// protojson of ExportTranscriptResponse.
func ReadExport(r io.Reader) ([]*adminv1.ExportTranscriptResponse, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	options := protojson.UnmarshalOptions{DiscardUnknown: true} // a newer house may say more
	var out []*adminv1.ExportTranscriptResponse
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		c := &adminv1.ExportTranscriptResponse{}
		if err := options.Unmarshal(lines.Bytes(), c); err != nil {
			return nil, fmt.Errorf("export line %d: %w", n, err)
		}
		out = append(out, c)
	}
	return out, lines.Err()
}

// ReadJournal reads a whole journal of the sandbox.
func ReadJournal(r io.Reader) ([]sandbox.Record, error) {
	var out []sandbox.Record
	for rec, err := range sandbox.ReadJournal(r) {
		if err != nil {
			return nil, fmt.Errorf("journal after record %d: %w", len(out), err)
		}
		out = append(out, rec)
	}
	return out, nil
}

// ReadReplies reads acknowledged replies, one JSON object a line.
func ReadReplies(r io.Reader) ([]Reply, error) {
	var out []Reply
	for dec := json.NewDecoder(r); ; {
		var reply Reply
		switch err := dec.Decode(&reply); {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, fmt.Errorf("replies after line %d: %w", len(out), err)
		}
		out = append(out, reply)
	}
}

// WriteReplies writes them so that ReadReplies can read them.
func WriteReplies(w io.Writer, replies []Reply) error {
	enc := json.NewEncoder(w)
	for _, reply := range replies {
		if err := enc.Encode(reply); err != nil {
			return fmt.Errorf("write replies: %w", err)
		}
	}
	return nil
}
