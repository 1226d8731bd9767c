package change_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
)

// town is a planner and the world that its plans become.
type town struct {
	*testing.T
	planner change.Planner
	world   *directory.Snapshot
}

func begin(t *testing.T) *town {
	t.Helper()
	box, err := secret.New()
	if err != nil {
		t.Fatal(err)
	}
	return &town{T: t, planner: change.Planner{Box: box, Now: func() time.Time { return time.UnixMilli(1) }}, world: directory.NewSnapshot()}
}

// account puts an account with this app secret; the error is the plan's.
func (w *town) account(secret string, e change.Edit) error {
	w.Helper()
	e.Path, e.Resource = "account", &configv1.ChannelAccount{Meta: &configv1.Meta{Id: "demo"}, AppId: "42", AppSecret: &configv1.Secret{Value: secret}}
	outcomes, err := w.planner.Plan(w.world, []change.Edit{e})
	if err == nil {
		w.world = directory.NewSnapshot(outcomes[0].Resource)
	}
	return err
}

// taken are the app secrets with which webhooks are taken, the one in force
// first.
func (w *town) taken() string {
	w.Helper()
	a := w.world.Accounts["demo"]
	var values []string
	for field, s := range map[string]*configv1.Secret{"app_secret": a.GetAppSecret(), "previous_secret": a.GetPreviousSecret()} {
		if s == nil {
			continue
		}
		text, err := w.planner.Box.Reveal(directory.Place(a, field), s)
		if err != nil {
			w.Fatal(err)
		}
		if field == "app_secret" {
			values = append([]string{text.Reveal()[:1]}, values...)
		} else {
			values = append(values, text.Reveal()[:1])
		}
	}
	return strings.Join(values, "")
}

func word(letter string) string { return strings.Repeat(letter, 16) }

// No step of a rotation drops a secret that Meta may sign with, unless it says
// so. Steps name the secret that is brought, a verb before it when it is not a
// plain rotation; "!" behind one that is refused.
func TestRotationsDropNothingInPassing(t *testing.T) {
	for steps, want := range map[string]string{
		"a":                       "a",
		"a a":                     "a",
		"a b":                     "ba",
		"a b b":                   "ba",
		"a b a":                   "ab",
		"a b c!":                  "ba",
		"a b replace:c":           "ca",
		"a b replace:a":           "a",
		"a b retire:b":            "b",
		"a b retire:b c":          "cb",
		"a replace:b":             "b",
		"a b replace:c retire:c":  "c",
		"a b c! replace:d d a e!": "ad",
	} {
		t.Run(steps, func(t *testing.T) {
			w := begin(t)
			for _, step := range strings.Fields(steps) {
				step, refused := strings.CutSuffix(step, "!")
				verb, letter, found := strings.Cut(step, ":")
				if !found {
					verb, letter = "", step
				}
				rotation := map[string]change.Rotation{"": change.Rotate, "replace": change.Replace, "retire": change.Retire}[verb]
				err := w.account(word(letter), change.Edit{Rotation: rotation})
				if refused != (err != nil) || refused && !fault.Is(err, fault.Precondition) {
					t.Fatalf("%s: %v", step, err)
				}
			}
			if got := w.taken(); got != want {
				t.Errorf("taken are %q, want %q", got, want)
			}
		})
	}
}

func TestAnAccountNeedsItsSecretOnce(t *testing.T) {
	w := begin(t)
	if err := w.account("", change.Edit{}); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "account.app_secret: is missing; set it from App settings") {
		t.Errorf("without a secret: %v", err)
	}
	if err := w.account(word("a"), change.Edit{}); err != nil {
		t.Fatal(err)
	}
	if err := w.account("", change.Edit{}); err != nil {
		t.Errorf("with a stored one: %v", err)
	}
}

// A verify token is made where there is none, a different one each time, and
// what is stored or given stays.
func TestVerifyTokens(t *testing.T) {
	made := map[string]bool{}
	for range 20 {
		w := begin(t)
		if err := w.account(word("a"), change.Edit{}); err != nil {
			t.Fatal(err)
		}
		a := w.world.Accounts["demo"]
		token, err := w.planner.Box.Reveal(directory.Place(a, "verify_token"), a.GetVerifyToken())
		if err != nil || made[token.Reveal()] || len(token.Reveal()) < 26 {
			t.Fatalf("made %d characters, made before: %v, %v", len(token.Reveal()), made[token.Reveal()], err)
		}
		made[token.Reveal()] = true
		if err := w.account(word("a"), change.Edit{}); err != nil || !proto.Equal(a, w.world.Accounts["demo"]) {
			t.Errorf("saved again: %v, %v", w.world.Accounts["demo"], err)
		}
	}
}

