package offering

import (
	"context"

	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	"github.com/parley-desk/parley/proto/subject"
	"github.com/parley-desk/parley/services/distribution/internal/assign"
)

// Why tells why a conversation waits, now. It changes nothing.
func (d *Distributor) Why(ctx context.Context, req *distributionv1.WhyRequest) (*distributionv1.WhyResponse, error) {
	var w assign.Why
	err := d.loaded(ctx, func() (err error) {
		w, err = d.Book.Why(ctx, d.Now(), subject.Thread{Page: req.GetPage(), PSID: req.GetPsid()}.Key())
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
	return resp, nil
}
