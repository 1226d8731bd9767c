// Package all is the one-process mode and the parley binary: the same stages
// that run as processes of their own, bound together over an embedded broker.
package all

import (
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/services/admin"
	"github.com/parley-desk/parley/services/attachment"
	"github.com/parley-desk/parley/services/classification"
	"github.com/parley-desk/parley/services/desk"
	"github.com/parley-desk/parley/services/distribution"
	"github.com/parley-desk/parley/services/engagement"
	"github.com/parley-desk/parley/services/ingress"
	"github.com/parley-desk/parley/services/outbound"
	"github.com/parley-desk/parley/services/sandbox"
)

// Stages makes every stage of the house, in the order of a message's way. Each
// call makes new ones, with settings of their own.
func Stages() []host.Stage {
	return []host.Stage{
		host.NewStage("sandbox", 0, sandbox.New),
		host.NewStage("ingress", host.Bus, ingress.New),
		host.NewStage("classification", host.Bus|host.Graph, classification.New),
		host.NewStage("distribution", host.Bus|host.Redis, distribution.New),
		host.NewStage("outbound", host.Bus|host.RedisGlance|host.Graph, outbound.New),
		host.NewStage("attachment", host.Bus, attachment.New),
		host.NewStage("engagement", host.Bus, engagement.New),
		host.NewStage("desk", host.Bus, desk.New),
		host.NewStage("admin", host.Bus|host.RedisGlance|host.Graph, admin.New),
	}
}

// Short says what a stage does, by its name.
func Short(stage string) string {
	return map[string]string{
		"sandbox":        "Stand in for Meta in development and tests",
		"ingress":        "Keep what Meta sends",
		"classification": "File events into threads and choose queues",
		"distribution":   "Offer conversations to agents",
		"outbound":       "Send replies to Meta",
		"attachment":     "Copy the files that customers send",
		"engagement":     "Have time do its part in conversations",
		"desk":           "Serve the agent desk",
		"admin":          "Serve the control plane",
	}[stage]
}
