package guard

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rights"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/session"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	auditv1 "github.com/parley-desk/parley/proto/gen/parley/audit/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

const (
	// scheme is how a token is announced in the metadata of a call (RFC 6750).
	scheme = "bearer"
	// watching is how often is looked whether who has a stream open still may, looking
	// how long that may take, and unsure for how long nobody need be able to tell. All
	// in all it takes less than 5 s.
	watching = time.Second
	looking  = time.Second
	unsure   = 3 * time.Second
	// telling is how long the record of what anybody may cause is tried.
	telling = 500 * time.Millisecond
	// copied is the reason of a session that ended because its ticket was replaced.
	copied = "COPIED"
	// Fresh is the header of an answer in which the next ticket of a session is.
	Fresh = "parley-session"
)

// principal is who calls.
type principal struct {
	name    string
	agent   string // who is signed in, by id; empty: somebody else
	session string // with which, by its key; empty: by way of the desk
	roles   []string
	scopes  []rights.Permission
	only    func(queue string) bool // nil: every queue
	house   bool                    // does what no caller can ask for
	remedy  string                  // how it gets one of them, "%s"; empty: as callers with certificates do
	address netip.Addr              // invalid: the unix socket, or not known
	again   identify                // who it is by now; nil: that cannot change
}

// identify finds out who calls.
type identify func(context.Context) (principal, error)

// known is somebody about whom there is no question.
func known(who principal) identify {
	return func(context.Context) (principal, error) { return who, nil }
}

// who is the principal as the table of rights knows it.
func (p principal) who() rights.Who {
	return rights.Who{Name: p.name, Roles: p.roles, Scopes: p.scopes, Only: p.only}
}

// caller finds out who calls. A token says it wherever there is one: nobody is taken
// for somebody else because a token is no good. Without one, who can open the unix
// socket owns the process' files and is an administrator; others are who their
// certificate says (SG1).
func (g *Guard) caller(ctx context.Context) (principal, error) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return principal{}, nil
	}
	if err := g.Shed.knock(p); err != nil {
		return principal{}, err
	}
	md, _ := metadata.FromIncomingContext(ctx)
	if said := md.Get("authorization"); len(said) > 0 {
		return g.bearer(ctx, said, p.Addr)
	}
	if p.Addr != nil && p.Addr.Network() == "unix" {
		return principal{name: "local:" + g.Owner, roles: []string{rights.Admin}}, nil
	}
	return g.certified(p), nil
}

// certified is who a certificate names; nobody where there is none.
func (g *Guard) certified(p *peer.Peer) principal {
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return principal{}
	}
	leaf := info.State.VerifiedChains[0][0]
	var names []string
	for _, u := range leaf.URIs {
		names = append(names, u.String())
	}
	names = append(append(names, leaf.DNSNames...), leaf.EmailAddresses...)
	if len(names) == 0 {
		return principal{}
	}
	who := principal{name: names[0], address: addressOf(p.Addr)}
	for _, n := range names {
		who.roles = append(who.roles, g.Grants[n]...)
	}
	return who
}

// bearer is whose token a call came with.
func (g *Guard) bearer(ctx context.Context, said []string, from net.Addr) (principal, error) {
	kind, value, _ := strings.Cut(said[0], " ")
	if len(said) != 1 || strings.ToLower(kind) != scheme || value == "" {
		return principal{}, fault.New(fault.Unauthenticated, "TOKEN_UNKNOWN", "the metadata authorization is not one \"Bearer TOKEN\"")
	}
	if strings.HasPrefix(value, session.Prefix) {
		return g.signedIn(ctx, secret.NewText(value), addressOf(from))
	}
	return g.client(ctx, secret.NewText(value), addressOf(from))
}

