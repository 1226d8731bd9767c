package repair

import (
	"context"

	"github.com/parley-desk/parley/pkg/host"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
)

// Stepper is a repairer whose jobs are kept by the test.
func Stepper(deps host.Deps, log Log, meta Graph, pages Connections, erased Erased) func(context.Context, *configv1.Page, *provisionv1.Repair, *int) *provisionv1.Repair {
	return (&Repairer{deps: deps, log: log, graph: meta, pages: pages, erased: erased}).step
}

// Portion is how many conversations a call asks for at first.
const Portion = portion
