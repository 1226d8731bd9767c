package admin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/erasure"
	"github.com/parley-desk/parley/pkg/thread"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
	privacyv1 "github.com/parley-desk/parley/proto/gen/parley/privacy/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/admin"
	"github.com/parley-desk/parley/services/admin/admintest"
)

const shopID = "1020304050607080"

// registry is an admin service whose orders nobody carries out.
type registry struct {
	*testing.T
	*admintest.Server
	privacy adminv1.PrivacyServiceClient
	book    *erasure.Book
}

// openRegistry opens one for a Meta that answers who a person is.
func openRegistry(t *testing.T, erase admin.Erase, meta http.HandlerFunc) *registry {
	t.Helper()
	graph := httptest.NewServer(meta)
	t.Cleanup(graph.Close)
	s := admintest.StartFacing(t, bustest.Open(t), admin.Config{Erase: erase}, graph.URL)
	apply(t, adminv1.NewConfigServiceClient(s.Dial(t)), house())
	return &registry{t, s, adminv1.NewPrivacyServiceClient(s.Dial(t)), &erasure.Book{Bucket: s.Bus.Bucket(subject.PrivacyBucket), Box: s.Secrets}}
}

func silent(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }

// writes has a customer write, with a conversation or without.
func (o *registry) writes(psid string, live bool, link string) {
	o.Helper()
	facts := []*threadv1.Fact{thread.Of(&threadv1.MessageReceived{Mid: "m" + psid})}
	if live {
		facts = append(facts, thread.Of(&threadv1.ConversationOpened{Id: "c" + psid, Workstream: "facebook", Units: 1, OfferSeconds: 60}))
	}
	if link != "" {
		facts = append(facts, thread.Of(&threadv1.ContactLinked{Contact: link, Source: threadv1.LinkSource_LINK_SOURCE_AUTOMATIC}))
	}
	_, _, err := o.Bus.Update(o.Context(), subject.Thread{Page: shopID, PSID: psid}, func(*threadv1.State, uint64) ([]*threadv1.Fact, error) { return facts, nil })
	if err != nil {
		o.Fatal(err)
	}
}

func person(psid string) *adminv1.Person { return &adminv1.Person{Page: "shop", Psid: psid} }

// refused fails the test unless an error says this.
func (o *registry) refused(err error, says string) {
	o.Helper()
	if err == nil || !strings.Contains(err.Error(), says) {
		o.Errorf("want a refusal that says %q, got %v", says, err)
	}
}

