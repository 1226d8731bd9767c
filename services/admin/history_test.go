package admin_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/admin/admintest"
)

// past is a house with its history.
type past struct {
	*testing.T
	server  *admintest.Server
	config  adminv1.ConfigServiceClient
	history adminv1.HistoryServiceClient
}

func begin(t *testing.T) past {
	t.Helper()
	s := admintest.Start(t)
	return past{t, s, adminv1.NewConfigServiceClient(s.Dial(t)), adminv1.NewHistoryServiceClient(s.Dial(t))}
}

// put applies resources and gives the version that it made.
func (p past) put(comment string, resources ...*adminv1.Resource) uint64 {
	p.Helper()
	resp, err := p.config.Apply(p.Context(), &adminv1.ApplyRequest{Resources: resources, Comment: comment})
	if err != nil {
		p.Fatal(err)
	}
	return resp.GetVersion()
}

// back rolls back and gives what was done, in short, and the remarks.
func (p past) back(req *adminv1.RollBackRequest) (done, remarks []string, version uint64) {
	p.Helper()
	resp, err := p.history.RollBack(p.Context(), req)
	if err != nil {
		p.Fatal(err)
	}
	for _, c := range resp.GetChanges() {
		remarks = append(remarks, c.GetRemarks()...)
	}
	return brief(resp.GetChanges()), remarks, resp.GetVersion()
}

func brief(changes []*adminv1.Change) (all []string) {
	for _, c := range changes {
		all = append(all, c.GetAction()+" "+c.GetKind()+" "+c.GetId())
	}
	return all
}

func (p past) diff(from, to uint64) []string {
	p.Helper()
	resp, err := p.history.DiffVersions(p.Context(), &adminv1.DiffVersionsRequest{From: from, To: to})
	if err != nil {
		p.Fatal(err)
	}
	return brief(resp.GetChanges())
}

