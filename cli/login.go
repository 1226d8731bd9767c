package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/keyfile"
	"github.com/parley-desk/parley/pkg/secret"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
)

const (
	sessionVariable = "PARLEY_SESSION_FILE"
	deviceService   = "/parley.desk.v1.DeviceService/"
	// slower is how much longer to wait when asked to (RFC 8628, 3.5).
	slower = 5 * time.Second
	// answering is how long the desk may take for one answer, longestAnswer how long
	// that may be.
	answering     = 15 * time.Second
	longestAnswer = 64 << 10
)

func (a *app) loginCommand() *cobra.Command {
	var desk string
	cmd := &cobra.Command{
		Use:   "login --desk URL",
		Short: "Sign in as somebody of the desk: type the code that it prints at the page that it names",
		Long: "Sign in as somebody of the desk: type the code that it prints at the page that it names, signed in there. The session is kept\n" +
			"for nobody else to read, in " + sessionVariable + " or parleyctl/session of your configuration, and is what commands go by whose --server is on\n" +
			"the network. It ends as sessions of the desk do; parleyctl logout ends it at once.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.login(cmd.Context(), desk) },
	}
	cmd.Flags().StringVar(&desk, "desk", "", "address of the desk, https://desk.example.com")
	return cmd
}

func (a *app) login(ctx context.Context, desk string) error {
	at, err := url.Parse(desk)
	if err != nil || at.Host == "" || at.Scheme != "https" && !(at.Scheme == "http" && (at.Hostname() == "localhost" || net.ParseIP(at.Hostname()).IsLoopback())) {
		return fmt.Errorf("--desk %q: give the address of the desk, https://desk.example.com; http only on this machine", desk)
	}
	path, err := a.link.sessionFile()
	if err != nil {
		return err
	}
	d, err := a.link.reach(strings.TrimRight(desk, "/"))
	if err != nil {
		return err
	}
	machine, err := os.Hostname()
	if err != nil {
		machine = "a machine without a name"
	}
	begun := &deskv1.BeginDeviceResponse{}
	if err := d.call(ctx, "BeginDevice", &deskv1.BeginDeviceRequest{Program: "parleyctl on " + machine}, begun); err != nil {
		return err
	}
	page := begun.GetVerificationUrl()
	if page == "" {
		page = d.desk + "/device"
	}
	a.say("open %s, signed in as yourself, and type\n\n    %s\n\nIt shows that parleyctl on %s asks. Type it for nobody else.", page, begun.GetUserCode(), machine)
	got, err := d.wait(ctx, begun)
	if err != nil {
		return err
	}
	if err := keep(path, got.GetTicket()); err != nil {
		return err
	}
	a.say("signed in as %s until %s at the latest", got.GetAgent(), moment(got.GetUntilMs()))
	return nil
}

func (a *app) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "logout",
		Short: "End the session that login began, and forget it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := a.link.sessionFile()
			if err != nil {
				return err
			}
			a.link.token = path
			err = a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				_, err := adminv1.NewSessionServiceClient(s).SignOut(ctx, &adminv1.SignOutRequest{})
				return err
			})
			if err != nil && status.Code(err) != codes.Unauthenticated { // over already: nothing to end
				return err
			}
			return os.Remove(path)
		},
	}
}

// desk is where somebody signs in.
type desk struct {
	desk   string
	client *http.Client
}

