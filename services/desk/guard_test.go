package desk_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/parley-desk/parley/pkg/rights"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
)

// method is an RPC of the desk API as it goes over the wire.
type method struct {
	path   string
	stream bool
	input  protoreflect.MessageDescriptor
}

// methods are all that the API has, so that a new one is tested as the others
// are before anybody thinks of it.
func methods(t *testing.T) (all []method) {
	t.Helper()
	pkg := deskv1.File_parley_desk_v1_desk_proto.Package()
	protoregistry.GlobalFiles.RangeFilesByPackage(pkg, func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				m := service.Methods().Get(j)
				all = append(all, method{fmt.Sprint("/", service.FullName(), "/", m.Name()), m.IsStreamingServer(), m.Input()})
			}
		}
		return true
	})
	if len(all) < 40 {
		t.Fatalf("only %d methods are found", len(all))
	}
	return all
}

// open are the methods that need no session.
func (m method) open() bool {
	return strings.HasSuffix(m.path, "/SignIn") || strings.HasSuffix(m.path, "/SignOut") || strings.HasPrefix(m.path, "/parley.desk.v1.DeviceService/")
}

// sample is a request that passes every check of its form, about a conversation.
func (m method) sample(t *testing.T, of *deskv1.ConversationRef) []byte {
	t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(m.input.FullName())
	if err != nil {
		t.Fatal(err)
	}
	request := kind.New()
	fields := m.input.Fields()
	for i := range fields.Len() {
		switch f := fields.Get(i); {
		case f.IsList() && f.Message() != nil && f.Message().FullName() == of.ProtoReflect().Descriptor().FullName():
			request.Mutable(f).List().Append(protoreflect.ValueOfMessage(proto.CloneOf(of).ProtoReflect()))
		case f.Message() != nil && f.Message().FullName() == of.ProtoReflect().Descriptor().FullName():
			request.Set(f, protoreflect.ValueOfMessage(proto.CloneOf(of).ProtoReflect()))
		case f.IsMap():
			request.Mutable(f).Map().Set(protoreflect.ValueOfString("x").MapKey(), protoreflect.ValueOfString("x"))
		case f.Name() == "added": // a label
			request.Mutable(f).List().Append(protoreflect.ValueOfString("x"))
		case f.IsList(), f.Name() == "sticker": // may be empty
		case f.Name() == "sign":
			request.Set(f, protoreflect.ValueOfString("typing_on"))
		case f.Name() == "client_id":
			request.Set(f, protoreflect.ValueOfString(uuid.NewString()))
		case f.Kind() == protoreflect.StringKind && !f.IsList():
			request.Set(f, protoreflect.ValueOfString("x"))
		case f.Kind() == protoreflect.Int64Kind:
			request.Set(f, protoreflect.ValueOfInt64(1))
		}
	}
	body, err := protojson.Marshal(request.Interface())
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// names tells whether requests name a conversation.
func (m method) names() bool { return m.input.Fields().ByName("ref") != nil }

// answer is what a call came to.
type answer struct {
	status int
	code   string // connect's; empty when it was obeyed
	text   string // the whole error
}

// post makes one call with a body that need not be a request. Of a stream it
// reads the first event.
func (h *house) post(c *caller, m method, body []byte, header ...string) answer {
	h.t.Helper()
	kind := "application/json"
	if m.stream {
		kind = "application/connect+json"
		body = append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body))), body...)
	}
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.url+m.path, bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	got, err := c.http.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	var envelope [5]byte
	var answered []byte
	if m.stream && got.StatusCode == http.StatusOK {
		if _, err := io.ReadFull(got.Body, envelope[:]); err != nil {
			h.t.Fatal(err)
		}
		answered = make([]byte, binary.BigEndian.Uint32(envelope[1:]))
		_, err = io.ReadFull(got.Body, answered)
	} else {
		answered, err = io.ReadAll(got.Body)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	var failure struct {
		Code  string
		Error struct{ Code string }
	}
	_ = json.Unmarshal(answered, &failure) // what is no JSON has no code
	return answer{got.StatusCode, failure.Code + failure.Error.Code, string(answered)}
}

