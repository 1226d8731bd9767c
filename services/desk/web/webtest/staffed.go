package webtest

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	auditv1 "github.com/parley-desk/parley/proto/gen/parley/audit/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
)

func meta(id, name string) *configv1.Meta {
	return &configv1.Meta{Id: id, DisplayName: name, Etag: "e-" + id}
}

// sealed is a secret as the API shows it.
func sealed() *configv1.Secret {
	return &configv1.Secret{Fingerprint: "4f1c0a9be210", SetMs: time.Now().Add(-72 * time.Hour).UnixMilli()}
}

// Settings are resources of every kind, as a small house has them.
func Settings() []*adminv1.Resource {
	week := []*configv1.WeekHours{{Days: []configv1.Weekday{configv1.Weekday_WEEKDAY_MONDAY, configv1.Weekday_WEEKDAY_FRIDAY}, Open: []*configv1.Interval{{From: "09:00", To: "18:00"}}}}
	return []*adminv1.Resource{
		{Kind: &adminv1.Resource_ChannelAccount{ChannelAccount: &configv1.ChannelAccount{Meta: meta("demo", "Приложение"), AppId: "424242424242424", AppSecret: sealed(), VerifyToken: sealed(),
			Privacy: &configv1.Acknowledgement{By: "agent:petar", AtMs: time.Now().UnixMilli()}}}},
		{Kind: &adminv1.Resource_Page{Page: &configv1.Page{Meta: meta("shop", "Магазин Витоша"), PageId: "1020304050607080", Account: "demo", Workstream: "facebook", AccessToken: sealed(), Language: "bg"}}},
		{Kind: &adminv1.Resource_Workstream{Workstream: &configv1.Workstream{Meta: meta("facebook", "Messenger"), Queue: "front", Units: 1, OfferSeconds: 60, Routing: "sort"}}},
		{Kind: &adminv1.Resource_Queue{Queue: &configv1.Queue{Meta: meta("front", "Доставки"), Agents: []string{Agent, Other}, Schedule: "office", Priority: 5}}},
		{Kind: &adminv1.Resource_Agent{Agent: &configv1.Agent{Meta: meta(Agent, names[Agent]), Roles: []string{"agent"}, Capacity: 3, Password: sealed(), Skills: []*configv1.Proficiency{{Skill: "german", Value: 7}}}}},
		{Kind: &adminv1.Resource_Agent{Agent: &configv1.Agent{Meta: meta(Admin, names[Admin]), Roles: []string{"admin"}, Password: sealed()}}},
		{Kind: &adminv1.Resource_Schedule{Schedule: &configv1.Schedule{Meta: meta("office", "Работно време"), TimeZone: "Europe/Sofia", Week: week}}},
		{Kind: &adminv1.Resource_Skill{Skill: &configv1.Skill{Meta: meta("german", "Немски"), Type: "language"}}},
		{Kind: &adminv1.Resource_CapacityProfile{CapacityProfile: &configv1.CapacityProfile{Meta: meta("chats", "Чатове"), Limit: 4}}},
		{Kind: &adminv1.Resource_Status{Status: &configv1.Status{Meta: meta("lunch", "На обяд"), Base: distributionv1.Presence_PRESENCE_AWAY}}},
		{Kind: &adminv1.Resource_Ruleset{Ruleset: &configv1.Ruleset{Meta: meta("sort", "Разпределяне"), Route: []*configv1.RoutingRule{
			{Name: "refunds", When: "message.text.contains('връщане')", Queues: []*configv1.Share{{Queue: "front", Percent: 100}}}}}}},
		{Kind: &adminv1.Resource_AutomatedMessage{AutomatedMessage: &configv1.AutomatedMessage{Meta: meta("greeting", "Поздрав"), Active: true, Texts: map[string]string{"bg": "Здравейте!", "en": "Hello!"}}}},
		{Kind: &adminv1.Resource_CannedReply{CannedReply: &configv1.CannedReply{Meta: meta("thanks", "Благодаря"), Locale: "bg", Text: "Благодаря, че ни писахте!"}}},
		{Kind: &adminv1.Resource_NotificationTemplate{NotificationTemplate: &configv1.NotificationTemplate{Meta: meta("handed-over", "Предаден разговор"), Seconds: 60, Texts: []*configv1.NotificationTexts{
			{Language: "bg", Title: "Предава Ви го {AgentName}", Rows: []*configv1.NotificationRow{{Label: "Опашка", Text: "{QueueName}"}}}}}}},
	}
}