func TestWhoIsErasedAndWhoIsNot(t *testing.T) {
	o := openRegistry(t, admin.Erase{}, silent)
	ctx := t.Context()
	o.writes("70", true, "")
	o.writes("71", false, "")
	erase := func(req *adminv1.EraseRequest) error { _, err := o.privacy.Erase(ctx, req); return err }
	o.refused(erase(&adminv1.EraseRequest{}), "page: is missing")
	o.refused(erase(&adminv1.EraseRequest{Person: person("79")}), "has written to page")
	o.refused(erase(&adminv1.EraseRequest{Person: &adminv1.Person{Page: "shop", Psid: "70", Contact: "c"}}), "name one of the two")
	o.refused(erase(&adminv1.EraseRequest{Person: person("70")}), "--end-conversation")
	o.refused(erase(&adminv1.EraseRequest{Person: person("71"), Request: "NOBODY"}), "no request with this code")
	o.refused(erase(&adminv1.EraseRequest{Person: person("71"), DryRun: true}), "erasure.count") // nobody counts here
	resp, err := o.privacy.Erase(ctx, &adminv1.EraseRequest{Person: person("70"), EndConversation: true})
	if err != nil {
		t.Fatal(err)
	}
	o.refused(erase(&adminv1.EraseRequest{Person: person("70"), EndConversation: true}), "is ordered already")
	kept, _, err := o.book.Get(ctx, resp.GetErasure().GetId())
	if err != nil || kept.GetThreads()[0].GetPsid() != "70" || kept.GetStep() != privacyv1.Step_STEP_DRAIN || !strings.HasPrefix(kept.GetBy(), "local:") {
		t.Errorf("kept: %v, %v", kept, err)
	}
	_, err = o.privacy.GetCertificate(ctx, &adminv1.GetCertificateRequest{Id: kept.GetId()})
	o.refused(err, "not done yet")
	if _, err := o.privacy.StopErasure(ctx, &adminv1.StopErasureRequest{Id: kept.GetId()}); err != nil {
		t.Error(err)
	}
	_, err = o.privacy.StopErasure(ctx, &adminv1.StopErasureRequest{Id: "nobody"})
	o.refused(err, "privacy status")

	kept.Step, kept.DoneMs = privacyv1.Step_STEP_DONE, 7
	if err := o.book.Done(ctx, kept); err != nil {
		t.Fatal(err)
	}
	c, err := o.privacy.GetCertificate(ctx, &adminv1.GetCertificateRequest{Person: person("70")})
	if err != nil || c.GetCertificate().GetId() != kept.GetId() || len(c.GetCertificate().GetThreads()) > 0 {
		t.Errorf("the certificate: %v, %v", c, err)
	}
	_, err = o.privacy.GetCertificate(ctx, &adminv1.GetCertificateRequest{Person: person("71")})
	o.refused(err, "no certificate")
	forged := proto.CloneOf(c.GetCertificate())
	forged.By = "nobody"
	value, err := proto.Marshal(forged)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Bus.Bucket(subject.PrivacyBucket).Write(ctx, bus.Write{Key: subject.CertificateKey(forged.GetId()), Value: value, Revision: bus.AnyRevision}); err != nil {
		t.Fatal(err)
	}
	_, err = o.privacy.GetCertificate(ctx, &adminv1.GetCertificateRequest{Id: forged.GetId()})
	o.refused(err, "not as it was written")
}

