package offering

import (
	"cmp"
	"context"
	"slices"

	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
	"github.com/parley-desk/parley/services/distribution/internal/matching"
)

// Why tells why a conversation waits, now. It changes nothing.
func (d *Distributor) Why(ctx context.Context, req *distributionv1.WhyRequest) (*distributionv1.WhyResponse, error) {
	var w assign.Why
	item := subject.Thread{Page: req.GetPage(), PSID: req.GetPsid()}.Key()
	err := d.loaded(ctx, func() (err error) {
		w, err = d.Book.Why(ctx, d.Now(), item)
		return err
	})
	if err != nil {
		return nil, err
	}
	resp := &distributionv1.WhyResponse{Standing: w.Standing, Queue: w.Queue, Class: w.Class, Method: w.Method, Agent: w.Agent,
		Members: w.Members, Ready: w.Ready, Ahead: w.Ahead, WaitSeconds: seconds(w.Wait),
		PausedBy: w.Paused.By, PausedSinceMs: w.Paused.SinceMS}
	for _, e := range w.Excluded {
		resp.Excluded = append(resp.Excluded, &distributionv1.Exclusion{Reason: e.Reason, Of: e.Of, Agents: e.Agents})
	}
	if w.Method == string(assign.Custom) && w.Standing == assign.StandsWaiting && w.Agent == "" {
		return resp, d.whyByRules(ctx, item, resp)
	}
	return resp, nil
}

// mostRanked is how many items of a queue are put in order for one who asks.
const mostRanked = 1000

// whyByRules adds what rules make of an item that waits for them to choose.
func (d *Distributor) whyByRules(ctx context.Context, key string, resp *distributionv1.WhyResponse) error {
	status, err := d.Book.Status(ctx)
	if err != nil {
		return err
	}
	r := d.rules.Of(d.Directory.Now())
	keys, err := d.Book.LinedUp(ctx, status.Epoch, resp.GetQueue())
	if err != nil {
		return err
	}
	if len(keys) > mostRanked { // of so many the place is as the book has it
		keys = []string{key}
	}
	lined, err := d.Book.Lined(ctx, status.Epoch, keys)
	if err != nil {
		return err
	}
	items, unread := d.see(ctx, r, lined)
	ranked := matching.Rank(r, matching.Line{Queue: resp.GetQueue(), Items: items})
	at := slices.IndexFunc(ranked, func(i matching.Ranked) bool { return i.Item.Key == key })
	if at < 0 {
		return unread // without error it has gone on meanwhile
	}
	if len(keys) > 1 {
		resp.Ahead = int32(at)
	}
	members, err := d.Book.Members(ctx, status.Epoch, r.World.Queues[resp.GetQueue()].GetAgents())
	if err != nil {
		return err
	}
	var agents []*matching.Agent
	for _, m := range members {
		agents = append(agents, agentOf(r, m, d.Now()))
	}
	tellStanding(resp, matching.Explain(r, d.Book.Enough(), ranked[at].Item, agents))
	return nil
}

// tellStanding says how rules see an item. Who has room and is taken by no step
// is not ready.
func tellStanding(resp *distributionv1.WhyResponse, s matching.Standing) {
	resp.Bucket, resp.Ruleset, resp.Ready = s.Bucket, s.Ruleset, int32(s.Ready)
	for _, step := range s.Steps {
		resp.Steps = append(resp.Steps, &distributionv1.Step{Rule: step.Rule, Agents: int32(step.Agents), Failed: int32(step.Failed)})
	}
	if s.Refused > 0 {
		resp.Excluded = append(resp.Excluded, &distributionv1.Exclusion{Reason: "rule", Agents: int32(s.Refused)})
		slices.SortStableFunc(resp.Excluded, func(x, y *distributionv1.Exclusion) int { return cmp.Compare(y.GetAgents(), x.GetAgents()) })
	}
}
