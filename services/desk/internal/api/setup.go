package api

import (
	"context"
	"net/http"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/parley-desk/parley/pkg/fault"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

// administration is what the set-up page and the supervisors' view need of the
// control plane. The desk looks at none of it: it passes calls on and says whose they
// are.
func administration() []protoreflect.ServiceDescriptor {
	return []protoreflect.ServiceDescriptor{
		adminv1.File_parley_admin_v1_admin_proto.Services().ByName("ConfigService"),
		adminv1.File_parley_admin_v1_crew_proto.Services().ByName("CrewService"),
		adminv1.File_parley_admin_v1_audit_proto.Services().ByName("AuditService"),
		adminv1.File_parley_admin_v1_client_proto.Services().ByName("ClientService"),
		adminv1.File_parley_admin_v1_admin_proto.Services().ByName("OperateService"),
		adminv1.File_parley_admin_v1_history_proto.Services().ByName("HistoryService"),
		adminv1.File_parley_admin_v1_provision_proto.Services().ByName("ProvisionService"),
		adminv1.File_parley_admin_v1_routing_proto.Services().ByName("RoutingService"),
		adminv1.File_parley_admin_v1_schedule_proto.Services().ByName("ScheduleService"),
	}
}

// ofAdministration tells a method of the control plane by its full name.
func ofAdministration(procedure string) bool {
	return strings.HasPrefix(procedure, "/parley.admin.v1.")
}

// errands are the handlers of these methods, by path; streams are not passed on.
func (s *Server) errands(options connect.HandlerOption) map[string]http.Handler {
	all := map[string]http.Handler{}
	for _, service := range administration() {
		for i := range service.Methods().Len() {
			if m := service.Methods().Get(i); !m.IsStreamingServer() && !m.IsStreamingClient() {
				procedure := "/" + string(service.FullName()) + "/" + string(m.Name())
				all[procedure] = s.errand(procedure, m, options)
			}
		}
	}
	return all
}

func (s *Server) errand(procedure string, m protoreflect.MethodDescriptor, options connect.HandlerOption) http.Handler {
	blank := func(_ connect.Spec, message any) error {
		request, ok := message.(*dynamicpb.Message)
		if !ok {
			return fault.New(fault.Internal, "", "%T cannot be a request", message)
		}
		*request = *dynamicpb.NewMessage(m.Input())
		return nil
	}
	return connect.NewUnaryHandler(procedure, func(ctx context.Context, r *connect.Request[dynamicpb.Message]) (*connect.Response[dynamicpb.Message], error) {
		data, err := proto.Marshal(r.Msg)
		if err != nil {
			return nil, fault.Wrap(err, "encoding the request")
		}
		answer := &adminv1.ErrandResponse{}
		err = s.Bus.Call(ctx, "admin.errand", &adminv1.ErrandRequest{
			Agent: callerOf(ctx).session.Agent, Method: procedure, Request: data}, answer)
		if err != nil {
			return nil, err
		}
		response := dynamicpb.NewMessage(m.Output())
		if err := proto.Unmarshal(answer.GetResponse(), response); err != nil {
			return nil, fault.Wrap(err, "reading the answer")
		}
		return connect.NewResponse(response), nil
	}, options, connect.WithRequestInitializer(blank), connect.WithSchema(m))
}
