package admin_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/secret"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/admin"
	"github.com/parley-desk/parley/services/admin/admintest"
)

// Every secret of the tests holds this, so that it can be searched for.
const canary = "canary-9d41c7"

func meta(id string) *configv1.Meta { return &configv1.Meta{Id: id} }

func value(s string) *configv1.Secret { return &configv1.Secret{Value: s} }

// house is a small world in which everything is set.
func house() *adminv1.ApplyRequest {
	return &adminv1.ApplyRequest{Resources: []*adminv1.Resource{
		wrap(&configv1.Page{Meta: meta("shop"), PageId: "1020304050607080", Account: "demo", Workstream: "facebook", AccessToken: value("page-token-" + canary)}),
		wrap(&configv1.ChannelAccount{Meta: meta("demo"), AppId: "424242424242424", AppSecret: value("app-secret-" + canary), VerifyToken: value("verify-" + canary), GraphVersion: "v26.0"}),
		wrap(&configv1.Workstream{Meta: meta("facebook"), Queue: "front", Units: 1, OfferSeconds: 60}),
		wrap(&configv1.Queue{Meta: meta("front"), Agents: []string{"mila"}}),
		wrap(&configv1.Agent{Meta: meta("mila"), Capacity: 3, Password: value("password-" + canary), Roles: []string{"agent"}}),
	}}
}

func wrap(m proto.Message) *adminv1.Resource {
	switch m := m.(type) {
	case *configv1.Page:
		return &adminv1.Resource{Kind: &adminv1.Resource_Page{Page: m}}
	case *configv1.ChannelAccount:
		return &adminv1.Resource{Kind: &adminv1.Resource_ChannelAccount{ChannelAccount: m}}
	case *configv1.Workstream:
		return &adminv1.Resource{Kind: &adminv1.Resource_Workstream{Workstream: m}}
	case *configv1.Queue:
		return &adminv1.Resource{Kind: &adminv1.Resource_Queue{Queue: m}}
	case *configv1.Agent:
		return &adminv1.Resource{Kind: &adminv1.Resource_Agent{Agent: m}}
	}
	return nil
}

func apply(t *testing.T, c adminv1.ConfigServiceClient, req *adminv1.ApplyRequest) []string {
	t.Helper()
	resp, err := c.Apply(t.Context(), req)
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	var actions []string
	for _, change := range resp.GetChanges() {
		actions = append(actions, change.GetAction())
	}
	return actions
}

// fields are the violations of an error, by field.
func fields(err error) map[string]string {
	out := map[string]string{}
	for _, d := range status.Convert(err).Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				out[v.GetField()] = v.GetDescription()
			}
		}
	}
	return out
}

// entries are all entries of CONFIG as the broker has them.
func entries(t *testing.T, b *bus.Bus) map[string][]byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out := map[string][]byte{}
	complete := false
	err := b.Bucket(subject.ConfigBucket).Watch(ctx, func() { complete = true; cancel() }, func(e bus.Entry) { out[e.Key] = e.Value })
	if !complete {
		t.Fatalf("reading CONFIG: %v", err)
	}
	return out
}

func TestApplyTwiceChangesNothing(t *testing.T) {
	s := admintest.Start(t)
	c := adminv1.NewConfigServiceClient(s.Dial(t))
	if got := apply(t, c, house()); slices.ContainsFunc(got, func(a string) bool { return a != "created" }) {
		t.Fatalf("first: %v", got)
	}
	before := entries(t, s.Bus)
	if len(before) != 6 {
		t.Errorf("CONFIG has %d entries, want five and the marker", len(before))
	}
	if got := apply(t, c, house()); slices.ContainsFunc(got, func(a string) bool { return a != "unchanged" }) {
		t.Fatalf("second: %v", got)
	}
	if d := cmp.Diff(before, entries(t, s.Bus)); d != "" {
		t.Errorf("the second time something was written:\n%s", d)
	}
}

