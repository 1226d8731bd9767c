package admin_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/session"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// TestSessionsAreEnded (SK4): an administrator sees who is signed in and ends it, of
// one agent, or one session alone; the audit has who did it to whom, and before it is
// done.
func TestSessionsAreEnded(t *testing.T) {
	p := begin(t)
	p.put("", staff("mila", "agent"), staff("orlin", "agent"))
	desk := session.NewStore(p.server.Bus.Bucket(subject.SessionBucket), p.server.Secrets,
		func(id string) *configv1.Agent { return p.server.Directory.Now().Agents[id] }, session.Limits{Idle: time.Hour, Absolute: 2 * time.Hour}, time.Now)
	var mila []session.Session
	for _, agent := range []string{"mila", "orlin", "mila", "mila"} {
		_, s, err := desk.Begin(t.Context(), agent)
		if err != nil {
			t.Fatal(err)
		}
		if agent == "mila" {
			mila = append(mila, s)
		}
	}
	c := adminv1.NewSessionServiceClient(p.server.Dial(t))
	list := func(agent string) (all []string) {
		t.Helper()
		resp, err := c.ListSessions(t.Context(), &adminv1.ListSessionsRequest{Agent: agent})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range resp.GetSessions() {
			if all = append(all, s.GetAgent()); s.GetUntilMs()-s.GetCreatedMs() != (2*time.Hour).Milliseconds() || s.GetUsedMs() < s.GetCreatedMs() || len(s.GetId()) != 64 {
				t.Errorf("%v", s)
			}
		}
		return all
	}
	if got := list(""); !slices.Equal(got, []string{"mila", "mila", "mila", "orlin"}) {
		t.Fatalf("signed in are %v", got)
	}
	if got := list("nobody"); got != nil {
		t.Errorf("nobody is signed in as %v", got)
	}
	end := func(agent, only string, want int32, code codes.Code) {
		t.Helper()
		resp, err := c.EndSessions(t.Context(), &adminv1.EndSessionsRequest{Agent: agent, Session: only})
		if status.Code(err) != code || resp.GetSessions() != want {
			t.Errorf("%s %s: %v, %v", agent, only, resp, err)
		}
	}
	end("", "", 0, codes.InvalidArgument)
	end("orlin", mila[0].Key, 0, codes.NotFound)
	end("mila", mila[0].Key, 1, codes.OK)
	end("mila", mila[0].Key, 0, codes.NotFound)
	if got := list("mila"); len(got) != 2 {
		t.Errorf("left are %v", got)
	}
	end("mila", "", 2, codes.OK)
	end("mila", "", 0, codes.OK)
	for _, s := range mila {
		if _, why, err := desk.Look(t.Context(), s.Key); why != session.Dismissed || err != nil {
			t.Errorf("it ended by %q, %v", why, err)
		}
	}
	if got := list(""); !slices.Equal(got, []string{"orlin"}) {
		t.Errorf("signed in are %v", got)
	}
	said, err := adminv1.NewAuditServiceClient(p.server.Dial(t)).ListRecords(t.Context(), &adminv1.ListRecordsRequest{Filter: &adminv1.RecordFilter{Kind: "session.end", Object: "agents/mila"}})
	if err != nil || len(said.GetRecords()) == 0 || !strings.HasPrefix(said.GetRecords()[0].GetActor(), "local:") {
		t.Errorf("the audit says %v, %v", said, err)
	}
}

// TestGroupsAreEnrolled: roles that the issuer gives are a version of the
// configuration, whose author it is, and nothing else of the agent changes.
func TestGroupsAreEnrolled(t *testing.T) {
	p := begin(t)
	p.put("", staff("mila", "agent"))
	enrol := func(agent string, roles ...string) error {
		return p.server.Bus.Call(t.Context(), "admin.enrol", &adminv1.EnrolRequest{Agent: agent, Roles: roles, Issuer: "https://login.example.com"}, &adminv1.EnrolResponse{})
	}
	if err := enrol("mila", "supervisor", "agent"); err != nil {
		t.Fatal(err)
	}
	mila := p.server.Directory.Now().Agents["mila"]
	if !slices.Equal(mila.GetRoles(), []string{"supervisor", "agent"}) || mila.GetCapacity() != 1 {
		t.Errorf("mila is %v", mila)
	}
	for name, c := range map[string]struct {
		err  error
		kind fault.Kind
	}{"nobody": {enrol("nobody", "agent"), fault.NotFound}, "an invented role": {enrol("mila", "king"), fault.Invalid}} {
		if !fault.Is(c.err, c.kind) {
			t.Errorf("%s: %v", name, c.err)
		}
	}
	said, err := adminv1.NewAuditServiceClient(p.server.Dial(t)).ListRecords(t.Context(), &adminv1.ListRecordsRequest{Filter: &adminv1.RecordFilter{Kind: "config.change", Actor: "issuer:https://login.example.com"}})
	if err != nil || len(said.GetRecords()) != 1 || !slices.Equal(said.GetRecords()[0].GetObjects(), []string{"agents/mila"}) {
		t.Errorf("the audit says %v, %v", said, err)
	}
}

// TestTheDoctorAsksForTheIssuer, where a desk takes the company's accounts.
func TestTheDoctorAsksForTheIssuer(t *testing.T) {
	p := begin(t)
	line := func() *adminv1.Check {
		t.Helper()
		resp, err := adminv1.NewOperateServiceClient(p.server.Dial(t)).Doctor(t.Context(), &adminv1.DoctorRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range resp.GetChecks() {
			if c.GetName() == "desk.issuer" {
				return c
			}
		}
		return nil
	}
	if got := line(); got != nil {
		t.Errorf("with no desk: %v", got)
	}
	trouble := ""
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- bus.Serve(ctx, p.server.Bus, "desk.issuer", func(context.Context, *adminv1.ReachIssuerRequest) (*adminv1.ReachIssuerResponse, error) {
			return &adminv1.ReachIssuerResponse{Issuer: "https://login.example.com", Trouble: trouble}, nil
		})
	}()
	defer func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	got := line()
	for got == nil { // the stand-in is not there yet
		got = line()
	}
	if got.GetStatus() != adminv1.CheckStatus_CHECK_STATUS_OK || got.GetDetail() != "https://login.example.com answers" {
		t.Errorf("all well: %v", got)
	}
	trouble = "connection refused"
	if got = line(); got.GetStatus() != adminv1.CheckStatus_CHECK_STATUS_FAILED || !strings.Contains(got.GetDetail(), "connection refused") || got.GetRemedy() == "" {
		t.Errorf("away: %v", got)
	}
}
