package engagement

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/contact"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/webhook"
	crmv1 "github.com/parley-desk/parley/proto/gen/parley/crm/v1"
	"github.com/parley-desk/parley/services/engagement/internal/crm"
)

// Names of the readers that note what a CRM is told, and of the one that tells it.
const (
	noting  = "crm"
	telling = "crm-hook"
)

// CRMConfig are the settings of what a CRM is told.
type CRMConfig struct {
	Events   bool          `koanf:"events" default:"false" help:"Note what happens to contacts, and which conversations close, for a CRM to read by CrmService. An address notes it too."`
	URL      string        `koanf:"url" default:"" secret:"login" help:"Address of the CRM that is told what is noted, https://host/path. Empty tells nobody."`
	Secret   string        `koanf:"secret" default:"" secret:"true" help:"Secret that signs what the CRM is told, 16 characters or more."`
	Inside   []string      `koanf:"inside" default:"" help:"host:port of CRMs that may be told without TLS and inside the network. Any other must lead to the public network."`
	Timeout  time.Duration `koanf:"timeout" default:"10s" help:"How long the CRM may take for one answer."`
	Parallel int           `koanf:"parallel" default:"16" help:"Contacts of which the CRM is told at a time."`
}

func (c CRMConfig) hook(now func() time.Time) webhook.Config {
	return webhook.Config{URL: c.URL, Secret: c.Secret, Inside: c.Inside, Timeout: c.Timeout, Now: now}
}

func (c CRMConfig) validate() error {
	switch {
	case c.URL == "":
		return nil
	case c.Parallel < 1:
		return fault.New(fault.Invalid, "ENGAGEMENT_SETTINGS", "engagement.crm.parallel is %d; it must be at least 1", c.Parallel)
	}
	if err := c.hook(nil).Validate(); err != nil {
		return fault.New(fault.Invalid, "ENGAGEMENT_SETTINGS", "engagement.crm is no CRM that can be told: %v", err)
	}
	return nil
}

// herald tells a CRM what happens.
type herald struct {
	bus      *bus.Bus
	contacts *contact.Store
	hook     *webhook.Client // nil: what is noted is only read
	noted    bool
	places   chan struct{}
	now      func() time.Time
	told     *prometheus.CounterVec
}

func newHerald(cfg CRMConfig, b *bus.Bus, now func() time.Time, registry prometheus.Registerer) (*herald, error) {
	h := &herald{bus: b, contacts: contact.Open(b, now), noted: cfg.Events || cfg.URL != "", places: make(chan struct{}, cfg.Parallel), now: now,
		told: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_engagement_crm_total",
			Help: "Events that a CRM was told, or that were tried, by what came of it: told, refused or away.",
		}, []string{"result"})}
	if cfg.URL != "" {
		hook, err := webhook.New(cfg.hook(now))
		if err != nil {
			return nil, fault.Wrap(err, "the hook of the CRM")
		}
		h.hook = hook
	}
	return h, fault.Wrap(registry.Register(h.told), "register metrics of the CRM")
}

// run notes what happens and tells it, until ctx ends.
func (h *herald) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	if h.noted {
		group.Go(func() error { return h.bus.FollowThreads(ctx, noting, h.commit) })
		group.Go(func() error { return h.bus.FollowContacts(ctx, noting, h.contact) })
	}
	if h.hook != nil {
		group.Go(func() error { return h.bus.FollowEvents(ctx, telling, h.tell) })
	}
	group.Go(func() error { <-ctx.Done(); return nil })
	return group.Wait()
}

// fresh tells whether something is not older than what is kept of it anyway: who
// begins to note is not told of years.
func (h *herald) fresh(at time.Time) bool { return h.now().Sub(at) < bus.CrmAge }

func (h *herald) commit(ctx context.Context, r bus.Record) error {
	if !h.fresh(r.Stored) {
		return nil
	}
	for _, told := range crm.OfCommit(r) {
		if err := h.bus.Tell(ctx, told.On, told.Event); err != nil {
			return err
		}
	}
	return nil
}

func (h *herald) contact(ctx context.Context, e bus.Entry, at time.Time) error {
	told, ok := crm.OfEntry(e, at)
	if !ok || !h.fresh(at) {
		return nil
	}
	return h.bus.Tell(ctx, told.On, told.Event)
}

// tell sends one event, with its contact as that stands now.
func (h *herald) tell(ctx context.Context, e *crmv1.Event) error {
	delivery := &crmv1.Delivery{Event: e}
	if e.GetContact() != "" {
		r, err := h.contacts.Get(ctx, e.GetContact())
		if err != nil && !fault.Is(err, fault.NotFound) {
			return fault.Wrap(err, "read the contact of an event")
		}
		delivery.Contact = r.GetContact()
	}
	body, err := protojson.Marshal(delivery)
	if err != nil {
		return &fault.Error{Kind: fault.Invalid, Message: "encode an event", Cause: err}
	}
	select {
	case h.places <- struct{}{}:
		defer func() { <-h.places }()
	case <-ctx.Done():
		return ctx.Err()
	}
	err = h.hook.Post(ctx, e.GetId(), body)
	switch {
	case err == nil:
		h.told.WithLabelValues("told").Inc()
	case fault.Is(err, fault.Invalid):
		h.told.WithLabelValues("refused").Inc()
	default:
		h.told.WithLabelValues("away").Inc()
	}
	return err
}