// TestSecretsGoInAndStayIn (SG6): no answer has more of one than its fingerprint.
func TestSecretsGoInAndStayIn(t *testing.T) {
	s := admintest.Start(t)
	c := adminv1.NewConfigServiceClient(s.Dial(t))
	apply(t, c, house())
	var out strings.Builder
	show := func(m proto.Message, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%v\n", m)
	}
	resp, err := c.Apply(t.Context(), house())
	show(resp, err)
	page, err := c.GetPage(t.Context(), &adminv1.GetPageRequest{Id: "shop"})
	show(page, err)
	agents, err := c.ListAgents(t.Context(), &adminv1.ListAgentsRequest{})
	show(agents, err)
	accounts, err := c.ListChannelAccounts(t.Context(), &adminv1.ListChannelAccountsRequest{})
	show(accounts, err)
	bad := house()
	bad.Resources[0].GetPage().AccessToken.Value += "\n"
	_, err = c.Apply(t.Context(), bad)
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("a token with an end of line: %v", err)
	}
	fmt.Fprintf(&out, "%v %v\n", err, status.Convert(err).Proto())
	checks, err := adminv1.NewOperateServiceClient(s.Dial(t)).Doctor(t.Context(), &adminv1.DoctorRequest{})
	show(checks, err)

	if strings.Contains(out.String(), canary) {
		t.Errorf("an answer holds a secret:\n%s", out.String())
	}
	if strings.Contains(s.Logs.String(), canary) {
		t.Error("the log holds a secret")
	}
	for k, v := range entries(t, s.Bus) {
		if strings.Contains(string(v), canary) {
			t.Errorf("entry %s holds a secret", k)
		}
	}
	if page.GetAccessToken().GetFingerprint() == "" || page.GetAccessToken().GetSetMs() == 0 || len(page.GetAccessToken().GetSealed()) != 0 {
		t.Errorf("the token shows as %v", page.GetAccessToken())
	}
	stored := s.Directory.Now()
	token, err := s.Secrets.Reveal("pages/shop#access_token", stored.Pages["shop"].GetAccessToken())
	if err != nil || !token.Equal("page-token-"+canary) {
		t.Errorf("the services cannot read the token: %v", err)
	}
	hash, err := s.Secrets.Reveal("agents/mila#password", stored.Agents["mila"].GetPassword())
	if err != nil || !secret.VerifyPassword(hash.Reveal(), "password-"+canary) {
		t.Errorf("the password does not verify: %v", err)
	}
}

func TestSecretIsKeptRotatedAndNotSmuggledIn(t *testing.T) {
	s := admintest.Start(t)
	c := adminv1.NewConfigServiceClient(s.Dial(t))
	apply(t, c, house())
	account := func() *configv1.ChannelAccount { return s.Directory.Now().Accounts["demo"] }
	first := account().GetAppSecret()

	kept := proto.Clone(account()).(*configv1.ChannelAccount)
	kept.Meta.DisplayName, kept.AppSecret = "Renamed", &configv1.Secret{Sealed: []byte("forged"), Fingerprint: "000000000000", SetMs: 1}
	kept.VerifyToken = nil
	if _, err := c.UpdateChannelAccount(t.Context(), &adminv1.UpdateChannelAccountRequest{ChannelAccount: kept}); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(account().GetAppSecret(), first) || account().GetVerifyToken() == nil {
		t.Errorf("a secret without value did not keep what was stored: %v", account())
	}

	rotated := proto.Clone(kept).(*configv1.ChannelAccount)
	rotated.AppSecret = value("second-secret-" + canary)
	if _, err := c.UpdateChannelAccount(t.Context(), &adminv1.UpdateChannelAccountRequest{ChannelAccount: rotated}); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{"app_secret": "second-secret-" + canary, "previous_secret": "app-secret-" + canary} {
		stored := map[string]*configv1.Secret{"app_secret": account().GetAppSecret(), "previous_secret": account().GetPreviousSecret()}[field]
		if got, err := s.Secrets.Reveal("channelAccounts/demo#"+field, stored); err != nil || !got.Equal(want) {
			t.Errorf("%s after the rotation: %v", field, err)
		}
	}
}

