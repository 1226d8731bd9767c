// Command admin runs the admin service as a process of its own.
package main

import (
	"os"

	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/services/admin"
)

func main() {
	host.Main("Serve the control plane", host.NewStage("admin", host.Bus|host.RedisGlance|host.Graph, admin.New), os.Exit)
}