// Staff gives the control plane a small house that runs, with something of everything
// to look at.
func (h *House) Staff() {
	o := h.Office
	o.Keep(Settings()...)
	now := time.Now()
	at := func(ago time.Duration) int64 { return now.Add(-ago).UnixMilli() }
	Answer(o, adminv1.ProvisionService_ListPageStatuses_FullMethodName, func(*adminv1.ListPageStatusesRequest) (*adminv1.ListPageStatusesResponse, error) {
		checks := []*adminv1.PageCheck{{Name: "callback", Verdict: adminv1.Verdict_VERDICT_PASSED, Found: "Meta verified it", RanMs: at(time.Hour)}, {Name: "app", Verdict: adminv1.Verdict_VERDICT_PASSED},
			{Name: "token", Verdict: adminv1.Verdict_VERDICT_FAILED, Found: "the token has ended (190/463)", Reason: "TOKEN_ENDED", Values: []string{"(190/463)"}, Remedy: "make a new one", RanMs: at(time.Hour)},
			{Name: "subscription", Verdict: adminv1.Verdict_VERDICT_WAITING, Found: "not asked yet"}, {Name: "events", Verdict: adminv1.Verdict_VERDICT_PASSED, Found: "signed events come", Reason: "EVENTS_COME", Values: []string{"2026-11-28", "2026-11-29T06:07:31Z"}}}
		return &adminv1.ListPageStatusesResponse{Statuses: []*adminv1.PageStatus{{Page: "shop", PageId: "1020304050607080", Account: "demo", State: adminv1.PageState_PAGE_STATE_DEGRADED, Checks: checks, TokenEndsMs: at(-48 * time.Hour)}}}, nil
	})
	Answer(o, adminv1.ProvisionService_GetCallback_FullMethodName, func(*adminv1.GetCallbackRequest) (*adminv1.Callback, error) {
		return &adminv1.Callback{Url: "https://hooks.example.com/webhook/demo", VerifiedMs: at(time.Hour)}, nil
	})
	Answer(o, adminv1.ProvisionService_RevealVerifyToken_FullMethodName, func(*adminv1.RevealVerifyTokenRequest) (*adminv1.RevealVerifyTokenResponse, error) {
		return &adminv1.RevealVerifyTokenResponse{VerifyToken: "a-verify-token"}, nil
	})
	Answer(o, adminv1.ConfigService_Apply_FullMethodName, o.plan)
	Answer(o, adminv1.HistoryService_ListVersions_FullMethodName, func(*adminv1.ListVersionsRequest) (*adminv1.ListVersionsResponse, error) {
		return &adminv1.ListVersionsResponse{Versions: []*adminv1.Version{{Number: 3, AtMs: at(time.Hour), By: "agent:petar", Updated: 1, Comment: "по-спешно"}, {Number: 2, AtMs: at(2 * time.Hour), By: "local:root", Created: 13}}, NextPageToken: "more"}, nil
	})
	Answer(o, adminv1.HistoryService_GetVersion_FullMethodName, func(r *adminv1.GetVersionRequest) (*adminv1.GetVersionResponse, error) {
		queue := proto.CloneOf(Settings()[3])
		queue.GetQueue().Priority = 7
		return &adminv1.GetVersionResponse{Version: &adminv1.Version{Number: r.GetNumber()}, Changes: []*adminv1.Change{{Kind: "queue", Id: "front", Action: "updated", Before: Settings()[3], After: queue}}}, nil
	})
	Answer(o, adminv1.OperateService_Doctor_FullMethodName, func(*adminv1.DoctorRequest) (*adminv1.DoctorResponse, error) {
		return &adminv1.DoctorResponse{Checks: []*adminv1.Check{{Name: "redis.reachable", Status: adminv1.CheckStatus_CHECK_STATUS_OK, Detail: "Redis answers"},
			{Name: "config.queue_agents", Status: adminv1.CheckStatus_CHECK_STATUS_WARNING, Detail: "queues.back: there are no agents", Values: []string{"queues.back"}, Remedy: "add agents"},
			{Name: "config.page_tokens", Status: adminv1.CheckStatus_CHECK_STATUS_FAILED, Detail: "pages.shop: there is no access token", Values: []string{"pages.shop"}, Remedy: "set access_token"}}}, nil
	})
	Answer(o, adminv1.OperateService_GetLag_FullMethodName, func(*adminv1.GetLagRequest) (*adminv1.GetLagResponse, error) {
		return &adminv1.GetLagResponse{Lags: []*adminv1.StageLag{{Stage: "classification", Stream: "INBOUND", Behind: 120, OldestMs: 61_000}}}, nil
	})
	Answer(o, adminv1.OperateService_ListDeadLetters_FullMethodName, func(*adminv1.ListDeadLettersRequest) (*adminv1.ListDeadLettersResponse, error) {
		return &adminv1.ListDeadLettersResponse{DeadLetters: []*adminv1.DeadLetter{{Sequence: 7, Stage: "classification", Subject: "inbound.7.1020304050607080.2001", SourceSequence: 4711, Reason: "internal: route a conversation", Attempts: 5, AtMs: at(time.Hour)},
			{Sequence: 6, Stage: "intake", Subject: "inbound.7.1020304050607080.2001", SourceSequence: 4702, Reason: "invalid: the record is no bundle of events", Attempts: 1, AtMs: at(2 * time.Hour)}}}, nil
	})
	h.record(at)
	h.programs(at)
}