// supervisors tells whether only supervisors may call it, and agents whether only
// agents may.
func (m method) supervisors() bool {
	name := m.path[strings.LastIndex(m.path, "/")+1:]
	return slices.Contains([]string{"AssignConversation", "ForceCloseConversation", "MonitorConversation", "JoinConversation",
		"SetAgentPresence", "ListOngoing", "ListAgents", "ActOnConversations", "PauseQueue"}, name)
}

func (m method) agents() bool {
	return strings.HasSuffix(m.path, "/PickConversation") || strings.HasSuffix(m.path, "/ListOpenItems")
}

// TestEveryMethodAsksWhoItIs: without a session, with one that ended, and with
// one of somebody without the role, nothing is told and nothing is done.
func TestEveryMethodAsksWhoItIs(t *testing.T) {
	h := newHouse(t)
	h.lead("p", "active", time.Now())
	before := len(h.history("p"))
	nobody, gone, stranger := h.agent(""), h.agent("mila"), h.agent("")
	petar, sonya, orlin := h.agent("petar"), h.agent("sonya"), h.agent("orlin")
	cookies := gone.http.Jar.Cookies(mustURL(t, h.url))
	if _, err := gone.sessions.SignOut(t.Context(), connect.NewRequest(&deskv1.SignOutRequest{})); err != nil {
		t.Fatal(err)
	}
	gone.http.Jar.SetCookies(mustURL(t, h.url), cookies) // a thief who kept it
	stranger.http.Jar.SetCookies(mustURL(t, h.url), []*http.Cookie{{Name: "parley", Value: strings.Repeat("A", 22)}})
	for _, m := range methods(t) {
		if m.open() {
			continue
		}
		body := m.sample(t, ref("p"))
		for name, c := range map[string]*caller{"nobody": nobody, "a session that ended": gone, "an invented session": stranger} {
			if got := h.post(c, m, body); got.code != "unauthenticated" || !m.stream && got.status != http.StatusUnauthorized {
				t.Errorf("%s as %s: %+v", m.path, name, got)
			}
		}
		without := map[string]*caller{}
		if rights.Needed(m.path) != authv1.Permission_PERMISSION_SELF_READ { // everybody may about oneself
			without["one who is neither agent nor supervisor"] = petar
		}
		if m.supervisors() {
			without["an agent who is no supervisor"] = orlin
		}
		if m.agents() {
			without["a supervisor who is no agent"] = sonya
		}
		for name, c := range without {
			if got := h.post(c, m, body); got.code != "permission_denied" || !m.stream && got.status != http.StatusForbidden || !strings.Contains(got.text, "the role ") {
				t.Errorf("%s as %s: %+v", m.path, name, got)
			}
		}
	}
	if after := len(h.history("p")); after != before {
		t.Errorf("the thread got %d facts", after-before)
	}
}

// TestEveryMethodWithEveryRole: what the table of roles gives nobody gets refused,
// and nobody else, at every method that the desk has, its own and those of the
// control plane that it passes on.
func TestEveryMethodWithEveryRole(t *testing.T) {
	h := newHouse(t)
	h.lead("p", "active", time.Now())
	before := len(h.history("p"))
	names := map[string]string{"": "nino", "agent": "orlin", "supervisor": "irina", "admin": "petar", "operator": "paula", "auditor": "anton"}
	callers := map[string]*caller{}
	for role, agent := range names {
		callers[role] = h.agent(agent)
	}
	nobody := h.agent("")
	for _, m := range append(methods(t), passedOn(t)...) {
		if m.open() {
			continue
		}
		need := rights.Needed(m.path)
		for role, c := range callers {
			body := m.sample(t, ref("p"))
			if strings.Contains(m.path, ".admin.") {
				body = []byte(`{}`)
			}
			got := h.post(c, m, body)
			if want := !slices.Contains(rights.Roles(need, rights.Own), role); (got.code == "permission_denied") != want || got.code == "unauthenticated" {
				t.Errorf("%s, which needs %s, as %q: %+v", m.path, rights.Name(need), role, got)
			}
			if strings.HasSuffix(m.path, "/SignOutEverywhere") {
				callers[role] = h.agent(names[role])
			}
		}
		if got := h.post(nobody, m, []byte(`{}`)); got.code != "unauthenticated" {
			t.Errorf("%s by nobody: %+v", m.path, got)
		}
	}
	if after := len(h.history("p")); after != before {
		t.Errorf("the thread of somebody else, in a queue of somebody else, got %d facts", after-before)
	}
}

