// Command outbound runs the outbound service as a process of its own.
package main

import (
	"os"

	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/services/outbound"
)

func main() {
	host.Main("Send replies to Meta", host.NewStage("outbound", host.Bus|host.RedisGlance|host.Graph, outbound.New), os.Exit)
}