// programs gives the control plane API clients in every state. What is made, turned and
// revoked is answered and changes none.
func (h *House) programs(at func(time.Duration) int64) {
	const day = 24 * time.Hour
	token := func(ends, used int64) []*adminv1.ClientToken {
		return []*adminv1.ClientToken{{Fingerprint: "4f1c0a9be210", CreatedMs: at(day), UntilMs: ends, UsedMs: used}}
	}
	all := []*adminv1.ApiClient{
		{Id: "crm-sync", DisplayName: "CRM", Scopes: []string{"contact.read", "contact.write"}, Addresses: []string{"192.0.2.0/24"}, CreatedBy: "agent:petar", CreatedMs: at(day), Tokens: token(at(-60*day), at(time.Hour))},
		{Id: "old-report", Scopes: []string{"auditor"}, CreatedBy: "agent:petar", CreatedMs: at(90 * day), RevokedMs: at(day), Tokens: token(at(-day), 0)},
		{Id: "wallboard", Scopes: []string{"queue.pause"}, Queues: []string{"front"}, CreatedBy: "local:root", CreatedMs: at(80 * day), Tokens: token(at(-3*day), 0)},
	}
	Answer(h.Office, adminv1.ClientService_ListClients_FullMethodName, func(*adminv1.ListClientsRequest) (*adminv1.ListClientsResponse, error) {
		return &adminv1.ListClientsResponse{Clients: all}, nil
	})
	Answer(h.Office, adminv1.ClientService_CreateClient_FullMethodName, func(r *adminv1.CreateClientRequest) (*adminv1.CreateClientResponse, error) {
		c := proto.CloneOf(r.GetClient())
		c.Tokens = token(at(-90*day), 0)
		return &adminv1.CreateClientResponse{Client: c, Token: "pc_made"}, nil
	})
	Answer(h.Office, adminv1.ClientService_RotateClient_FullMethodName, func(*adminv1.RotateClientRequest) (*adminv1.RotateClientResponse, error) {
		return &adminv1.RotateClientResponse{Client: all[0], Token: "pc_turned"}, nil
	})
}

