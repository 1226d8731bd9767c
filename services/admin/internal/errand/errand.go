// Package errand lets who is signed in at the desk call the control plane. The
// desk passes the call on over the broker and says who it is; what an agent may
// is decided here, by the roles in the configuration.
package errand

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	"github.com/parley-desk/parley/services/admin/internal/guard"
)

// Method is what the desk calls on the broker.
const Method = "admin.errand"

// Runner runs calls by name. It is a grpc.ServiceRegistrar: what is registered
// with it can be called.
type Runner struct {
	guard     *guard.Guard
	directory *directory.Directory
	calls     map[string]call
}

// call is one method and who does it.
type call struct {
	desc grpc.MethodDesc
	impl any
}

// New makes a runner that knows no method yet.
func New(g *guard.Guard, d *directory.Directory) *Runner {
	return &Runner{guard: g, directory: d, calls: map[string]call{}}
}

// RegisterService takes the methods of a service that have one request and one
// answer. All of them are to be registered before the first call.
func (r *Runner) RegisterService(desc *grpc.ServiceDesc, impl any) {
	for _, m := range desc.Methods {
		r.calls["/"+desc.ServiceName+"/"+m.MethodName] = call{m, impl}
	}
}

// Run runs one call.
func (r *Runner) Run(ctx context.Context, req *adminv1.ErrandRequest) (*adminv1.ErrandResponse, error) {
	agent := r.directory.Now().Agents[req.GetAgent()]
	if agent == nil || agent.GetBarred() {
		return nil, fault.New(fault.Denied, "NO_ROLE", "there is no agent %q who may sign in", req.GetAgent())
	}
	c, known := r.calls[req.GetMethod()]
	if !known {
		return nil, fault.New(fault.NotFound, "NO_SUCH_METHOD", "there is no method %q with one request and one answer", req.GetMethod())
	}
	resp := &adminv1.ErrandResponse{}
	err := r.guard.Errand(ctx, req.GetMethod(), agent, func(ctx context.Context, i grpc.UnaryServerInterceptor) error {
		out, err := c.desc.Handler(c.impl, ctx, func(in any) error { return decode(req.GetRequest(), in) }, i)
		if err != nil {
			return err
		}
		resp.Response, err = encode(out)
		return err
	})
	return resp, err
}

func decode(data []byte, in any) error {
	m, ok := in.(proto.Message)
	if !ok || proto.Unmarshal(data, m) != nil {
		return fault.New(fault.Invalid, "INVALID_ARGUMENT", "the request cannot be read")
	}
	return nil
}

func encode(out any) ([]byte, error) {
	m, ok := out.(proto.Message)
	if !ok {
		return nil, fault.New(fault.Internal, "", "%T is not a message", out)
	}
	return proto.Marshal(m)
}
