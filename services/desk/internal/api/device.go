package api

import (
	"context"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/session"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	auditv1 "github.com/parley-desk/parley/proto/gen/parley/audit/v1"
	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	"github.com/parley-desk/parley/services/desk/internal/device"
)

// longestProgram is how many letters a program may call itself with.
const longestProgram = 100

// deviceService lets programs sign people in.
type deviceService struct{ *Server }

// BeginDevice makes a request.
func (s deviceService) BeginDevice(ctx context.Context, r *connect.Request[deskv1.BeginDeviceRequest]) (*connect.Response[deskv1.BeginDeviceResponse], error) {
	name := r.Msg.GetProgram()
	var c check
	c.that(name != "" && utf8.RuneCountInString(name) <= longestProgram && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }),
		"program", "must have 1 to 100 letters that can be seen")
	if err := c.err(); err != nil {
		return nil, err
	}
	word, code, err := s.Devices.Begin(ctx, name, callerOf(ctx).address)
	if err != nil {
		return nil, err
	}
	answer := &deskv1.BeginDeviceResponse{DeviceCode: word.Reveal(), UserCode: code, ExpiresS: int32(device.Age / time.Second), IntervalS: int32(device.Interval / time.Second)}
	if s.Origin != "" {
		answer.VerificationUrl = s.Origin + devicePath
	}
	return connect.NewResponse(answer), nil
}

// CollectDevice begins the session that somebody allowed. A request is taken out before:
// a session that is lost on the way is of use to nobody, and ends by itself.
func (s deviceService) CollectDevice(ctx context.Context, r *connect.Request[deskv1.CollectDeviceRequest]) (*connect.Response[deskv1.CollectDeviceResponse], error) {
	asked, err := s.Devices.Collect(ctx, secret.NewText(r.Msg.GetDeviceCode()))
	if err != nil {
		return nil, err
	}
	if a := s.Directory.Now().Agents[asked.Agent]; a == nil || a.GetBarred() {
		return nil, session.Over(session.Revoked)
	}
	err = s.record(ctx, &auditv1.Record{Kind: "session.begin", Changes: []*auditv1.Change{{Field: "program", After: asked.Address}}}, asked.Agent)
	if err != nil {
		return nil, err
	}
	ticket, begun, err := s.Sessions.BeginWith(ctx, asked.Agent, session.Program{Name: asked.Machine, Address: asked.Address})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&deskv1.CollectDeviceResponse{Ticket: ticket.Reveal(), Agent: begun.Agent, UntilMs: begun.Until.UnixMilli()}), nil
}

// record writes what an agent does about own sessions, before it is done.
func (s *Server) record(ctx context.Context, r *auditv1.Record, agent string) error {
	r.Actor, r.Roles = actor(agent), s.Directory.Now().Agents[agent].GetRoles()
	r.Objects, r.Address = []string{"agents/" + agent}, callerOf(ctx).address
	_, err := s.Audit.Write(ctx, r)
	return err
}

// mountDevices adds the page at which people answer programs. It is written here, and
// needs nothing of the desk's page: no script, so nothing of it can be pressed but by
// the person.
func (s *Server) mountDevices(mux *http.ServeMux) {
	mux.HandleFunc("GET "+devicePath, s.devices)
	mux.HandleFunc("POST "+devicePath, s.devices)
	mux.HandleFunc("GET "+deviceStyle, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write([]byte(deviceSheet)) // the reader went away: nothing to do about it
	})
}

func (s *Server) devices(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	view := deviceView{Words: wordsOf("", r.Header)}
	err := s.admitted(authv1.Permission_PERMISSION_SELF_READ, func(w http.ResponseWriter, r *http.Request) error {
		c := callerOf(r.Context())
		s.renew(c, w.Header())
		view.Words, view.Me, view.SignedIn = wordsOf(c.agent.GetLanguage(), r.Header), c.session.Agent, true
		return s.answerDevice(r, &view)
	})(w, r.WithContext(ctx))
	status := http.StatusOK
	if err != nil {
		f := told(err)
		status = statusOf(f.Kind)
		if view.SignedIn || f.Kind != fault.Unauthenticated {
			view.Wrong = view.Words.wrong(f.Reason)
		}
		s.Log.InfoContext(ctx, "no answer to a program", key.Err, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = devicePage.Execute(w, view) // the reader went away: nothing to do about it
}

// answerDevice does what the form says: nothing yet, show what asks, or answer it.
func (s *Server) answerDevice(r *http.Request, view *deviceView) error {
	code, answer := r.PostFormValue("code"), r.PostFormValue("answer")
	if r.Method != http.MethodPost || code == "" {
		return nil
	}
	ctx, c := r.Context(), callerOf(r.Context())
	asked, err := s.Devices.Look(ctx, code, c.session.Agent)
	if err != nil {
		return err
	}
	allow := answer == "yes"
	if answer == "" {
		view.Code, view.Asked, view.Elsewhere = code, &asked, asked.Address != c.address
		view.Address, view.Minutes = c.address, int(s.Now().Sub(time.UnixMilli(asked.AskedMS))/time.Minute)
		return nil
	}
	program := []*auditv1.Change{{Field: "program", After: asked.Address}}
	record := &auditv1.Record{Kind: "session.deny", Changes: program}
	if allow {
		record = &auditv1.Record{Kind: "session.allow", Changes: program}
	}
	if err := s.record(ctx, record, c.session.Agent); err != nil {
		return err
	}
	if _, err := s.Devices.Answer(ctx, code, c.session.Agent, allow); err != nil {
		s.Audit.Undone(ctx, record, err)
		return err
	}
	view.Asked, view.Allowed, view.Done = &asked, allow, true
	return nil
}