// reach prepares asking a desk, which has to prove itself by --tls-ca where that is
// given.
func (l *link) reach(address string) (*desk, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if config.RootCAs, err = keyfile.Authorities("--tls-ca", l.ca); err != nil {
		return nil, err
	}
	return &desk{address, &http.Client{Timeout: answering, Transport: &http.Transport{TLSClientConfig: config, Proxy: http.ProxyFromEnvironment},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// wait asks for the answer until there is one, or the code is over.
func (d *desk) wait(ctx context.Context, begun *deskv1.BeginDeviceResponse) (*deskv1.CollectDeviceResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(begun.GetExpiresS())*time.Second)
	defer cancel()
	every := time.Duration(begun.GetIntervalS()) * time.Second
	for {
		select {
		case <-ctx.Done():
			return nil, status.Error(codes.DeadlineExceeded, "nobody allowed it in time; begin again")
		case <-time.After(every):
		}
		got := &deskv1.CollectDeviceResponse{}
		err := d.call(ctx, "CollectDevice", &deskv1.CollectDeviceRequest{DeviceCode: begun.GetDeviceCode()}, got)
		var silent unreachable
		switch {
		case err == nil:
			return got, nil
		case reasonOf(err) == "DEVICE_PENDING", errors.As(err, &silent), status.Code(err) == codes.Unavailable:
		case reasonOf(err) == "DEVICE_SLOW_DOWN":
			every += slower
		default:
			return nil, err
		}
	}
}

// call asks one thing of the desk.
func (d *desk) call(ctx context.Context, method string, request, response proto.Message) error {
	body, err := protojson.Marshal(request)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.desk+deviceService+method, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	got, err := d.client.Do(r)
	if err != nil {
		return unreachable{d.desk, err}
	}
	defer func() { _ = got.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(got.Body, longestAnswer))
	if err != nil {
		return unreachable{d.desk, err}
	}
	if got.StatusCode != http.StatusOK {
		return refusal(d.desk, got.Status, answer)
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(answer, response); err != nil {
		return fmt.Errorf("%s does not answer as a desk does", d.desk)
	}
	return nil
}

// refusal is what a desk says in place of an answer, as the admin API would say it.
func refusal(desk, httpStatus string, answer []byte) error {
	var said struct {
		Code, Message string
		Details       []struct{ Type, Value string }
	}
	var code codes.Code
	if json.Unmarshal(answer, &said) != nil || code.UnmarshalJSON([]byte(`"`+strings.ToUpper(said.Code)+`"`)) != nil {
		return fmt.Errorf("%s does not answer as a desk does: %s", desk, httpStatus)
	}
	st := status.New(code, said.Message)
	for _, d := range said.Details {
		info := &errdetails.ErrorInfo{}
		raw, err := base64.RawStdEncoding.DecodeString(d.Value)
		if d.Type != string(info.ProtoReflect().Descriptor().FullName()) || err != nil || proto.Unmarshal(raw, info) != nil {
			continue
		}
		if detailed, err := st.WithDetails(info); err == nil {
			st = detailed
		}
	}
	return st.Err()
}

// reasonOf is the machine word of an error; empty when it has none.
func reasonOf(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// sessionFile is where the session is kept.
func (l *link) sessionFile() (string, error) {
	if v, _ := l.env.Lookup(sessionVariable); v != "" {
		return v, nil
	}
	if v, _ := l.env.Lookup("XDG_CONFIG_HOME"); v != "" {
		return filepath.Join(v, "parleyctl", "session"), nil
	}
	if v, _ := l.env.Lookup("HOME"); v != "" {
		return filepath.Join(v, ".config", "parleyctl", "session"), nil
	}
	return "", errors.New("there is no place to keep the session: set " + sessionVariable)
}

// keep writes a token whole or not at all, for nobody else to read.
func keep(path, token string) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keeping the session: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".session-") // with mode 0600
	if err != nil {
		return fmt.Errorf("keeping the session: %w", err)
	}
	_, err = fmt.Fprintln(f, token)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keeping the session: %w", err), os.Remove(f.Name()))
	}
	return nil
}

// bearer puts the token of a file into the metadata of every call. The file is read
// each time: a session's token is replaced while it is in use, also by other commands.
type bearer struct {
	file string
	link *link
}

func (b bearer) read() (secret.Text, error) {
	data, err := b.link.env.ReadFile(b.file)
	if err != nil {
		return secret.Text{}, fmt.Errorf("--token-file: %w", err)
	}
	token := secret.NewText(strings.TrimSpace(string(data)))
	if token.Empty() || strings.ContainsFunc(token.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
		return secret.Text{}, fmt.Errorf("--token-file %s: holds no token, which is one line of letters, digits and signs", b.file)
	}
	return token, nil
}

// GetRequestMetadata is the token of a call.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	token, err := b.read()
	if err != nil {
		return nil, err
	}
	return map[string]string{"authorization": "Bearer " + token.Reveal()}, nil
}

// RequireTransportSecurity tells that the token goes over TLS alone, or by a socket of
// this machine.
func (b bearer) RequireTransportSecurity() bool { return !strings.HasPrefix(b.link.server, unixScheme) }