// A request cannot claim that somebody took note of the privacy notice.
func TestAcknowledgementsAreNotForged(t *testing.T) {
	w := begin(t)
	forged := &configv1.ChannelAccount{Meta: &configv1.Meta{Id: "demo"}, AppId: "42", AppSecret: &configv1.Secret{Value: word("a")},
		Privacy: &configv1.Acknowledgement{AtMs: 1, By: "forger", Notice: "2026-11"}}
	outcomes, err := w.planner.Plan(w.world, []change.Edit{{Path: "account", Resource: forged}})
	if err != nil || outcomes[0].Resource.(*configv1.ChannelAccount).GetPrivacy() != nil {
		t.Errorf("stored %v, %v", outcomes, err)
	}
}

// When a capacity profile resets is fixed with its creation (L66); unspecified
// is immediate.
func TestWhenAProfileResetsStays(t *testing.T) {
	const (
		open      = configv1.ProfileReset_PROFILE_RESET_UNSPECIFIED
		immediate = configv1.ProfileReset_PROFILE_RESET_IMMEDIATE
		day       = configv1.ProfileReset_PROFILE_RESET_END_OF_DAY
	)
	for _, c := range []struct {
		from, to configv1.ProfileReset
		refused  bool
	}{
		{day, day, false}, {open, immediate, false}, {immediate, open, false},
		{immediate, day, true}, {day, immediate, true}, {day, open, true}, {open, day, true},
	} {
		w := begin(t)
		profile := func(reset configv1.ProfileReset) directory.Resource {
			return &configv1.CapacityProfile{Meta: &configv1.Meta{Id: "chat"}, Limit: 2, Reset_: reset}
		}
		_, err := w.planner.Plan(directory.NewSnapshot(profile(c.from)), []change.Edit{{Path: "resources[0].capacity_profile", Resource: profile(c.to)}})
		if c.refused != (err != nil) || c.refused && !strings.Contains(err.Error(), "resources[0].capacity_profile.reset: was "+max(immediate, c.from).String()+" when the profile was created") {
			t.Errorf("from %s to %s: %v", c.from, c.to, err)
		}
	}
}

// How a workstream's conversations come to agents is fixed with its creation
// (L21, L23); unspecified is push.
func TestTheModeOfAWorkstreamStays(t *testing.T) {
	const (
		open = configv1.WorkMode_WORK_MODE_UNSPECIFIED
		push = configv1.WorkMode_WORK_MODE_PUSH
		pick = configv1.WorkMode_WORK_MODE_PICK
	)
	for _, c := range []struct {
		from, to configv1.WorkMode
		refused  bool
	}{
		{pick, pick, false}, {open, push, false}, {push, open, false},
		{push, pick, true}, {pick, push, true}, {pick, open, true}, {open, pick, true},
	} {
		w := begin(t)
		stream := func(mode configv1.WorkMode) directory.Resource {
			return &configv1.Workstream{Meta: &configv1.Meta{Id: "facebook"}, Queue: "front", Units: 1, OfferSeconds: 60, Mode: mode}
		}
		world := directory.NewSnapshot(&configv1.Queue{Meta: &configv1.Meta{Id: "front"}}, stream(c.from))
		_, err := w.planner.Plan(world, []change.Edit{{Path: "resources[0].workstream", Resource: stream(c.to)}})
		if c.refused != (err != nil) || c.refused && !strings.Contains(err.Error(), "resources[0].workstream.mode: was "+max(push, c.from).String()+" when the workstream was created, and stays so; make another workstream") {
			t.Errorf("from %s to %s: %v", c.from, c.to, err)
		}
	}
}

// A bot needs its secret once; it is kept sealed, and told as a fingerprint.
func TestABotNeedsItsSecretOnce(t *testing.T) {
	w := begin(t)
	w.world = directory.NewSnapshot(&configv1.Queue{Meta: &configv1.Meta{Id: "front"}})
	put := func(secret string) error {
		outcomes, err := w.planner.Plan(w.world, []change.Edit{{Path: "workstream", Resource: &configv1.Workstream{Meta: &configv1.Meta{Id: "shop"}, Queue: "front", Units: 1, OfferSeconds: 60,
			Bot: &configv1.Bot{Url: "https://bot.example.com/"}, BotSecret: &configv1.Secret{Value: secret}}}})
		if err == nil {
			w.world = directory.NewSnapshot(&configv1.Queue{Meta: &configv1.Meta{Id: "front"}}, outcomes[0].Resource)
		}
		return err
	}
	if err := put(""); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "workstream.bot_secret: is missing; set it to what the bot checks signatures with") {
		t.Errorf("without a secret: %v", err)
	}
	for _, secret := range []string{word("a"), ""} {
		if err := put(secret); err != nil {
			t.Fatal(err)
		}
	}
	ws := w.world.Workstreams["shop"]
	text, err := w.planner.Box.Reveal("workstreams/shop#bot_secret", ws.GetBotSecret())
	if err != nil || text.Reveal() != word("a") {
		t.Errorf("kept %v, %v", text, err)
	}
	if bare := change.Bare(ws).GetBotSecret(); bare.GetValue() != "" || bare.GetSealed() != nil || bare.GetFingerprint() == "" {
		t.Errorf("told as %v", bare)
	}
}