// passedOn are the methods of the control plane that the desk passes on.
func passedOn(t *testing.T) (all []method) {
	t.Helper()
	for _, file := range []protoreflect.FileDescriptor{adminv1.File_parley_admin_v1_admin_proto, adminv1.File_parley_admin_v1_audit_proto, adminv1.File_parley_admin_v1_crew_proto, adminv1.File_parley_admin_v1_history_proto,
		adminv1.File_parley_admin_v1_provision_proto, adminv1.File_parley_admin_v1_routing_proto, adminv1.File_parley_admin_v1_schedule_proto} {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				if m := service.Methods().Get(j); !m.IsStreamingServer() && !m.IsStreamingClient() {
					all = append(all, method{fmt.Sprint("/", service.FullName(), "/", m.Name()), false, m.Input()})
				}
			}
		}
	}
	return all
}

// TestAnotherQueue (SK5, L104): a supervisor who looks after one queue hears of a
// conversation of another one what one hears of a conversation that never was, and
// changes nothing; also of agents who serve other queues, and of those queues.
func TestAnotherQueue(t *testing.T) {
	h := newHouse(t)
	irina := h.agent("irina")
	for _, p := range phases {
		h.lead("front-"+p.name, p.name, time.Now())
	}
	h.wait("waits", "front", 0, nil)
	h.wait("back", "back", 0, nil)
	foreign := []string{"waits"}
	for _, p := range phases {
		foreign = append(foreign, "front-"+p.name)
	}
	for _, m := range methods(t) {
		if !m.names() || m.agents() {
			continue
		}
		want := h.post(irina, m, m.sample(t, ref("never-was")))
		if want.code != "not_found" {
			t.Errorf("%s of a conversation that never was: %+v", m.path, want)
		}
		for _, psid := range foreign {
			before := len(h.history(psid))
			if got := h.post(irina, m, m.sample(t, ref(psid))); got != want {
				t.Errorf("%s %s: %+v, of one that never was %+v", m.path, psid, got, want)
			}
			if after := len(h.history(psid)); after != before {
				t.Errorf("%s %s: the thread got %d facts", m.path, psid, after-before)
			}
		}
	}
	many, err := irina.desk.ActOnConversations(t.Context(), connect.NewRequest(&deskv1.ActOnConversationsRequest{
		ClientId: uuid.NewString(), Refs: []*deskv1.ConversationRef{ref("waits"), ref("front-active"), ref("never-was")}, Action: &deskv1.ActOnConversationsRequest_ForceClose{ForceClose: true}}))
	if err != nil || many.Msg.GetDone() != 0 || many.Msg.GetOutcomes()[0].GetReason() != many.Msg.GetOutcomes()[2].GetReason() {
		t.Errorf("many at once: %v, %v", many, err)
	}
	h.await("what she sees", func() bool {
		list, err := irina.desk.ListOngoing(t.Context(), connect.NewRequest(&deskv1.ListOngoingRequest{}))
		if err != nil || len(list.Msg.GetConversations()) > 1 {
			t.Fatalf("she sees %v, %v", list.Msg.GetConversations(), err)
		}
		return len(list.Msg.GetConversations()) == 1 && list.Msg.GetConversations()[0].GetRef().GetPsid() == "back" && list.Msg.GetTotal() == 1
	})
	queues, err := irina.desk.ListQueues(t.Context(), connect.NewRequest(&deskv1.ListQueuesRequest{}))
	var hers []string // those that name no supervisors are everybody's
	for _, q := range queues.Msg.GetQueues() {
		hers = append(hers, q.GetQueue())
	}
	slices.Sort(hers)
	if err != nil || !slices.Equal(hers, []string{"back", "empty", "night"}) {
		t.Errorf("she sees queues %v, %v", hers, err)
	}
	agents, err := irina.desk.ListAgents(t.Context(), connect.NewRequest(&deskv1.ListAgentsRequest{}))
	if err != nil || agents.Msg.GetTotal() != 1 || agents.Msg.GetAgents()[0].GetAgent() != "orlin" {
		t.Errorf("she sees agents %v, %v", agents, err)
	}
	for queue, want := range map[string]connect.Code{"front": connect.CodeNotFound, "nowhere": connect.CodeNotFound, "back": 0} {
		_, err := irina.desk.PauseQueue(t.Context(), connect.NewRequest(&deskv1.PauseQueueRequest{Queue: queue, Pause: true}))
		if got := codeOf(err); got != want {
			t.Errorf("pausing %s: %v", queue, err)
		}
		_, err = irina.desk.ListAgents(t.Context(), connect.NewRequest(&deskv1.ListAgentsRequest{Queue: queue}))
		if got := codeOf(err); got != want {
			t.Errorf("agents of %s: %v", queue, err)
		}
	}
	for agent, want := range map[string]connect.Code{"mila": connect.CodeNotFound, "nobody": connect.CodeNotFound, "orlin": 0} {
		_, err := irina.desk.SetAgentPresence(t.Context(), connect.NewRequest(&deskv1.SetAgentPresenceRequest{OfAgent: agent, Presence: distributionv1.Presence_PRESENCE_AWAY}))
		if got := codeOf(err); got != want {
			t.Errorf("the presence of %s: %v", agent, err)
		}
	}
	// Her own queue is hers.
	if _, err := irina.desk.AssignConversation(t.Context(), connect.NewRequest(&deskv1.AssignConversationRequest{Ref: ref("back"), Target: &deskv1.AssignConversationRequest_ToAgent{ToAgent: "orlin"}})); err != nil {
		t.Errorf("assigning what waits in her queue: %v", err)
	}
	if _, err := irina.desk.MonitorConversation(t.Context(), connect.NewRequest(&deskv1.MonitorConversationRequest{Ref: ref("back")})); err != nil {
		t.Errorf("reading along in her queue: %v", err)
	}
}

