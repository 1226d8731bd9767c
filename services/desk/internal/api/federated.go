package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/desk/internal/federate"
)

// Federated is sign-in by the accounts of the company.
type Federated struct {
	Federation *federate.Federation
	Roles      []string // "group=role"; empty: roles are those that administrators gave
}

// mountFederated adds the way to the issuer and back.
func (s *Server) mountFederated(mux *http.ServeMux) {
	if s.Federated == nil {
		return
	}
	mux.HandleFunc("GET /sso", s.federated(s.toIssuer))
	mux.HandleFunc("GET /sso/callback", s.federated(s.fromIssuer))
}

// federated tells a browser, and the audit, why nobody is let in.
func (s *Server) federated(next func(context.Context, http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &caller{address: s.Address(r), conn: http.NewResponseController(w)}
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), callerKey{}, c), patience+10*time.Second) // the issuer may take long
		defer cancel()
		err := next(ctx, w, r)
		if err == nil {
			return
		}
		s.turnedAway(ctx, "", err)
		s.Log.WarnContext(ctx, "nobody is signed in by the issuer", key.Err, err)
		f := told(err)
		words := cmp.Or(sorry[f.Reason], sorry[""])
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(statusOf(f.Kind))
		_, _ = fmt.Fprintf(w, "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"robots\" content=\"noindex\"><title>Parley</title>"+
			"<h1>Parley</h1><p>%s</p><p lang=\"bg\">%s</p><p><a href=\"/\">Parley</a></p>", html.EscapeString(words.en), html.EscapeString(words.bg)) // the reader went away: nothing to do about it
	}
}

type apology struct{ en, bg string }

// sorry is what is said to who comes back from the issuer and is not let in.
var sorry = map[string]apology{
	"":                {"You cannot be signed in just now. Try again in a moment.", "Не можете да влезете в момента. Опитайте пак след малко."},
	"SIGN_IN_LOST":    {"This sign-in is over or began in another browser. Begin again.", "Този опит за вход е изтекъл или е от друг браузър. Започнете отново."},
	"SIGN_IN_REFUSED": {"Your company's sign-in did not confirm who you are.", "Входът на фирмата не потвърди кой сте."},
	"UNKNOWN_AGENT":   {"Your company knows you, but there is no agent for you here. An administrator can add one.", "Фирмата ви познава, но тук няма оператор за вас. Добавя го администратор."},
	"NO_ROLE":         {"None of your groups gives you a role here. An administrator can change that.", "Никоя от групите ви не дава роля тук. Променя го администратор."},
	"REVOKED":         {"You may not sign in here. An administrator can change that.", "Нямате право да влизате тук. Променя го администратор."},
	"TOO_MANY_TRIES":  {"Too many tries. Wait a little and try again.", "Твърде много опити. Изчакайте малко и опитайте пак."},
}

// toIssuer sends a browser to the issuer.
func (s *Server) toIssuer(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	place := "/"
	if r.URL.Query().Get("to") == "setup" {
		place = "/setup"
	}
	address, remember, err := s.Federated.Federation.Begin(ctx, place)
	if err != nil {
		return err
	}
	http.SetCookie(w, s.Cookie.Beside(remember))
	http.Redirect(w, r, address, http.StatusSeeOther)
	return nil
}

// fromIssuer lets in who comes back from it. The cookie that the browser brought is
// cleared whatever comes of it: one sign-in, one answer.
func (s *Server) fromIssuer(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	http.SetCookie(w, s.Cookie.Beside(secret.Text{}))
	address := callerOf(ctx).address
	if err := s.Door.Knock(address); err != nil {
		return err
	}
	account, err := s.Federated.Federation.Finish(ctx, r.URL.Query(), s.Cookie.ReadBeside(r.Header))
	if err != nil {
		return err
	}
	agent, err := s.agentOf(ctx, account)
	if err != nil {
		return err
	}
	ticket, begun, err := s.Door.Welcome(ctx, agent, address)
	if err != nil {
		return err
	}
	if err := s.signedIn(ctx, begun.Agent, s.Federated.Federation.Issuer()); err != nil {
		_ = s.Sessions.End(ctx, ticket) // nobody has its ticket; it would expire by itself
		return err
	}
	if err := s.Sessions.End(ctx, s.Cookie.Read(r.Header)); err != nil {
		return err
	}
	http.SetCookie(w, s.Cookie.Set(ticket))
	http.Redirect(w, r, account.Place, http.StatusSeeOther)
	return nil
}

// agentOf is who an account is here, with the roles that its groups give.
func (s *Server) agentOf(ctx context.Context, account federate.Account) (string, error) {
	var found []*configv1.Agent
	for id, a := range s.Directory.Now().Agents {
		if lower(cmp.Or(a.GetCompanyAccount(), id)) == lower(account.Name) {
			found = append(found, a)
		}
	}
	if len(found) != 1 {
		return "", fault.New(fault.Unauthenticated, "UNKNOWN_AGENT", "%d agents have the account that the issuer names; exactly one is to have it as company_account, or as id", len(found))
	}
	agent := found[0].GetMeta().GetId()
	if len(s.Federated.Roles) == 0 || found[0].GetBarred() {
		return agent, nil
	}
	roles := federate.Roles(s.Federated.Roles, account.Groups)
	if len(roles) == 0 {
		return "", fault.New(fault.Unauthenticated, "NO_ROLE", "agent %s is in no group to which desk.oidc.roles gives a role", agent)
	}
	if sameRoles(found[0].GetRoles(), roles) {
		return agent, nil
	}
	err := s.Bus.Call(ctx, "admin.enrol", &adminv1.EnrolRequest{Agent: agent, Roles: roles, Issuer: s.Federated.Federation.Issuer()}, &adminv1.EnrolResponse{})
	if err != nil {
		return "", fault.Wrap(err, "giving agent %s the roles of its groups", agent)
	}
	for {
		changed := s.Directory.Changed()
		if sameRoles(s.Directory.Now().Agents[agent].GetRoles(), roles) {
			return agent, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", fault.Wrap(context.Cause(ctx), "waiting to see the roles of agent %s", agent)
		}
	}
}

func sameRoles(a, b []string) bool {
	missing := func(role string) bool { return !slices.Contains(b, role) }
	return len(a) == len(b) && !slices.ContainsFunc(a, missing) // neither names one twice
}

// lower makes the letters of English small and leaves all others: to fold those too
// would let an account that only looks like another pass for it.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// ReachIssuer answers whether the issuer can be reached from here.
func (s *Server) ReachIssuer(ctx context.Context, _ *adminv1.ReachIssuerRequest) (*adminv1.ReachIssuerResponse, error) {
	answer := &adminv1.ReachIssuerResponse{Issuer: s.Federated.Federation.Issuer()}
	if err := s.Federated.Federation.Reach(ctx); err != nil {
		f := new(fault.Error)
		if answer.Trouble = err.Error(); errors.As(err, &f) && f.Cause != nil {
			answer.Trouble = f.Cause.Error()
		}
	}
	return answer, nil
}
