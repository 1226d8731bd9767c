package operate

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/stamp"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
	"github.com/parley-desk/parley/services/admin/internal/privacy"
)

const (
	redisLimit  = 2 * time.Second
	issuerLimit = 12 * time.Second // a desk gives the issuer 10 s
)

// Doctor checks what the promises stand on and names what is wrong: which build
// answers, the broker's checks, then Redis, the keyset, the configuration, and
// the pages that do not run.
func (s *Service) Doctor(ctx context.Context, _ *adminv1.DoctorRequest) (*adminv1.DoctorResponse, error) {
	checks := append([]bus.Check{{Name: "version", Detail: "this control plane is " + stamp.Read().String(), Values: []string{stamp.Read().String()}}}, s.Log.Checks(ctx)...)
	if s.Redis != nil {
		checks = append(checks, s.redis(ctx)...)
	}
	checks = append(checks, wrapping(s.Box))
	checks = append(checks, Examine(s.Directory.Now(), s.Box)...)
	checks = append(checks, connections(s.Pages())...)
	checks = append(checks, s.persons(ctx)...)
	checks = append(checks, s.Backups(ctx)...)
	checks = append(checks, s.issuer(ctx)...)
	checks = append(checks, s.Clients(ctx)...)
	resp := &adminv1.DoctorResponse{}
	for _, c := range checks {
		resp.Checks = append(resp.Checks, &adminv1.Check{
			Name: c.Name, Status: level(c.Level), Detail: c.Detail, Remedy: c.Remedy, Values: c.Values})
	}
	return resp, nil
}

func level(l bus.Level) adminv1.CheckStatus {
	switch l {
	case bus.Fine:
		return adminv1.CheckStatus_CHECK_STATUS_OK
	case bus.Warning:
		return adminv1.CheckStatus_CHECK_STATUS_WARNING
	case bus.Failed:
	}
	return adminv1.CheckStatus_CHECK_STATUS_FAILED
}

// redis tells whether Redis answers, when the way there is in the clear, and when
// the user of this process may do everything there.
func (s *Service) redis(ctx context.Context) []bus.Check {
	ctx, cancel := context.WithTimeout(ctx, redisLimit)
	defer cancel()
	stands, err := s.Redis(ctx)
	if err != nil {
		return []bus.Check{{Name: "redis.reachable", Level: bus.Failed, Detail: "Redis does not answer within 2 s",
			Remedy: "start Redis, or set redis.url to where it is; distribution stands still without it"}}
	}
	checks := []bus.Check{{Name: "redis.reachable", Detail: "Redis answers"}}
	if host := stands.Clear; host != "" {
		checks = append(checks, bus.Check{Name: "redis.way", Level: bus.Warning, Detail: "Redis at " + host + " is reached in the clear", Values: []string{host},
			Remedy: "set redis.ca and give Redis a certificate: parley access create makes one; docs/operations.md says how"})
	}
	if stands.Unbounded {
		checks = append(checks, bus.Check{Name: "redis.user", Level: bus.Warning, Detail: "the user of this process may do everything in Redis",
			Remedy: "give every service a user of its own, by redis.user and redis.password_file: parley access create makes them; docs/operations.md says how"})
	}
	return checks
}

// issuer asks a desk whether agents can sign in with the accounts of their company;
// where no desk takes those, there is nothing to tell.
func (s *Service) issuer(ctx context.Context) []bus.Check {
	ctx, cancel := context.WithTimeout(ctx, issuerLimit)
	defer cancel()
	found := &adminv1.ReachIssuerResponse{}
	if err := s.Call(ctx, "desk.issuer", &adminv1.ReachIssuerRequest{}, found); err != nil {
		return nil
	}
	if found.GetTrouble() != "" {
		return []bus.Check{{Name: "desk.issuer", Level: bus.Failed, Detail: found.GetIssuer() + " cannot be asked who agents are: " + found.GetTrouble(),
			Remedy: "see that it runs and that the desk reaches it, and that desk.oidc.issuer is exactly what it calls itself; agents with a password can sign in meanwhile"}}
	}
	return []bus.Check{{Name: "desk.issuer", Detail: found.GetIssuer() + " answers"}}
}

// wrapping tells what the keyset is wrapped with.
func wrapping(box *secret.Box) bus.Check {
	c := bus.Check{Name: "keyset.wrap", Detail: "the keyset is in clear, guarded by the mode of its file"}
	switch file, set := box.Wrapped(); {
	case file != "":
		c.Detail, c.Values = "the keyset is wrapped with "+file, []string{file}
	case set != "":
		c.Level, c.Detail, c.Remedy = bus.Warning, "the keyset is in clear although secrets.kms.key is set", "run `parley keyset wrap` on its file"
	}
	return c
}

