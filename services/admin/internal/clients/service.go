package clients

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/rights"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

// Limits of what a client may be.
const (
	defaultLife    = 90 * 24 * time.Hour
	shortestLife   = time.Minute
	longestLife    = 366 * 24 * time.Hour
	defaultOverlap = 24 * time.Hour
	longestOverlap = 7 * 24 * time.Hour
	longestName    = 200 // letters
	mostWords      = 100 // scopes, queues, addresses
	soon           = 14 * 24 * time.Hour
)

var shape = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// Service implements ClientService. All fields must be set.
type Service struct {
	adminv1.UnsafeClientServiceServer
	Store  *Store
	World  func() *directory.Snapshot
	Caller func(context.Context, *directory.Snapshot) rights.Who
}

// CreateClient makes a client.
func (s *Service) CreateClient(ctx context.Context, req *adminv1.CreateClientRequest) (*adminv1.CreateClientResponse, error) {
	world := s.World()
	who := s.Caller(ctx, world)
	asked := req.GetClient()
	c := Client{ID: asked.GetId(), Name: asked.GetDisplayName(), Scopes: asked.GetScopes(), Queues: asked.GetQueues(), Addresses: asked.GetAddresses(),
		LifeMS: asked.GetLifeMs(), By: who.Name}
	if c.LifeMS == 0 {
		c.LifeMS = defaultLife.Milliseconds()
	}
	if err := check(c, world); err != nil {
		return nil, err
	}
	if err := within(who)(c); err != nil {
		return nil, err
	}
	c, token, err := s.Store.Create(ctx, c)
	if err != nil {
		return nil, err
	}
	return &adminv1.CreateClientResponse{Client: told(c), Token: token.Reveal()}, nil
}

// ListClients gives all of them.
func (s *Service) ListClients(ctx context.Context, _ *adminv1.ListClientsRequest) (*adminv1.ListClientsResponse, error) {
	all, err := s.Store.List(ctx)
	resp := &adminv1.ListClientsResponse{}
	for _, c := range all {
		resp.Clients = append(resp.Clients, told(c))
	}
	return resp, err
}

// RotateClient gives a client a new token.
func (s *Service) RotateClient(ctx context.Context, req *adminv1.RotateClientRequest) (*adminv1.RotateClientResponse, error) {
	overlap := defaultOverlap
	if req.OverlapMs != nil {
		overlap = time.Duration(req.GetOverlapMs()) * time.Millisecond
	}
	if ms := req.GetOverlapMs(); ms < 0 || ms > longestOverlap.Milliseconds() {
		return nil, fault.New(fault.Invalid, "INVALID_ARGUMENT", "overlap_ms: %d is not from 0 to 7 days", ms)
	}
	c, token, err := s.Store.Rotate(ctx, req.GetId(), overlap, within(s.Caller(ctx, s.World())))
	if err != nil {
		return nil, err
	}
	return &adminv1.RotateClientResponse{Client: told(c), Token: token.Reveal()}, nil
}

