package desk_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/fault"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// TestErrands: administrators reach the control plane by the desk, which says
// whose call it is; nobody else does, and what it refuses comes back as it was.
func TestErrands(t *testing.T) {
	h := newHouse(t)
	serve(h, "admin.errand", func(_ context.Context, r *adminv1.ErrandRequest) (*adminv1.ErrandResponse, error) {
		if r.GetAgent() != "petar" {
			t.Errorf("a call of %q came through", r.GetAgent())
		}
		switch r.GetMethod() {
		case adminv1.ConfigService_GetQueue_FullMethodName:
			in := &adminv1.GetQueueRequest{}
			if err := proto.Unmarshal(r.GetRequest(), in); err != nil {
				return nil, err
			}
			out, err := proto.Marshal(&configv1.Queue{Meta: &configv1.Meta{Id: in.GetId()}})
			return &adminv1.ErrandResponse{Response: out}, err
		default:
			f := fault.New(fault.Invalid, "INVALID_ARGUMENT", "the queue is wrong")
			f.Violations = []fault.Violation{{Field: "queue.priority", Description: "is too high"}}
			return nil, f
		}
	})
	get := method{path: adminv1.ConfigService_GetQueue_FullMethodName}
	petar := h.agent("petar")
	h.await("somebody to run errands", func() bool {
		return h.post(petar, get, []byte(`{"id":"front"}`)).status == http.StatusOK
	})
	for name, c := range map[string]struct {
		who, path, body string
		status          int
		says            string
	}{
		"an agent":          {"mila", get.path, `{}`, http.StatusForbidden, "NO_ROLE"},
		"a supervisor":      {"sonya", get.path, `{}`, http.StatusForbidden, "NO_ROLE"},
		"nobody":            {"", get.path, `{}`, http.StatusUnauthorized, "NOT_SIGNED_IN"},
		"an unknown field":  {"petar", get.path, `{"idd":"front"}`, http.StatusBadRequest, "idd"},
		"no JSON":           {"petar", get.path, `front`, http.StatusBadRequest, ""},
		"a refusal":         {"petar", adminv1.ConfigService_CreateQueue_FullMethodName, `{"queue":{"priority":9999}}`, http.StatusBadRequest, "queue.priority"},
		"a stream":          {"petar", adminv1.OperateService_ExportTranscript_FullMethodName, `{}`, http.StatusNotFound, ""},
		"a drop by agents":  {"mila", adminv1.OperateService_DropDeadLetter_FullMethodName, `{"sequence":"7","reason":"x"}`, http.StatusForbidden, "NO_ROLE"},
		"another service":   {"petar", adminv1.KeyService_RotateKey_FullMethodName, `{}`, http.StatusNotFound, ""},
		"work of agents":    {"petar", "/parley.desk.v1.DeskService/ListConversations", `{}`, http.StatusForbidden, "NO_ROLE"},
		"who is signed in":  {"petar", "/parley.desk.v1.SessionService/WhoAmI", `{}`, http.StatusOK, ""},
		"from another site": {"petar", get.path, `{}`, http.StatusForbidden, "cross-origin"},
	} {
		header := []string{}
		if name == "from another site" {
			header = []string{"Sec-Fetch-Site", "cross-site"}
		}
		got := h.post(h.agent(c.who), method{path: c.path}, []byte(c.body), header...)
		if got.status != c.status || !strings.Contains(got.text, c.says) {
			t.Errorf("%s got %d %s", name, got.status, got.text)
		}
	}
}