// Examine checks the configuration itself, in a fixed order.
func Examine(world *directory.Snapshot, box *secret.Box) []bus.Check {
	pick := func(wrong func(directory.Resource) bool) []string {
		var keys []string
		for r := range world.All() {
			if wrong(r) {
				keys = append(keys, directory.Key(r))
			}
		}
		return keys
	}
	return []bus.Check{
		finding("config.entries", bus.Failed, world.Unreadable, "every resource can be read",
			"the stored form is damaged", "apply these resources again"),
		finding("config.secrets", bus.Failed, unreadable(world, box), "the keyset opens every secret",
			"the keyset does not open them", "restore the keyset they were sealed with, or set them again"),
		finding("config.account_secrets", bus.Failed, pick(func(r directory.Resource) bool {
			a, ok := r.(*configv1.ChannelAccount)
			return ok && unset(a.GetAppSecret())
		}), "every channel account has its app secret",
			"there is no app secret, so every webhook is refused", "set app_secret from the app's settings at Meta"),
		finding("config.verify_tokens", bus.Warning, pick(func(r directory.Resource) bool {
			a, ok := r.(*configv1.ChannelAccount)
			return ok && unset(a.GetVerifyToken())
		}), "every channel account has a verify token",
			"there is no verify token, so Meta cannot verify the callback URL", "apply the account again, which makes one, and enter it at Meta"),
		finding("config.privacy", bus.Warning, pick(func(r directory.Resource) bool {
			a, ok := r.(*configv1.ChannelAccount)
			return ok && !privacy.Acknowledged(a)
		}), "somebody took note of the privacy notice for every channel account",
			"nobody took note of the privacy notice", "run `parleyctl channel acknowledge-privacy ACCOUNT`"),
		finding("config.page_tokens", bus.Failed, pick(func(r directory.Resource) bool {
			p, ok := r.(*configv1.Page)
			return ok && unset(p.GetAccessToken())
		}), "every page has an access token",
			"there is no access token, so no reply can be sent", "set access_token"),
		finding("config.queue_agents", bus.Warning, pick(func(r directory.Resource) bool {
			q, ok := r.(*configv1.Queue)
			return ok && len(q.GetAgents()) == 0
		}), "every queue has agents",
			"there are no agents, so conversations wait for ever", "add agents, or route to another queue"),
	}
}

// connections are a line for every page that does not run.
func connections(pages []*adminv1.PageStatus) []bus.Check {
	var checks []bus.Check
	for _, p := range pages {
		if p.GetState() == adminv1.PageState_PAGE_STATE_RUNNING {
			continue
		}
		state := strings.TrimPrefix(p.GetState().String(), "PAGE_STATE_")
		c := bus.Check{Name: "page." + p.GetPage(), Level: bus.Warning, Detail: state, Values: []string{p.GetState().String()}, Remedy: "see `parleyctl channel health " + p.GetPage() + "`"}
		if p.GetState() == adminv1.PageState_PAGE_STATE_FAILED || p.GetState() == adminv1.PageState_PAGE_STATE_DISCONNECTED {
			c.Level = bus.Failed
		}
		if worst := culprit(p); worst != nil {
			c.Detail, c.Remedy = state+": "+worst.GetFound(), cmp.Or(worst.GetRemedy(), c.Remedy)
			c.Values = append(c.Values, worst.GetName())
		}
		checks = append(checks, c)
	}
	if len(pages) > 0 && checks == nil {
		checks = []bus.Check{{Name: "pages", Detail: "every page is running"}}
	}
	return checks
}

// culprit is the check that keeps a page from running, the worst first.
func culprit(p *adminv1.PageStatus) (worst *adminv1.PageCheck) {
	for _, c := range p.GetChecks() {
		if c.GetVerdict() != adminv1.Verdict_VERDICT_PASSED && (worst == nil || c.GetHarm() > worst.GetHarm()) {
			worst = c
		}
	}
	return worst
}

// finding is a check that is fine when it found nothing.
func finding(name string, level bus.Level, found []string, fine, wrong, remedy string) bus.Check {
	const shown = 10
	if len(found) == 0 {
		return bus.Check{Name: name, Detail: fine}
	}
	list := strings.Join(found[:min(len(found), shown)], ", ")
	if more := len(found) - shown; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return bus.Check{Name: name, Level: level, Detail: list + ": " + wrong, Remedy: remedy, Values: found[:min(len(found), shown)]}
}

// unreadable are the places whose secret the keyset does not open.
func unreadable(world *directory.Snapshot, box *secret.Box) []string {
	var places []string
	for r := range world.All() {
		for field, s := range change.Secrets(r) {
			if unset(s) {
				continue
			}
			if _, err := box.Reveal(directory.Place(r, field), s); err != nil {
				places = append(places, directory.Place(r, field))
			}
		}
	}
	return places
}

func unset(s *configv1.Secret) bool { return len(s.GetSealed()) == 0 }