// RevokeClient makes all tokens of a client good for nothing.
func (s *Service) RevokeClient(ctx context.Context, req *adminv1.RevokeClientRequest) (*adminv1.RevokeClientResponse, error) {
	c, err := s.Store.Revoke(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &adminv1.RevokeClientResponse{Client: told(c)}, nil
}

// within tells why somebody may not have a token of a client: one that may do more than
// they would be a way around what they may.
func within(who rights.Who) func(Client) error {
	return func(c Client) error {
		for _, p := range c.Permissions() {
			if who.Reach(p) != rights.Everything {
				return fault.New(fault.Denied, "CLIENT_EXCEEDS", "%s lacks %s itself, so it makes no token for a client that has it", who.Name, rights.Name(p))
			}
		}
		return nil
	}
}

// check tells everything that is wrong with a client that is to be made.
func check(c Client, world *directory.Snapshot) error {
	var wrong []fault.Violation
	need := func(ok bool, field, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fault.Violation{Field: "client." + field, Description: fmt.Sprintf(format, args...)})
		}
	}
	need(shape.MatchString(c.ID), "id", "%q is not an id; use 1 to 63 of a-z, 0-9 and '-', starting with a letter", clip(c.ID))
	need(utf8.RuneCountInString(c.Name) <= longestName, "display_name", "has more than %d letters", longestName)
	need(len(c.Scopes) > 0, "scopes", "is empty; give at least one permission or one of the roles %s", strings.Join(rights.Programs(), ", "))
	for field, all := range map[string][]string{"scopes": c.Scopes, "queues": c.Queues, "addresses": c.Addresses} {
		need(len(all) <= mostWords, field, "has %d values; at most %d", len(all), mostWords)
	}
	for i, word := range c.Scopes {
		all := rights.Scope(word)
		need(len(all) > 0, fmt.Sprintf("scopes[%d]", i), "%q is neither a permission that a program can have nor one of the roles %s; docs/permissions.md lists both", clip(word), strings.Join(rights.Programs(), ", "))
		at := slices.IndexFunc(all, func(p rights.Permission) bool { return !rights.ByQueue(p) })
		need(len(c.Queues) == 0 || at < 0, fmt.Sprintf("scopes[%d]", i), "%q reaches everything and cannot be bound to queues; only crew.adjust and queue.pause can", clip(word))
	}
	for i, id := range c.Queues {
		need(world.Queues[id] != nil, fmt.Sprintf("queues[%d]", i), "there is no queue %q", clip(id))
	}
	for i, text := range c.Addresses {
		_, err := parse(text)
		need(err == nil, fmt.Sprintf("addresses[%d]", i), "%q is neither a network like 192.0.2.0/24 nor an address", clip(text))
	}
	life := time.Duration(c.LifeMS) * time.Millisecond
	need(c.LifeMS >= shortestLife.Milliseconds() && c.LifeMS <= longestLife.Milliseconds(), "life_ms", "is %v; it must be from %v to 366 days", life, shortestLife)
	if len(wrong) == 0 {
		return nil
	}
	f := fault.New(fault.Invalid, "INVALID_ARGUMENT", "%s: %s", wrong[0].Field, wrong[0].Description)
	f.Violations = wrong
	return f
}

func clip(s string) string {
	if len(s) > 100 {
		return strings.ToValidUTF8(s[:100], "") + "…"
	}
	return s
}

func told(c Client) *adminv1.ApiClient {
	out := &adminv1.ApiClient{Id: c.ID, DisplayName: c.Name, Scopes: c.Scopes, Queues: c.Queues, Addresses: c.Addresses,
		LifeMs: c.LifeMS, CreatedMs: c.CreatedMS, CreatedBy: c.By, RevokedMs: c.RevokedMS}
	for _, t := range c.Tokens {
		out.Tokens = append(out.Tokens, &adminv1.ClientToken{Fingerprint: t.Fingerprint(), CreatedMs: t.CreatedMS, UntilMs: t.UntilMS, UsedMs: t.UsedMS})
	}
	return out
}

// Examine is the line of doctor about clients; none where there are none.
func (s *Store) Examine(ctx context.Context) []bus.Check {
	all, err := s.List(ctx)
	if err != nil {
		return []bus.Check{{Name: "clients", Level: bus.Warning, Detail: "API clients cannot be read", Remedy: "see what the lines about the broker say"}}
	}
	living, late := 0, []string(nil)
	for _, c := range all {
		if c.RevokedMS != 0 || len(c.Tokens) == 0 {
			continue
		}
		living++
		if c.Tokens[0].UntilMS < s.Now().Add(soon).UnixMilli() {
			late = append(late, c.ID)
		}
	}
	switch {
	case living == 0:
		return nil
	case len(late) == 0:
		return []bus.Check{{Name: "clients", Detail: fmt.Sprintf("the tokens of %d API clients are good for 14 days and more", living)}}
	}
	return []bus.Check{{Name: "clients", Level: bus.Warning, Values: late[:min(len(late), 10)],
		Detail: fmt.Sprintf("the newest token has expired or expires within 14 days: %s", strings.Join(late[:min(len(late), 10)], ", ")),
		Remedy: "run `parleyctl client rotate` and give the program its new token, or `parleyctl client revoke`"}}
}