func (p past) same(what string, got []string, want ...string) {
	p.Helper()
	if !slices.Equal(got, want) {
		p.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func TestEveryChangeIsAVersion(t *testing.T) {
	p := begin(t)
	if v := p.put("opening day", house().GetResources()...); v != 1 {
		t.Errorf("the first change is version %d", v)
	}
	if v := p.put("nothing new", house().GetResources()...); v != 1 {
		t.Errorf("a change of nothing is version %d", v)
	}
	if resp, err := p.config.Apply(t.Context(), &adminv1.ApplyRequest{ValidateOnly: true, Resources: []*adminv1.Resource{wrap(&configv1.Agent{Meta: meta("vera")})}}); err != nil || resp.GetVersion() != 1 {
		t.Errorf("a check is version %d, %v", resp.GetVersion(), err)
	}
	if _, err := p.config.UpdateAgent(t.Context(), &adminv1.UpdateAgentRequest{Agent: &configv1.Agent{Meta: meta("mila"), Capacity: 4, Password: value("another-" + canary)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.config.CreateSkill(t.Context(), &adminv1.CreateSkillRequest{Skill: &configv1.Skill{Meta: meta("german")}}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.config.DeleteSkill(t.Context(), &adminv1.DeleteSkillRequest{Id: "german"}); err != nil {
		t.Fatal(err)
	}
	if got := p.server.Directory.Now().Version; got != 4 {
		t.Errorf("services see version %d", got)
	}
	var told []string
	for token := ""; ; {
		resp, err := p.history.ListVersions(t.Context(), &adminv1.ListVersionsRequest{PageSize: 3, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range resp.GetVersions() {
			if !strings.HasPrefix(v.GetBy(), "local:") || time.Since(time.UnixMilli(v.GetAtMs())) > time.Hour {
				t.Errorf("version %d is by %q of %d", v.GetNumber(), v.GetBy(), v.GetAtMs())
			}
			told = append(told, fmt.Sprintf("%d +%d ~%d -%d %s", v.GetNumber(), v.GetCreated(), v.GetUpdated(), v.GetDeleted(), v.GetComment()))
		}
		if token = resp.GetNextPageToken(); token == "" {
			break
		}
	}
	p.same("the list", told, "4 +0 ~0 -1 ", "3 +1 ~0 -0 ", "2 +0 ~1 -0 ", "1 +5 ~0 -0 opening day")
	two, err := p.history.GetVersion(t.Context(), &adminv1.GetVersionRequest{Number: 2})
	if err != nil || len(two.GetChanges()) != 1 {
		t.Fatalf("version 2: %v, %v", two, err)
	}
	before, after := two.GetChanges()[0].GetBefore().GetAgent(), two.GetChanges()[0].GetAfter().GetAgent()
	if before.GetCapacity() != 3 || after.GetCapacity() != 4 || before.GetPassword().GetFingerprint() == after.GetPassword().GetFingerprint() || len(after.GetPassword().GetSealed()) != 0 {
		t.Errorf("version 2 led from %v to %v", before, after)
	}
	p.same("from 1 to 2", p.diff(1, 2), "updated agent mila")
	p.same("from 3 to 2", p.diff(3, 2), "deleted skill german")
	p.same("from 2 to now", p.diff(2, 0))
	for what, call := range map[string]func() error{
		"no number": func() error { _, err := p.history.GetVersion(t.Context(), &adminv1.GetVersionRequest{}); return err },
		"a page of a crowd": func() error {
			_, err := p.history.ListVersions(t.Context(), &adminv1.ListVersionsRequest{PageSize: 1001})
			return err
		},
		"a made-up token": func() error {
			_, err := p.history.ListVersions(t.Context(), &adminv1.ListVersionsRequest{PageToken: "AAAAAAAAAAAAAAAAAAAAAA"})
			return err
		},
		"from nowhere": func() error {
			_, err := p.history.DiffVersions(t.Context(), &adminv1.DiffVersionsRequest{To: 1})
			return err
		},
		"back to nowhere": func() error { _, err := p.history.RollBack(t.Context(), &adminv1.RollBackRequest{}); return err },
		"a long comment": func() error {
			_, err := p.config.Apply(t.Context(), &adminv1.ApplyRequest{Comment: strings.Repeat("x", 501)})
			return err
		},
	} {
		if err := call(); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := p.history.GetVersion(t.Context(), &adminv1.GetVersionRequest{Number: 5}); status.Code(err) != codes.NotFound {
		t.Errorf("a version of the future: %v", err)
	}
}

func TestRollBackPutsBackSettingsAndNoSecrets(t *testing.T) {
	p := begin(t)
	one := p.put("", house().GetResources()...)
	p.put("", wrap(&configv1.Agent{Meta: meta("vera"), Capacity: 1}), wrap(&configv1.Queue{Meta: meta("front"), Agents: []string{"mila", "vera"}}))
	if _, err := p.config.RotateAppSecret(t.Context(), &adminv1.RotateAppSecretRequest{Account: "demo", AppSecret: value("new-app-secret-" + canary)}); err != nil {
		t.Fatal(err)
	}
	p.put("", wrap(&configv1.ChannelAccount{Meta: meta("demo"), AppId: "424242424242424", GraphVersion: "v25.0"}))
	now := p.server.Directory.Now()
	secrets := now.Accounts["demo"]

	dry, _, version := p.back(&adminv1.RollBackRequest{To: one, ValidateOnly: true, Expected: 4})
	want := []string{"updated queue front", "updated channel_account demo", "deleted agent vera"}
	p.same("the plan", dry, want...)
	if version != 4 || p.server.Directory.Now() != now {
		t.Errorf("a check is version %d", version)
	}
	done, remarks, version := p.back(&adminv1.RollBackRequest{To: one, Expected: 4, Comment: "as on the first day"})
	p.same("what was done", done, want...)
	if len(remarks) != 1 || !strings.HasPrefix(remarks[0], "channelAccounts/demo#app_secret stays the one set at ") {
		t.Errorf("remarks: %q", remarks)
	}
	after := p.server.Directory.Now()
	account := after.Accounts["demo"]
	if version != 5 || after.Version != 5 || after.Agents["vera"] != nil || account.GetGraphVersion() != "v26.0" {
		t.Errorf("version %d: %v", version, after)
	}
	if !proto.Equal(account.GetAppSecret(), secrets.GetAppSecret()) || !proto.Equal(account.GetPreviousSecret(), secrets.GetPreviousSecret()) || !proto.Equal(account.GetVerifyToken(), secrets.GetVerifyToken()) {
		t.Errorf("secrets of the account are %v, were %v", account, secrets)
	}
	if v := after.Record; v.GetRolledBackTo() != 1 || v.GetComment() != "as on the first day" || v.GetBy() == "" {
		t.Errorf("the record is %v", v)
	}
	again, _, version := p.back(&adminv1.RollBackRequest{To: one})
	if len(again) != 0 || version != 5 {
		t.Errorf("again: %q, version %d", again, version)
	}
	// And forward again.
	done, _, _ = p.back(&adminv1.RollBackRequest{To: 4})
	p.same("undoing it", done, "created agent vera", "updated queue front", "updated channel_account demo")
	if _, err := p.history.RollBack(t.Context(), &adminv1.RollBackRequest{To: one, Expected: 5}); status.Code(err) != codes.Aborted {
		t.Errorf("expecting version 5: %v", err)
	}
	if _, err := p.history.RollBack(t.Context(), &adminv1.RollBackRequest{To: 99}); status.Code(err) != codes.NotFound {
		t.Errorf("to the future: %v", err)
	}
}

// What was deleted comes back without its secrets, and the answer says which to set.
func TestRollBackBringsBackWithoutSecrets(t *testing.T) {
	p := begin(t)
	p.put("", house().GetResources()...)
	ctx := t.Context()
	detached := &configv1.Page{Meta: meta("shop"), PageId: "1020304050607080", Account: "demo"}
	for _, call := range []func() error{
		func() error {
			_, err := p.config.UpdatePage(ctx, &adminv1.UpdatePageRequest{Page: detached})
			return err
		},
		func() error {
			_, err := p.config.DeletePage(ctx, &adminv1.DeletePageRequest{Id: "shop", Force: true})
			return err
		},
		func() error {
			_, err := p.config.DeleteChannelAccount(ctx, &adminv1.DeleteChannelAccountRequest{Id: "demo"})
			return err
		},
		func() error {
			_, err := p.config.DeleteWorkstream(ctx, &adminv1.DeleteWorkstreamRequest{Id: "facebook"})
			return err
		},
		func() error {
			_, err := p.config.DeleteQueue(ctx, &adminv1.DeleteQueueRequest{Id: "front"})
			return err
		},
		func() error { _, err := p.config.DeleteAgent(ctx, &adminv1.DeleteAgentRequest{Id: "mila"}); return err },
	} {
		if err := call(); err != nil {
			t.Fatal(err)
		}
	}
	done, remarks, version := p.back(&adminv1.RollBackRequest{To: 1})
	p.same("what came back", done, "created agent mila", "created queue front", "created workstream facebook", "created channel_account demo", "created page shop")
	for _, want := range []string{
		"agents/mila#password did not come back: set it in a manifest, spec.password of agent mila, and apply it",
		"channelAccounts/demo#app_secret did not come back: set it with `parleyctl channel rotate-secret demo`; until then its webhooks are refused",
		"channelAccounts/demo#verify_token was made anew: have Meta verify the callback again; `parleyctl channel callback demo` shows what it takes",
		"pages/shop#access_token did not come back: set it with `parleyctl page token set shop`, then run `parleyctl channel subscribe shop`",
	} {
		if !slices.Contains(remarks, want) {
			t.Errorf("nobody says %q but %q", want, remarks)
		}
	}
	now := p.server.Directory.Now()
	account := now.Accounts["demo"]
	if version != 8 || now.Pages["shop"].GetWorkstream() != "facebook" || account.GetAppSecret() != nil || len(account.GetVerifyToken().GetSealed()) == 0 || now.Agents["mila"].GetCapacity() != 3 {
		t.Errorf("version %d: %v", version, now)
	}
	// The secrets can be set as the remarks say, and then nothing is missing.
	if _, err := p.config.RotateAppSecret(ctx, &adminv1.RotateAppSecretRequest{Account: "demo", AppSecret: value("app-secret-" + canary)}); err != nil {
		t.Error(err)
	}
	if got := apply(t, p.config, house()); !slices.Equal(got, []string{"updated", "updated", "unchanged", "unchanged", "updated"}) {
		t.Errorf("the first manifest: %q", got)
	}
	p.same("what still differs", p.diff(1, 0), "updated agent mila") // a password is hashed anew
}

// A page that was created since is not deleted while a workstream takes it, nor
// while Meta cannot be told.
func TestRollBackKeepsTheGuardsOfDeletion(t *testing.T) {
	p := begin(t)
	first := house().GetResources()
	p.put("", first[1:]...)
	p.put("", first[0])
	_, err := p.history.RollBack(t.Context(), &adminv1.RollBackRequest{To: 1})
	if status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), `page "shop" takes part in workstream "facebook"; end that first`) {
		t.Errorf("with a page in work: %v", err)
	}
	p.put("", wrap(&configv1.Page{Meta: meta("shop"), PageId: "1020304050607080", Account: "demo"}))
	_, err = p.history.RollBack(t.Context(), &adminv1.RollBackRequest{To: 1})
	if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), `nothing is changed: page "shop" would be deleted`) {
		t.Errorf("with Meta away: %v", err)
	}
	if p.server.Directory.Now().Version != 3 {
		t.Error("something was changed")
	}
	// What a rule of today refuses is refused, with its place.
	p.put("", wrap(&configv1.Queue{Meta: meta("back"), Agents: []string{"mila"}}))
	broken := &configv1.Queue{Meta: meta("odd"), Priority: 5000}
	smuggle(t, p.server, broken)
	p.put("", wrap(&configv1.Queue{Meta: meta("odd"), Priority: 5}))
	_, err = p.history.RollBack(t.Context(), &adminv1.RollBackRequest{To: p.server.Directory.Now().Version - 1})
	if fields(err)["queues/odd.priority"] == "" {
		t.Errorf("what is not allowed any more: %v", err)
	}
}

// A deployment from before there was history begins it with what is there.
func TestHistoryBeginsWithWhatIsThere(t *testing.T) {
	p := begin(t)
	smuggle(t, p.server, &configv1.Agent{Meta: meta("mila"), Capacity: 3})
	if p.server.Directory.Now().Version != 0 {
		t.Error("an old marker has a version")
	}
	if resp, err := p.history.ListVersions(t.Context(), &adminv1.ListVersionsRequest{}); err != nil || len(resp.GetVersions()) != 0 {
		t.Errorf("before any: %v, %v", resp, err)
	}
	if v := p.put("", wrap(&configv1.Agent{Meta: meta("mila"), Capacity: 4})); v != 2 {
		t.Errorf("the first change is version %d", v)
	}
	base, err := p.history.GetVersion(t.Context(), &adminv1.GetVersionRequest{Number: 1})
	if err != nil || !base.GetVersion().GetBase() || len(base.GetChanges()) != 1 || base.GetChanges()[0].GetAction() != "found" || base.GetChanges()[0].GetAfter().GetAgent().GetCapacity() != 3 {
		t.Errorf("the base: %v, %v", base, err)
	}
	done, _, _ := p.back(&adminv1.RollBackRequest{To: 1})
	p.same("back to the beginning", done, "updated agent mila")
}

// Without HISTORY the configuration is what it is. What came after is known, what
// was before is not.
func TestALostHistory(t *testing.T) {
	p := begin(t)
	for n := range int32(4) {
		p.put("", wrap(&configv1.Agent{Meta: meta("mila"), Capacity: 1 + n}))
	}
	bucket := p.server.Bus.Bucket(subject.HistoryBucket)
	for key := range kept(t, p.server.Bus) {
		if err := bucket.Write(t.Context(), bus.Write{Key: key, Revision: bus.AnyRevision}); err != nil {
			t.Fatal(err)
		}
	}
	if v := p.put("", wrap(&configv1.Agent{Meta: meta("mila"), Capacity: 9})); v != 5 {
		t.Errorf("the next change is version %d", v)
	}
	list, err := p.history.ListVersions(t.Context(), &adminv1.ListVersionsRequest{PageSize: 2})
	if err != nil || len(list.GetVersions()) != 2 {
		t.Fatalf("the list: %v, %v", list, err)
	}
	if list, err = p.history.ListVersions(t.Context(), &adminv1.ListVersionsRequest{PageSize: 2, PageToken: list.GetNextPageToken()}); err != nil || len(list.GetVersions()) != 0 || list.GetNextPageToken() != "" {
		t.Errorf("the rest of the list: %v, %v", list, err)
	}
	if _, err := p.history.RollBack(t.Context(), &adminv1.RollBackRequest{To: 2}); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("back to what is lost: %v", err)
	}
	done, _, _ := p.back(&adminv1.RollBackRequest{To: 4})
	p.same("back to what was in force when it was lost", done, "updated agent mila")
	if p.server.Directory.Now().Agents["mila"].GetCapacity() != 4 {
		t.Error("it is not back")
	}
}

// kept are all entries of HISTORY.
func kept(t *testing.T, b *bus.Bus) map[string][]byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out := map[string][]byte{}
	complete := false
	err := b.Bucket(subject.HistoryBucket).Watch(ctx, func() { complete = true; cancel() }, func(e bus.Entry) { out[e.Key] = e.Value })
	if !complete {
		t.Fatalf("reading HISTORY: %v", err)
	}
	return out
}

func TestHistoryHoldsNoSecret(t *testing.T) {
	p := begin(t)
	p.put("", house().GetResources()...)
	var sealed []string
	now := p.server.Directory.Now()
	for _, s := range []*configv1.Secret{now.Accounts["demo"].GetAppSecret(), now.Accounts["demo"].GetVerifyToken(), now.Pages["shop"].GetAccessToken(), now.Agents["mila"].GetPassword()} {
		sealed = append(sealed, string(s.GetSealed()))
	}
	keys := adminv1.NewKeyServiceClient(p.server.Dial(t))
	if _, err := keys.RotateKey(t.Context(), &adminv1.RotateKeyRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.ReencryptSecrets(t.Context(), &adminv1.ReencryptSecretsRequest{}); err != nil {
		t.Fatal(err)
	}
	two, err := p.history.GetVersion(t.Context(), &adminv1.GetVersionRequest{Number: 2})
	if err != nil || two.GetVersion().GetResealed() != 3 {
		t.Errorf("sealing anew: %v, %v", two, err)
	}
	p.same("what it changed", p.diff(1, 2))
	entries := kept(t, p.server.Bus)
	if len(entries) != 6 {
		t.Errorf("HISTORY has %d entries, want five resources and a record", len(entries))
	}
	for key, value := range entries {
		for _, s := range append(sealed, canary) {
			if strings.Contains(string(value), s) {
				t.Errorf("%s holds a secret", key)
			}
		}
	}
}