// codeOf is how a call ended; 0 when it was obeyed.
func codeOf(err error) connect.Code {
	if err == nil {
		return 0
	}
	return connect.CodeOf(err)
}

// TestForeignConversations (SK5): of a conversation that is another agent's,
// nobody's, offered to another, or over, one hears what one hears of a
// conversation that never was, and changes nothing.
func TestForeignConversations(t *testing.T) {
	h := newHouse(t)
	orlin := h.agent("orlin")
	var foreign []string
	for _, p := range phases {
		h.lead("of-mila-"+p.name, p.name, time.Now())
		foreign = append(foreign, "of-mila-"+p.name)
	}
	h.lead("nobodys", "active", time.Now())
	if err := commands["release"].give(t.Context(), h.agent("mila"), "nobodys"); err != nil {
		t.Fatal(err)
	}
	foreign = append(foreign, "nobodys")
	for _, m := range methods(t) {
		if !m.names() || m.supervisors() {
			continue
		}
		want := h.post(orlin, m, m.sample(t, ref("never-was")))
		if want.code != "not_found" || want.status != http.StatusNotFound {
			t.Errorf("%s of a conversation that never was: %+v", m.path, want)
		}
		for _, psid := range foreign {
			before := len(h.history(psid))
			if got := h.post(orlin, m, m.sample(t, ref(psid))); got != want {
				t.Errorf("%s %s: %+v, of one that never was %+v", m.path, psid, got, want)
			}
			if after := len(h.history(psid)); after != before {
				t.Errorf("%s %s: the thread got %d facts", m.path, psid, after-before)
			}
		}
	}
	// One's own thread, but another conversation of it.
	h.lead("mine", "active", time.Now())
	other := ref("mine")
	other.Conversation = "c-nobodys"
	mila := h.agent("mila")
	for _, m := range methods(t) {
		if !m.names() || m.supervisors() {
			continue
		}
		if got := h.post(mila, m, m.sample(t, other)); got.code != "not_found" {
			t.Errorf("%s of another conversation of the thread: %+v", m.path, got)
		}
	}
	list, err := orlin.desk.ListConversations(t.Context(), connect.NewRequest(&deskv1.ListConversationsRequest{}))
	if err != nil || len(list.Msg.GetConversations()) != 0 {
		t.Errorf("Orlin is shown %v, %v", list.Msg.GetConversations(), err)
	}
}

