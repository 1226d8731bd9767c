package offering

import (
	"context"

	"github.com/parley-desk/parley/pkg/fault"
	distributionv1 "github.com/parley-desk/parley/proto/gen/parley/distribution/v1"
	"github.com/parley-desk/parley/proto/subject"
)

// Forget has the book forget threads that were erased. Those that it does not
// know to be over are answered: whoever asks comes again.
func (d *Distributor) Forget(ctx context.Context, req *distributionv1.ForgetRequest) (*distributionv1.ForgetResponse, error) {
	if n := len(req.GetThreads()); n > subject.MostAsked {
		return nil, fault.New(fault.Invalid, "TOO_MANY_THREADS", "%d threads at once are too many; ask for at most %d", n, subject.MostAsked)
	}
	resp := &distributionv1.ForgetResponse{}
	err := d.loaded(ctx, func() (err error) {
		resp.Left, err = d.Book.Forget(ctx, d.Now(), req.GetThreads())
		return err
	})
	return resp, err
}
