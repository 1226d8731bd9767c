package engagement

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-desk/parley/pkg/bus"
	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	"github.com/parley-desk/parley/pkg/telemetry/key"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/engagement/internal/bot"
)

// bots names the readers of the log that hand conversations to bots.
const bots = "bots"

// asker asks the bots of workstreams what customers say, one thing after
// another in a thread, and has happen what they answer. What it asked and what
// came of it is in the thread's state, so it keeps nothing: whoever handles a
// commit again asks again under the same id, and of two answers one is taken.
type asker struct {
	speaker *speaker
	log     *bus.Bus
	secrets *secret.Box
	caller  *bot.Caller
	rests   bot.Rests
	diary   *slog.Logger

	turns *prometheus.CounterVec
	took  *prometheus.HistogramVec
}

func newAsker(cfg Config, s *speaker, b *bus.Bus, box *secret.Box, diary *slog.Logger, registry prometheus.Registerer) (*asker, error) {
	h := &asker{speaker: s, log: b, secrets: box, caller: bot.NewCaller(cfg.BotLoopback, s.now), diary: diary,
		turns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_engagement_bot_turns_total",
			Help: "What customers said to bots, by workstream and what came of it: answered, dropped, or why the bot's part is over: asked, late, unreachable, failed, bad_answer...",
		}, []string{"workstream", "result"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "parley_engagement_bot_seconds", Help: "How long bots took to answer or to fail, by workstream.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2, 5, 10, 20, 30},
		}, []string{"workstream"})}
	resting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "parley_engagement_bots_resting",
		Help: "Bots that failed again and again and are not asked for a while."}, func() float64 { return float64(h.rests.Resting(s.now())) })
	return h, fault.Wrap(errors.Join(registry.Register(h.turns), registry.Register(h.took), registry.Register(resting)), "register metrics of bots")
}

// follow has the bot of one commit's thread answer what it owes.
func (h *asker) follow(ctx context.Context, r bus.Record) error {
	_, _, owes := thread.BotOwes(r.Commit.GetState().GetConversation())
	t := r.Thread
	for owes {
		s, _, err := h.log.Load(ctx, t)
		if err != nil {
			return err
		}
		var ask uint64
		if ask, _, owes = thread.BotOwes(s.GetConversation()); owes {
			if err := h.turn(ctx, t, s, ask); err != nil {
				return err
			}
		}
	}
	return nil
}

// turn has the bot of s answer ask, or takes the conversation from it.
func (h *asker) turn(ctx context.Context, t subject.Thread, s *threadv1.State, ask uint64) error {
	world, c := h.speaker.world(), s.GetConversation()
	event, meant, err := h.said(ctx, t, ask)
	if err != nil {
		return err
	}
	answer, began := thread.BotAnswer{Conversation: c.GetId(), Ask: ask}, h.speaker.now()
	var trouble *bot.Trouble
	if meant {
		answer, trouble = h.ask(ctx, world, s, ask, event)
		if ctx.Err() != nil {
			return ctx.Err() // whoever follows next asks again
		}
	}
	answer.Took = h.speaker.now().Sub(began)
	var facts []*threadv1.Fact
	_, _, err = h.log.Update(ctx, t, func(now *threadv1.State, _ uint64) ([]*threadv1.Fact, error) {
		if facts = nil; trouble != nil {
			facts = thread.EscalateBot(now, c.GetId(), ask, trouble.Escalated())
		} else {
			facts = thread.AnswerBot(now, h.speaker.now(), answer)
		}
		return facts, nil
	})
	if err == nil {
		h.count(ctx, c.GetWorkstream(), facts)
	}
	return fault.Wrap(err, "commit what a bot answered")
}

// said is what the customer said in the commit after ask, and whether it is meant
// for a bot.
func (h *asker) said(ctx context.Context, t subject.Thread, ask uint64) (bot.Event, bool, error) {
	for r, err := range h.log.History(ctx, t, ask) {
		if err != nil {
			return bot.Event{}, false, fault.Wrap(err, "read what a customer said")
		}
		event, meant := bot.Said(r.Commit)
		return event, meant, nil
	}
	return bot.Event{}, false, nil
}