// signedIn is who signed in by a program, with what they may at the desk. When the
// ticket is to be replaced, the answer has the new one.
func (g *Guard) signedIn(ctx context.Context, ticket secret.Text, from netip.Addr) (principal, error) {
	found, fresh, err := g.Sessions.FindProgram(ctx, ticket)
	if err != nil {
		if f := new(fault.Error); found.Ended == "" && errors.As(err, &f) && f.Reason == copied {
			g.tellCopied(ctx, found.Agent, from)
		}
		return principal{}, err
	}
	if !fresh.Empty() {
		_ = grpc.SetHeader(ctx, metadata.Pairs(Fresh, fresh.Reveal())) // without it the old one goes on
	}
	who := agent(g.Agent(found.Agent))
	who.session, who.address = found.Key, from
	who.again = func(ctx context.Context) (principal, error) { return g.lasting(ctx, who) }
	return who, nil
}

// lasting is who has a stream open, which counts as use of their session.
func (g *Guard) lasting(ctx context.Context, who principal) (principal, error) {
	end, err := g.Sessions.Keep(ctx, who.session)
	if err != nil {
		return principal{}, err
	}
	if end != "" {
		return principal{}, session.Over(end)
	}
	now := agent(g.Agent(who.agent))
	return now, nil
}

// tellCopied has it recorded, as well as may be, that a session was ended because
// somebody came with a ticket that was replaced.
func (g *Guard) tellCopied(ctx context.Context, of string, from netip.Addr) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), telling)
	defer cancel()
	r := &auditv1.Record{Kind: "session.copied", Reason: copied, Objects: []string{"agents/" + of}}
	if from.IsValid() {
		r.Address = from.String()
	}
	if _, err := g.Audit.Write(ctx, r); err != nil {
		g.Log.WarnContext(ctx, "a refusal is not in the audit", key.Err, err)
	}
}

// agent is somebody who is signed in.
func agent(a *configv1.Agent) principal {
	id := a.GetMeta().GetId()
	return principal{name: "agent:" + id, agent: id, roles: a.GetRoles(), remedy: "give the agent the role %s"}
}

// Session is who signed in with which session, when the call that ctx is of came with
// one of its own.
func Session(ctx context.Context) (agent, session string) {
	who, _ := ctx.Value(callerKey{}).(principal)
	return who.agent, who.session
}

// client is the API client whose token it is.
func (g *Guard) client(ctx context.Context, token secret.Text, from netip.Addr) (principal, error) {
	c, err := g.Clients.Admit(ctx, token, from)
	if err != nil {
		return principal{}, err
	}
	who := principal{name: "client:" + c.ID, roles: c.Scopes, scopes: c.Permissions(), address: from,
		remedy: "make an API client with the scope of that name or with the role %s", again: func(ctx context.Context) (principal, error) { return g.client(ctx, token, from) }}
	if len(c.Queues) > 0 {
		who.only = c.Reaches
	}
	return who, nil
}

// addressOf is the address of a caller on the network; invalid for others.
func addressOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// attend gives a context that ends, with the fault to tell, when who called may not any
// more. The end that it gives is to be called when the stream is over.
func (g *Guard) attend(ctx context.Context, method string) (_ context.Context, end func()) {
	who, _ := ctx.Value(callerKey{}).(principal)
	if who.again == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(watching)
		defer tick.Stop()
		for sure := g.Now(); ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			err := g.still(ctx, who, method)
			switch {
			case err == nil:
				sure = g.Now()
			case fault.Is(err, fault.Unauthenticated), fault.Is(err, fault.Denied):
				cancel(err)
				return
			case g.Now().Sub(sure) >= unsure:
				cancel(fault.New(fault.Unavailable, "CALLER_UNSURE", "whether you still may cannot be looked up just now; try again"))
				return
			}
		}
	}()
	return ctx, func() { cancel(nil); <-ended }
}

// still tells why a caller may not call a method any more.
func (g *Guard) still(ctx context.Context, who principal, method string) error {
	ctx, cancel := context.WithTimeout(ctx, looking)
	defer cancel()
	now, err := who.again(ctx)
	if err != nil {
		return err
	}
	return g.admit(now, method)
}

// over is why a stream was ended by attend; nil when it was not.
func over(ctx context.Context) error {
	if f := new(fault.Error); errors.As(context.Cause(ctx), &f) {
		return f
	}
	return nil
}