// TestBadManifestChangesNothing (SG5), and what is wrong is said by field.
func TestBadManifestChangesNothing(t *testing.T) {
	s := admintest.Start(t)
	c := adminv1.NewConfigServiceClient(s.Dial(t))
	apply(t, c, house())
	before := entries(t, s.Bus)
	breaks := map[string]func(*adminv1.ApplyRequest){
		"page id":    func(r *adminv1.ApplyRequest) { r.Resources[0].GetPage().PageId = "12a" },
		"no account": func(r *adminv1.ApplyRequest) { r.Resources[0].GetPage().Account = "gone" },
		"page twice": func(r *adminv1.ApplyRequest) {
			r.Resources = append(r.Resources, wrap(&configv1.Page{Meta: meta("again"), PageId: "1020304050607080", Account: "demo"}))
		},
		"no secret": func(r *adminv1.ApplyRequest) {
			r.Resources = append(r.Resources, wrap(&configv1.ChannelAccount{Meta: meta("bare"), AppId: "77"}))
		},
		"app twice": func(r *adminv1.ApplyRequest) {
			r.Resources = append(r.Resources, wrap(&configv1.ChannelAccount{Meta: meta("copy"), AppId: "424242424242424", AppSecret: value("app-secret-" + canary)}))
		},
		"token of two words": func(r *adminv1.ApplyRequest) { r.Resources[0].GetPage().AccessToken.Value = canary + " " + canary },
		"short secret":       func(r *adminv1.ApplyRequest) { r.Resources[1].GetChannelAccount().AppSecret.Value = "short" },
		"graph version":      func(r *adminv1.ApplyRequest) { r.Resources[1].GetChannelAccount().GraphVersion = "26" },
		"no queue":           func(r *adminv1.ApplyRequest) { r.Resources[2].GetWorkstream().Queue = "gone" },
		"offer too short":    func(r *adminv1.ApplyRequest) { r.Resources[2].GetWorkstream().OfferSeconds = 1 },
		"no agent":           func(r *adminv1.ApplyRequest) { r.Resources[3].GetQueue().Agents = []string{"mila", "gone"} },
		"role":               func(r *adminv1.ApplyRequest) { r.Resources[4].GetAgent().Roles = []string{"king"} },
		"stale etag":         func(r *adminv1.ApplyRequest) { r.Resources[4].GetAgent().Meta.Etag = "0011223344556677" },
		"empty":              func(r *adminv1.ApplyRequest) { r.Resources[4].Kind = nil },
		"twice": func(r *adminv1.ApplyRequest) {
			r.Resources = append(r.Resources, wrap(&configv1.Queue{Meta: meta("front")}))
		},
	}
	rapid.Check(t, func(t *rapid.T) {
		req := house()
		req.Resources[4].GetAgent().Password = nil // hashing it is slow and beside the point
		for _, r := range req.GetResources()[:4] { // good changes beside the bad ones
			if rapid.Bool().Draw(t, "rename") {
				rename(r)
			}
		}
		names := rapid.SliceOfNDistinct(rapid.SampledFrom(slices.Sorted(maps.Keys(breaks))), 1, 3, rapid.ID[string]).Draw(t, "broken")
		slices.Sort(names)
		if slices.Contains(names, "empty") {
			names = []string{"empty"}
		}
		for _, n := range names {
			breaks[n](req)
		}
		if _, err := c.Apply(context.Background(), req); err == nil {
			t.Fatalf("%v was taken", names)
		}
	})
	if d := cmp.Diff(before, entries(t, s.Bus)); d != "" {
		t.Errorf("a refused manifest changed something:\n%s", d)
	}
}

func rename(r *adminv1.Resource) {
	m := r.ProtoReflect()
	held := m.Get(m.WhichOneof(m.Descriptor().Oneofs().Get(0))).Message().Interface()
	if named, ok := held.(directory.Resource); ok {
		named.GetMeta().DisplayName = "new"
	}
}