// plan answers an Apply with what it would change: what is given, against what stands.
func (o *Office) plan(r *adminv1.ApplyRequest) (*adminv1.ApplyResponse, error) {
	out := &adminv1.ApplyResponse{Version: 4}
	for _, after := range r.GetResources() {
		m := inside(after).Interface().(interface{ GetMeta() *configv1.Meta })
		change := &adminv1.Change{Id: m.GetMeta().GetId(), Action: "updated", After: after}
		o.mu.Lock()
		for _, before := range o.resources {
			if was := inside(before); was.Descriptor() == inside(after).Descriptor() && was.Interface().(interface{ GetMeta() *configv1.Meta }).GetMeta().GetId() == change.GetId() {
				change.Before = before
			}
		}
		o.mu.Unlock()
		out.Changes = append(out.Changes, change)
	}
	return out, nil
}

// Records is an audit as it may be, the newest first, with the one behind it for each
// sort of line that the page draws.
func Records(at func(time.Duration) int64) []*auditv1.Record {
	all := []*auditv1.Record{
		{Kind: "session.begin", Actor: "agent:elena", Roles: []string{"supervisor"}, Objects: []string{"agents/elena"}, Address: "192.0.2.7"},
		{Kind: "session.refused", Reason: "WRONG_PASSWORD", Address: "192.0.2.9", Times: 14},
		{Kind: "config.change", Actor: "agent:petar", Roles: []string{"admin"}, Objects: []string{"queues/front"}, Version: 3, Changes: []*auditv1.Change{{Field: "queues/front", Before: "0c1d", After: "99ab"}}},
		{Kind: "presence.set", Actor: "agent:elena", Roles: []string{"supervisor"}, Objects: []string{"agents/mila"}, Method: "/parley.desk.v1.DeskService/SetAgentPresence", Changes: []*auditv1.Change{{Field: "presence", After: "PRESENCE_AWAY"}}},
		{Kind: "conversation.transfer", Actor: "agent:elena", Roles: []string{"supervisor"}, Objects: []string{"conversations/c-2001"}, Person: "9f0c1a2b3c4d5e6f70818283", Method: "/parley.desk.v1.DeskService/TransferConversation",
			Changes: []*auditv1.Change{{Field: "phase", Before: "PHASE_ACTIVE"}, {Field: "queue", Before: "front", After: "back"}, {Field: "agent", Before: "mila"}}},
		{Kind: "letter.drop", Actor: "agent:petar", Roles: []string{"admin"}, Objects: []string{"letters/7"}},
		{Kind: "letter.drop", Actor: "agent:petar", Roles: []string{"admin"}, Objects: []string{"letters/7"}, Undone: 6, Reason: "NO_DEAD_LETTER"},
		{Kind: "conversation.bulk", Actor: "local:root", Objects: []string{"conversations/c-1", "conversations/c-2", "conversations/c-3", "conversations/c-4", "conversations/c-5"}, Trace: "4bf92f3577b34da6a3ce929d0e0e4736"},
	}
	for i, r := range all {
		r.Number, r.AtMs, r.Id = uint64(i+1), at(time.Duration(len(all)-i)*time.Minute), fmt.Sprintf("%024x", i+1)
	}
	slices.Reverse(all)
	return all
}

// record lets the audit be read, and be good.
func (h *House) record(at func(time.Duration) int64) {
	all := Records(at)
	Answer(h.Office, adminv1.AuditService_ListRecords_FullMethodName, func(r *adminv1.ListRecordsRequest) (*adminv1.ListRecordsResponse, error) {
		out := &adminv1.ListRecordsResponse{End: uint64(len(all))}
		for _, one := range all {
			if f := r.GetFilter(); one.GetNumber() > r.GetAfter() && (f.GetActor() == "" || f.GetActor() == one.GetActor()) && (f.GetKind() == "" || f.GetKind() == one.GetKind()) {
				out.Records = append(out.Records, one)
			}
		}
		return out, nil
	})
	Answer(h.Office, adminv1.AuditService_VerifyRecords_FullMethodName, func(*adminv1.VerifyRecordsRequest) (*adminv1.VerifyRecordsResponse, error) {
		return &adminv1.VerifyRecordsResponse{Read: int32(len(all)), Number: uint64(len(all)), Seal: fmt.Sprintf("%064x", len(all))}, nil
	})
}
