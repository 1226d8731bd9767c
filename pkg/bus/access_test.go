package bus_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/parley-desk/parley/pkg/access"
	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/proto/subject"
)

// user opens a bus as a service of the house, as its process does.
func user(t *testing.T, url, dir, service string) *bus.Bus {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Config{URL: url, Partitions: 4, AllowUnsafe: true, Instance: service + "-1", Service: service,
		Door: bus.Door{NKey: filepath.Join(dir, service, access.NKeyFile)}}, bus.Tools{})
	if err != nil {
		t.Fatalf("open the bus as %s: %v", service, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = b.Close(ctx)
	})
	return b
}

// raw is a connection with a service's key, for what its bus would not do.
func raw(t *testing.T, url, dir, service string) *nats.Conn {
	t.Helper()
	key, err := nats.NkeyOptionFromSeed(filepath.Join(dir, service, access.NKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(url, key, nats.CustomInboxPrefix(subject.Inbox(service)), nats.PermissionErrOnSubscribe(true),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatalf("connect as %s: %v", service, err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// publishes tells whether the broker takes what the user sends to a subject.
func publishes(t *testing.T, nc *nats.Conn, to string) bool {
	t.Helper()
	if err := errors.Join(nc.Publish(to, []byte("x")), nc.Flush()); err != nil { // a refusal comes before the answer to the flush
		t.Fatalf("publish on %s: %v", to, err)
	}
	err := nc.LastError()
	return err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(`"`+to+`"`))
}

func listens(t *testing.T, nc *nats.Conn, to string) bool {
	t.Helper()
	sub, err := nc.SubscribeSync(to)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	_, err = sub.NextMsg(time.Millisecond)
	return !errors.Is(err, nats.ErrPermissionViolation)
}

// What each service is refused, and beside it something that it may: a user who is
// refused everything would pass for guarded.
func TestServicesAreRefusedWhatIsNotTheirs(t *testing.T) {
	url, dir := bustest.Guarded(t)
	user(t, url, dir, "admin") // makes the streams
	for service, says := range map[string]struct{ may, mayNot []string }{
		"ingress": {[]string{"inbound.1", "$KV.PRIVACY.request.1"}, []string{"$JS.API.DIRECT.GET.INBOUND_00", "$JS.API.CONSUMER.CREATE.INBOUND_00.x", "$JS.API.DIRECT.GET.KV_SESSION",
			"$KV.CONFIG.agent.petar", "$JS.API.STREAM.DELETE.INBOUND_00", "$JS.API.STREAM.PURGE.THREAD_00", "$JS.API.STREAM.UPDATE.THREAD_00", "call.outbound.act", "audit.record"}},
		"classification": {[]string{"thread.1.a.b"}, []string{"inbound.0", "$JS.API.DIRECT.GET.KV_SESSION", "$KV.LEASE.outbound.THREAD.slot.0", "call.admin.errand"}},
		"outbound":       {[]string{"thread.1.a.b", "$KV.LEASE.outbound.THREAD.slot.0"}, []string{"audit.record", "$KV.CONFIG.page.x", "inbound.0", "$JS.API.DIRECT.GET.AUDIT", "$JS.API.STREAM.MSG.DELETE.THREAD_00"}},
		"distribution":   {[]string{"$KV.PRESENCE.a"}, []string{"$KV.SESSION.a", "file.a.b.c.0", "call.outbound.act"}},
		"attachment":     {[]string{"$JS.API.STREAM.PURGE.FILES", "$JS.API.STREAM.MSG.DELETE.THREAD_00"}, []string{"$JS.API.STREAM.DELETE.FILES", "audit.record", "$JS.API.STREAM.PURGE.AUDIT", "$JS.API.DIRECT.GET.KV_SESSION"}},
		"engagement":     {[]string{"crm.contact.x"}, []string{"$KV.CONTACT.c.x", "$JS.API.STREAM.PURGE.THREAD_00", "inbound.0"}},
		"desk":           {[]string{"call.outbound.act", "audit.record"}, []string{"$KV.CONFIG.agent.petar", "inbound.0", "$JS.API.DIRECT.GET.INBOUND_00", "$JS.API.STREAM.PURGE.AUDIT", "$JS.API.STREAM.MSG.DELETE.AUDIT"}},
		"admin":          {[]string{"$KV.CONFIG.agent.petar", "$JS.API.STREAM.SNAPSHOT.AUDIT"}, []string{"$JS.API.STREAM.DELETE.THREAD_00", "$JS.API.STREAM.PURGE.AUDIT", "$JS.API.STREAM.MSG.DELETE.AUDIT", "$JS.API.STREAM.RESTORE.X"}},
		"restore":        {[]string{"$JS.API.STREAM.DELETE.NONE"}, []string{"$SYS.REQ.SERVER.PING"}},
	} {
		t.Run(service, func(t *testing.T) {
			nc := raw(t, url, dir, service)
			for _, to := range says.may {
				if !publishes(t, nc, to) {
					t.Errorf("it may not publish on %s", to)
				}
			}
			for _, to := range says.mayNot {
				if publishes(t, nc, to) {
					t.Errorf("it may publish on %s", to)
				}
			}
			if !listens(t, nc, subject.Inbox(service)+".x") {
				t.Error("it may not listen to its answers")
			}
			for _, to := range []string{">", "thread.>", "_INBOX.>", "_INBOX.admin-of-another.>", "call.sandbox.x"} {
				if listens(t, nc, to) {
					t.Errorf("it may listen to %s", to)
				}
			}
		})
	}
}

// A fresh cluster has no order of starting: whoever is first makes the streams.
func TestAnyUserMayBeTheFirst(t *testing.T) {
	for _, s := range access.Services() {
		t.Run(s.Name, func(t *testing.T) {
			url, dir := bustest.Guarded(t)
			b := user(t, url, dir, s.Name)
			for _, c := range b.Checks(t.Context()) {
				if c.Name == "broker.user" {
					t.Errorf("doctor takes it for one that may do everything: %s", c.Detail)
				}
			}
		})
	}
}

// What a service's bus does, its user may: it follows, leads, calls and is called.
func TestUsersMayDoTheirWork(t *testing.T) {
	url, dir := bustest.Guarded(t)
	distribution, desk := user(t, url, dir, "distribution"), user(t, url, dir, "desk")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	served, led := make(chan error, 1), make(chan struct{}, 1)
	go func() {
		served <- bus.Serve(ctx, distribution, "distribution.pick", func(context.Context, *emptypb.Empty) (*emptypb.Empty, error) { return &emptypb.Empty{}, nil })
	}()
	go func() {
		_ = distribution.Lead(ctx, "distribution-relay", func(ctx context.Context) error { led <- struct{}{}; <-ctx.Done(); return nil })
	}()
	<-led
	for {
		err := desk.Call(ctx, "distribution.pick", &emptypb.Empty{}, &emptypb.Empty{})
		if err == nil {
			break
		}
		if !fault.Is(err, fault.Unavailable) {
			t.Fatalf("the desk's call: %v", err)
		}
	}
	cancel()
	<-served
}

func TestAStrangerIsNotLetIn(t *testing.T) {
	url, _ := bustest.Guarded(t)
	_, elsewhere := bustest.Guarded(t)
	for name, door := range map[string]bus.Door{"without a key": {}, "with another's": {NKey: filepath.Join(elsewhere, "admin", access.NKeyFile)}} {
		_, err := bus.Open(t.Context(), bus.Config{URL: url, AllowUnsafe: true, Service: "admin", Door: door}, bus.Tools{})
		if !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "bus.nkey") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