func TestEtagsAndExistence(t *testing.T) {
	s := admintest.Start(t)
	c := adminv1.NewConfigServiceClient(s.Dial(t))
	created, err := c.CreateAgent(t.Context(), &adminv1.CreateAgentRequest{Agent: &configv1.Agent{Meta: meta("mila")}})
	if err != nil || created.GetMeta().GetEtag() == "" || created.GetMeta().GetUpdatedMs() == 0 {
		t.Fatalf("created %v, %v", created, err)
	}
	if _, err := c.CreateAgent(t.Context(), &adminv1.CreateAgentRequest{Agent: &configv1.Agent{Meta: meta("mila")}}); status.Code(err) != codes.AlreadyExists {
		t.Errorf("creating again: %v", err)
	}
	if _, err := c.UpdateAgent(t.Context(), &adminv1.UpdateAgentRequest{Agent: &configv1.Agent{Meta: meta("orlin")}}); status.Code(err) != codes.NotFound {
		t.Errorf("updating what is not there: %v", err)
	}
	next := proto.Clone(created).(*configv1.Agent)
	next.Capacity = 2
	dry, err := c.UpdateAgent(t.Context(), &adminv1.UpdateAgentRequest{Agent: next, ValidateOnly: true})
	if err != nil || dry.GetCapacity() != 2 || s.Directory.Now().Agents["mila"].GetCapacity() != 0 {
		t.Errorf("validate_only: %v, %v", dry, err)
	}
	updated, err := c.UpdateAgent(t.Context(), &adminv1.UpdateAgentRequest{Agent: next})
	if err != nil || updated.GetMeta().GetEtag() == created.GetMeta().GetEtag() {
		t.Fatalf("updated %v, %v", updated, err)
	}
	if _, err := c.UpdateAgent(t.Context(), &adminv1.UpdateAgentRequest{Agent: next}); status.Code(err) != codes.Aborted {
		t.Errorf("updating with an old etag: %v", err)
	}
	got, err := c.GetAgent(t.Context(), &adminv1.GetAgentRequest{Id: "mila"})
	if d := cmp.Diff(updated, got, protocmp.Transform()); err != nil || d != "" {
		t.Errorf("what an update answers is not what is read: %v\n%s", err, d)
	}
	if _, err := c.DeleteAgent(t.Context(), &adminv1.DeleteAgentRequest{Id: "mila", Etag: created.GetMeta().GetEtag()}); status.Code(err) != codes.Aborted {
		t.Errorf("deleting with an old etag: %v", err)
	}
	if _, err := c.DeleteAgent(t.Context(), &adminv1.DeleteAgentRequest{Id: "mila"}); err != nil {
		t.Error(err)
	}
	if _, err := c.GetAgent(t.Context(), &adminv1.GetAgentRequest{Id: "mila"}); status.Code(err) != codes.NotFound {
		t.Errorf("reading what was deleted: %v", err)
	}
}

// L11, L25, L45: what is in use says by whom, and stays.
func TestNothingIsDeletedThatIsInUse(t *testing.T) {
	s := admintest.Start(t)
	c := adminv1.NewConfigServiceClient(s.Dial(t))
	apply(t, c, house())
	inUse := func(by string, err error) {
		t.Helper()
		if status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), by) {
			t.Errorf("want refused because of %s: %v", by, err)
		}
	}
	_, err := c.DeleteAgent(t.Context(), &adminv1.DeleteAgentRequest{Id: "mila"})
	inUse("queues.front", err)
	_, err = c.DeleteQueue(t.Context(), &adminv1.DeleteQueueRequest{Id: "front"})
	inUse("workstreams.facebook", err)
	_, err = c.DeleteWorkstream(t.Context(), &adminv1.DeleteWorkstreamRequest{Id: "facebook"})
	inUse("pages.shop", err)
	_, err = c.DeleteChannelAccount(t.Context(), &adminv1.DeleteChannelAccountRequest{Id: "demo"})
	inUse("pages.shop", err)
	// A page goes when its channel in the workstream is gone (L11), and only
	// once Meta knows, unless somebody insists.
	_, err = c.DeletePage(t.Context(), &adminv1.DeletePageRequest{Id: "shop", Force: true})
	inUse(`workstream "facebook"`, err)
	if _, err := c.UpdatePage(t.Context(), &adminv1.UpdatePageRequest{Page: &configv1.Page{Meta: meta("shop"), PageId: "1020304050607080", Account: "demo"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeletePage(t.Context(), &adminv1.DeletePageRequest{Id: "shop", ValidateOnly: true}); err != nil {
		t.Error(err)
	}
	_, err = c.DeletePage(t.Context(), &adminv1.DeletePageRequest{Id: "shop"})
	if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), `page "shop" is not deleted`) || s.Directory.Now().Pages["shop"] == nil {
		t.Errorf("while Meta is away: %v", err)
	}
	if _, err := c.DeletePage(t.Context(), &adminv1.DeletePageRequest{Id: "shop", Force: true}); err != nil {
		t.Error(err)
	}
	if _, err := c.DeleteChannelAccount(t.Context(), &adminv1.DeleteChannelAccountRequest{Id: "demo"}); err != nil {
		t.Error(err)
	}
}