// ask asks the bot of s, and reads its answer.
func (h *asker) ask(ctx context.Context, world *directory.Snapshot, s *threadv1.State, ask uint64, event bot.Event) (thread.BotAnswer, *bot.Trouble) {
	c := s.GetConversation()
	ws := world.Workstreams[c.GetWorkstream()]
	signs, trouble := h.ready(ws, c)
	if trouble != nil {
		return thread.BotAnswer{}, trouble
	}
	body, err := bot.Ask(world, s, ask, event)
	if err != nil {
		return thread.BotAnswer{}, &bot.Trouble{Reason: threadv1.BotReason_BOT_REASON_REMOVED, Detail: "it cannot be asked"}
	}
	began := time.Now()
	raw, trouble := h.caller.Ask(ctx, ws.GetBot().GetUrl(), signs.Reveal(), bot.RequestID(c.GetId(), ask), body, bot.Limit(ws.GetBot()))
	h.took.WithLabelValues(ws.GetMeta().GetId()).Observe(time.Since(began).Seconds())
	var answer thread.BotAnswer
	if trouble == nil {
		answer, trouble = bot.Read(raw, ws, c.GetId(), ask, h.speaker.now().Add(h.speaker.keep))
	}
	if ctx.Err() == nil {
		h.rests.Had(name(ws), trouble != nil, h.speaker.now())
	}
	return answer, trouble
}

// ready gives what the bot of ws is asked with, or why it is not asked.
func (h *asker) ready(ws *configv1.Workstream, c *threadv1.Conversation) (secret.Text, *bot.Trouble) {
	if ws.GetBot() == nil {
		return secret.Text{}, &bot.Trouble{Reason: threadv1.BotReason_BOT_REASON_REMOVED, Detail: "the workstream has no bot any more"}
	}
	if trouble := h.caller.Permits(ws.GetBot().GetUrl()); trouble != nil {
		return secret.Text{}, trouble
	}
	if thread.BotFlooded(c) {
		return secret.Text{}, &bot.Trouble{Reason: threadv1.BotReason_BOT_REASON_FLOODED, Detail: "more messages wait for it than it may owe"}
	}
	text, err := h.secrets.Reveal(directory.Place(ws, "bot_secret"), ws.GetBotSecret())
	if err != nil {
		return secret.Text{}, &bot.Trouble{Reason: threadv1.BotReason_BOT_REASON_REMOVED, Detail: "bot_secret of the workstream is not set, or cannot be opened"}
	}
	if !h.rests.Asks(name(ws), h.speaker.now()) {
		return secret.Text{}, &bot.Trouble{Reason: threadv1.BotReason_BOT_REASON_RESTING, Detail: "it failed again and again a moment ago"}
	}
	return text, nil
}

// name is that of a bot which rests: with another address it is another bot.
func name(ws *configv1.Workstream) string { return ws.GetMeta().GetId() + " " + ws.GetBot().GetUrl() }

// count counts what came of a turn, and tells of a bot that failed.
func (h *asker) count(ctx context.Context, workstream string, facts []*threadv1.Fact) {
	result := ""
	for _, f := range facts {
		switch k := f.GetKind().(type) {
		case *threadv1.Fact_BotAnswered:
			result = "answered"
		case *threadv1.Fact_BotDropped:
			result = "dropped"
		case *threadv1.Fact_BotEscalated:
			e := k.BotEscalated
			result = strings.ToLower(strings.TrimPrefix(e.GetReason().String(), "BOT_REASON_"))
			if e.GetReason() != threadv1.BotReason_BOT_REASON_ASKED {
				h.diary.WarnContext(ctx, "a bot does not answer, and an agent gets the conversation",
					slog.String(key.Workstream, workstream), slog.String(key.Reason, result), slog.String(key.Err, e.GetDetail()))
			}
		}
	}
	if result != "" {
		h.turns.WithLabelValues(workstream, result).Inc()
	}
}