// A contact is erased with what it took in and with all their threads, and a hold of
// any of that keeps all of it.
func TestAContactIsErasedWithItsThreads(t *testing.T) {
	o := openRegistry(t, admin.Erase{}, silent)
	ctx := t.Context()
	store := contact.Open(o.Bus, time.Now)
	create := func(name string) string {
		c, err := store.Create(ctx, contact.Deed{By: "agents/mila"}, &contactv1.Contact{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		return c.GetId()
	}
	ivan, other := create("Ivan"), create("Maria")
	o.writes("70", false, ivan)
	o.writes("71", false, ivan)
	o.writes("72", false, other)
	hold := func(p *adminv1.Person) {
		if _, err := o.privacy.SetHold(ctx, &adminv1.SetHoldRequest{Person: p, Reason: "case 7"}); err != nil {
			t.Fatal(err)
		}
	}
	release := func(p *adminv1.Person) {
		if _, err := o.privacy.ReleaseHold(ctx, &adminv1.ReleaseHoldRequest{Person: p}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := o.privacy.SetHold(ctx, &adminv1.SetHoldRequest{Person: person("71")})
	o.refused(err, "reason: must say")
	whole := &adminv1.EraseRequest{Person: &adminv1.Person{Contact: ivan}}
	hold(person("71"))
	_, err = o.privacy.Erase(ctx, whole)
	o.refused(err, "case 7")
	_, err = o.privacy.EraseFiles(ctx, &adminv1.EraseFilesRequest{Page: "shop", Psid: "71"})
	o.refused(err, "case 7")
	release(person("71"))
	hold(&adminv1.Person{Contact: ivan})
	_, err = o.privacy.Erase(ctx, &adminv1.EraseRequest{Person: person("70")})
	o.refused(err, "case 7")
	if holds, err := o.privacy.ListHolds(ctx, &adminv1.ListHoldsRequest{}); err != nil || len(holds.GetHolds()) != 1 || holds.GetHolds()[0].GetContact() != ivan {
		t.Errorf("held: %v, %v", holds, err)
	}
	release(&adminv1.Person{Contact: ivan})
	_, err = o.privacy.ReleaseHold(ctx, &adminv1.ReleaseHoldRequest{Person: person("71")})
	o.refused(err, "nothing holds")
	resp, err := o.privacy.Erase(ctx, whole)
	if err != nil || len(resp.GetErasure().GetThreads()) != 2 || len(resp.GetErasure().GetContacts()) != 1 {
		t.Errorf("ordered: %v, %v", resp, err)
	}
	_, err = o.privacy.Erase(ctx, &adminv1.EraseRequest{Person: person("70")})
	o.refused(err, "is ordered already")
}

// asked keeps a request that Meta passed on, and waits until it is settled.
func (o *registry) asked(code, user string) *privacyv1.Request {
	o.Helper()
	err := o.book.PutRequest(o.Context(), &privacyv1.Request{Code: code, Kind: privacyv1.Kind_KIND_DELETION, Account: "demo", User: user, State: privacyv1.State_STATE_RECEIVED}, 0)
	if err != nil {
		o.Fatal(err)
	}
	var r *privacyv1.Request
	tick, late := time.NewTicker(5*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for {
		if r, _, err = o.book.Request(o.Context(), code); err == nil && r.GetState() != privacyv1.State_STATE_RECEIVED {
			return r
		}
		select {
		case <-tick.C:
		case <-late:
			o.Fatalf("the request stays %v, %v", r, err)
		}
	}
}

// Meta's callback orders by itself where Meta says which customer it is (SD3).
func TestMetasRequestsOrderByThemselves(t *testing.T) {
	o := openRegistry(t, admin.Erase{Requests: true, Delay: time.Hour}, func(w http.ResponseWriter, r *http.Request) {
		who, is := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/v26.0/"), "/ids_for_pages")
		switch {
		case !is:
			w.WriteHeader(http.StatusServiceUnavailable) // of all else Meta says nothing
		case who == "9001":
			_, _ = fmt.Fprintf(w, `{"data":[{"id":"70","page":{"id":"%s","name":"Shop"}},{"id":"5","page":{"id":"666"}},{"id":"79","page":{"id":"%s"}}]}`, shopID, shopID)
		case who == "9002":
			_, _ = fmt.Fprint(w, `{"data":[]}`)
		case who == "9003":
			_, _ = fmt.Fprintf(w, `{"data":[{"id":"79","page":{"id":"%s"}}]}`, shopID)
		default:
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprint(w, `{"error":{"code":100,"error_subcode":33,"message":"Unsupported get request"}}`)
		}
	})
	o.writes("70", true, "")
	r := o.asked("CODE1", "9001")
	if r.GetState() != privacyv1.State_STATE_ORDERED {
		t.Fatalf("it is %v", r)
	}
	e, _, err := o.book.Get(t.Context(), r.GetErasure())
	if err != nil || len(e.GetThreads()) != 1 || e.GetThreads()[0].GetPsid() != "70" || e.GetBy() != "meta:demo" || e.GetRequest() != "CODE1" ||
		e.GetStartsMs()-e.GetOrderedMs() != time.Hour.Milliseconds() {
		t.Errorf("ordered: %v, %v", e, err)
	}
	_, err = o.privacy.Erase(t.Context(), &adminv1.EraseRequest{Request: "CODE1", EndConversation: true})
	o.refused(err, "is ordered already")
	if r := o.asked("CODE2", "9002"); r.GetState() != privacyv1.State_STATE_UNKNOWN_PERSON || r.GetUser() != "9002" {
		t.Errorf("of whom Meta does not tell: %v", r)
	}
	_, err = o.privacy.Erase(t.Context(), &adminv1.EraseRequest{Request: "CODE2"})
	o.refused(err, "which customer of ours")
	if r := o.asked("CODE3", "9003"); r.GetState() != privacyv1.State_STATE_ERASED || r.GetUser() != "" {
		t.Errorf("of whom there is nothing: %v", r)
	}
	if r := o.asked("CODE4", "9004"); r.GetState() != privacyv1.State_STATE_UNKNOWN_PERSON {
		t.Errorf("whom Meta does not know: %v", r)
	}
}
