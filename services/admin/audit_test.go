package admin_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	auditv1 "github.com/parley-desk/parley/proto/gen/parley/audit/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// TestTheAuditOfTheControlPlane (P16): a change of the configuration, by whoever and
// by whatever way, an export and what failed are in the audit over a real log, by
// whom and with the version; no secret is; and it verifies.
func TestTheAuditOfTheControlPlane(t *testing.T) {
	p := begin(t)
	canary := "SECRET-CANARY-8c1f"
	mila := staff("mila", "agent")
	mila.GetAgent().Password = &configv1.Secret{Value: canary}
	p.put("", staff("vera", "admin"), mila)
	list := &adminv1.ListRecordsResponse{}
	read := func(f *adminv1.RecordFilter) []*auditv1.Record {
		t.Helper()
		if err := p.errand("vera", adminv1.AuditService_ListRecords_FullMethodName, &adminv1.ListRecordsRequest{Filter: f}, list); err != nil {
			t.Fatal(err)
		}
		return list.GetRecords()
	}
	changes := read(&adminv1.RecordFilter{Kind: "config"})
	if len(changes) != 1 || changes[0].GetVersion() != 1 || !strings.HasPrefix(changes[0].GetActor(), "local:") || changes[0].GetRoles()[0] != "admin" ||
		strings.Join(changes[0].GetObjects(), " ") != "agents/vera agents/mila" && strings.Join(changes[0].GetObjects(), " ") != "agents/mila agents/vera" {
		t.Errorf("the change is told as %v", changes)
	}
	fingerprints := 0
	for _, c := range changes[0].GetChanges() {
		if strings.HasSuffix(c.GetField(), "#password") && len(c.GetAfter()) == 12 && c.GetBefore() == "" {
			fingerprints++
		}
	}
	if fingerprints != 1 {
		t.Errorf("secrets are told as %v", changes[0].GetChanges())
	}
	// What fails is told as undone, by whom it was.
	err := p.errand("vera", adminv1.OperateService_DropDeadLetter_FullMethodName, &adminv1.DropDeadLetterRequest{Sequence: 7, Reason: canary}, &adminv1.DropDeadLetterResponse{})
	if err == nil {
		t.Fatal("dropped a letter that is not there")
	}
	letters := read(&adminv1.RecordFilter{Object: "letters", Actor: "agent:vera"})
	if len(letters) != 2 || letters[0].GetUndone() != letters[1].GetNumber() || letters[0].GetReason() != "NO_DEAD_LETTER" || letters[1].GetObjects()[0] != "letters/7" {
		t.Errorf("what failed is told as %v", letters)
	}
	// Who may not is not heard, and leaves no record.
	if err := p.errand("mila", adminv1.OperateService_DropDeadLetter_FullMethodName, &adminv1.DropDeadLetterRequest{Sequence: 7, Reason: "x"}, &adminv1.DropDeadLetterResponse{}); err == nil {
		t.Error("an agent dropped a letter")
	}
	if got := read(&adminv1.RecordFilter{Actor: "agent:mila"}); len(got) != 0 {
		t.Errorf("what was refused is told as %v", got)
	}
	for _, r := range read(nil) {
		if text, _ := protojson.Marshal(r); strings.Contains(string(text), "CANARY") {
			t.Errorf("the audit holds %s", text)
		}
	}
	verified := &adminv1.VerifyRecordsResponse{}
	if err := p.errand("vera", adminv1.AuditService_VerifyRecords_FullMethodName, &adminv1.VerifyRecordsRequest{}, verified); err != nil ||
		verified.GetFaultCount() != 0 || verified.GetRead() != 3 || verified.GetNumber() != 3 || len(verified.GetSeal()) != 64 {
		t.Errorf("verified %v, %v", verified, err)
	}
}