// TestListingGoesOnWhereItStopped, by a token that fits no other list (SG5).
func TestListingGoesOnWhereItStopped(t *testing.T) {
	s := admintest.Start(t)
	c := adminv1.NewConfigServiceClient(s.Dial(t))
	req := &adminv1.ApplyRequest{}
	for i := range 7 {
		req.Resources = append(req.Resources, wrap(&configv1.Agent{Meta: meta(fmt.Sprintf("a%d", i))}))
	}
	apply(t, c, req)
	var got []string
	token := ""
	for {
		resp, err := c.ListAgents(t.Context(), &adminv1.ListAgentsRequest{PageSize: 3, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range resp.GetAgents() {
			got = append(got, a.GetMeta().GetId())
		}
		if token == "" { // gone meanwhile: the token still stands
			if _, err := c.DeleteAgent(t.Context(), &adminv1.DeleteAgentRequest{Id: "a2"}); err != nil {
				t.Fatal(err)
			}
		}
		if token = resp.GetNextPageToken(); token == "" {
			break
		}
		if _, err := c.ListQueues(t.Context(), &adminv1.ListQueuesRequest{PageToken: token}); status.Code(err) != codes.InvalidArgument {
			t.Errorf("another listing took the token: %v", err)
		}
	}
	if want := []string{"a0", "a1", "a2", "a3", "a4", "a5", "a6"}; !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
	if _, err := c.ListAgents(t.Context(), &adminv1.ListAgentsRequest{PageSize: 1001}); fields(err)["page_size"] == "" {
		t.Errorf("page size 1001: %v", err)
	}
}

func TestTwoAdminsDoNotLoseChanges(t *testing.T) {
	b := bustest.Open(t)
	one, two := admintest.StartWith(t, b, admin.Config{}), admintest.StartWith(t, b, admin.Config{})
	clients := []adminv1.ConfigServiceClient{adminv1.NewConfigServiceClient(one.Dial(t)), adminv1.NewConfigServiceClient(two.Dial(t))}
	const each = 10
	errs := make(chan error, 2*each)
	for n, c := range clients {
		go func() {
			for i := range each {
				_, err := c.CreateAgent(t.Context(), &adminv1.CreateAgentRequest{Agent: &configv1.Agent{Meta: meta(fmt.Sprintf("a%d-%d", n, i))}})
				errs <- err
			}
		}()
	}
	for range 2 * each {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	for n, c := range clients {
		resp, err := c.ListAgents(t.Context(), &adminv1.ListAgentsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		// Each sees at least what it made itself; soon both see all.
		if len(resp.GetAgents()) < each {
			t.Errorf("admin %d shows %d agents", n, len(resp.GetAgents()))
		}
	}
	if got := len(entries(t, b)); got != 2*each+1 {
		t.Errorf("CONFIG has %d entries, want %d", got, 2*each+1)
	}
}

func TestHealthAnswers(t *testing.T) {
	s := admintest.Start(t)
	resp, err := grpc_health_v1.NewHealthClient(s.Dial(t)).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "parley.admin.v1.ConfigService"})
	if err != nil || resp.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("health: %v, %v", resp, err)
	}
}

// What an agent wrote for own use goes with the agent, and not before.
func TestAnAgentsOwnRepliesGoToo(t *testing.T) {
	s := admintest.Start(t)
	c, replies, key := adminv1.NewConfigServiceClient(s.Dial(t)), s.Bus.Bucket(subject.ReplyBucket), subject.ReplyKey("mila")
	there := func() bool {
		_, err := replies.Get(t.Context(), key)
		return err == nil
	}
	if err := replies.Write(t.Context(), bus.Write{Key: key, Value: []byte("x"), Revision: bus.AnyRevision}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateAgent(t.Context(), &adminv1.CreateAgentRequest{Agent: &configv1.Agent{Meta: &configv1.Meta{Id: "mila", DisplayName: "Mila"}, Roles: []string{"agent"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteAgent(t.Context(), &adminv1.DeleteAgentRequest{Id: "mila", ValidateOnly: true}); err != nil || !there() {
		t.Errorf("only tried, and they are gone: %v", err)
	}
	if _, err := c.DeleteAgent(t.Context(), &adminv1.DeleteAgentRequest{Id: "mila", Etag: "1"}); err == nil || !there() {
		t.Errorf("refused, and they are gone: %v", err)
	}
	if _, err := c.DeleteAgent(t.Context(), &adminv1.DeleteAgentRequest{Id: "mila"}); err != nil || there() {
		t.Errorf("deleted, and they are there: %v", err)
	}
}