// TestStrictJSON (SK6): what a request does not have, has twice or cannot
// hold is an error, and what a client must not set there is no field for.
func TestStrictJSON(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	for _, m := range methods(t) {
		for _, body := range []string{`{"surprise":1}`, `{"owner":"orlin"}`, `{`, `[]`, `"x"`, ``, `{} {}`, "\xff"} {
			if body == "" && m.stream {
				continue // an empty envelope is an empty request
			}
			if got := h.post(mila, m, []byte(body)); got.code != "invalid_argument" || !m.stream && got.status != http.StatusBadRequest {
				t.Errorf("%s with %q: %+v", m.path, body, got)
			}
		}
		fields := m.input.Fields()
		for i := range fields.Len() {
			if name := string(fields.Get(i).Name()); slices.Contains([]string{"role", "roles", "owner", "tenant", "session"}, name) ||
				name == "agent" && !strings.HasSuffix(m.path, "/SignIn") {
				t.Errorf("%s takes %q from the client", m.path, name)
			}
		}
	}
	events := method{path: "/parley.desk.v1.DeskService/Events", stream: true}
	for _, body := range []string{`{"seq":"-1"}`, `{"seq":1.5}`, `{"seq":"18446744073709551616"}`, `{"seq":"x"}`, `{"epoch":1}`, `{"epoch":"a","epoch":"b"}`} {
		if got := h.post(mila, events, []byte(body)); got.code != "invalid_argument" {
			t.Errorf("a cursor %s: %+v", body, got)
		}
	}
	for _, body := range []string{`{}`, `{"epoch":"x","seq":"7"}`, `{"seq":18446744073709551615}`} {
		if got := h.post(mila, events, []byte(body)); got.code != "" || !strings.Contains(got.text, "snapshot") {
			t.Errorf("a cursor %s: %+v", body, got)
		}
	}
}

// TestOtherSites (SK3): what a browser sends for another site is refused
// whatever it is, before anything is read of it.
func TestOtherSites(t *testing.T) {
	h := newHouse(t)
	mila := h.agent("mila")
	for _, m := range methods(t) {
		for _, header := range [][]string{
			{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"},
		} {
			if got := h.post(mila, m, []byte(`{}`), header...); got.status != http.StatusForbidden {
				t.Errorf("%s with %s: %+v", m.path, header, got)
			}
		}
		// What a form of another site could send without asking first.
		for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data"} {
			if got := h.post(mila, m, []byte(`{}`), "Content-Type", kind); got.status != http.StatusUnsupportedMediaType {
				t.Errorf("%s as %s: %+v", m.path, kind, got)
			}
		}
		if got, err := mila.http.Get(h.url + m.path); err != nil || got.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %v, %v", m.path, got, err)
		} else {
			_ = got.Body.Close()
		}
	}
	whoAmI := method{path: "/parley.desk.v1.SessionService/WhoAmI"}
	for _, header := range [][]string{nil, {"Sec-Fetch-Site", "same-origin"}, {"Origin", h.url}} {
		if got := h.post(mila, whoAmI, []byte(`{}`), header...); got.status != http.StatusOK {
			t.Errorf("our own page with %s: %+v", header, got)
		}
	}
}
