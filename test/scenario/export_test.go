package scenario_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/secret"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/test/check"
)

// export is the whole log, as parleyctl writes it.
func (h *house) export() ([]*adminv1.ExportTranscriptResponse, error) {
	raw, err := h.try("export", "transcript", "--ndjson")
	if err != nil {
		return nil, err
	}
	return check.ReadExport(bytes.NewReader(raw))
}

// last is the newest state of every thread.
func last(exported []*adminv1.ExportTranscriptResponse) map[string]*threadv1.State {
	newest := map[string]*adminv1.ExportTranscriptResponse{}
	for _, c := range exported {
		k := c.GetPage() + "/" + c.GetPsid()
		if newest[k] == nil || newest[k].GetRevision() < c.GetRevision() {
			newest[k] = c
		}
	}
	states := map[string]*threadv1.State{}
	for k, c := range newest {
		states[k] = c.GetCommit().GetState()
	}
	return states
}

// calm tells that every conversation is over and no send is open but those
// that were left to an agent.
func calm(exported []*adminv1.ExportTranscriptResponse) bool {
	return len(exported) > 0 && unrest(exported) == ""
}

// unrest names the threads that are not done.
func unrest(exported []*adminv1.ExportTranscriptResponse) string {
	var out strings.Builder
	for k, s := range last(exported) {
		if c := s.GetConversation(); c.GetPhase() != threadv1.Phase_PHASE_CLOSED {
			fmt.Fprintf(&out, "%s: %v agent %q offer %v unanswered %d sends %v\n", k, c.GetPhase(), c.GetAgent(), c.GetOffer(), s.GetUnanswered(), s.GetSends())
			continue
		}
		for _, one := range s.GetSends() {
			if one.GetStatus() != threadv1.SendStatus_SEND_STATUS_UNCONFIRMED {
				fmt.Fprintf(&out, "%s: closed, send %v\n", k, one)
			}
		}
	}
	return out.String()
}

// keyset makes the keyset that all processes share.
func (h *house) keyset() string {
	h.t.Helper()
	path := filepath.Join(h.dir, "keyset.json")
	if _, err := secret.Open(path, true); err != nil {
		h.t.Fatal(err)
	}
	return path
}

func (h *house) brokerConfig(listen, monitor string) string {
	h.t.Helper()
	path := filepath.Join(h.dir, "nats.conf")
	config := fmt.Sprintf("listen: %q\nhttp: %q\njetstream { store_dir: %q, sync_interval: always }\n", listen, monitor, filepath.Join(h.dir, "nats"))
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}

func cutAddr(addr string) (host, port string, err error) { return net.SplitHostPort(addr) }

func dials(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}
