// Command desk runs the desk service as a process of its own.
package main

import (
	"os"

	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/services/desk"
)

func main() {
	host.Main("Serve the agent desk", host.NewStage("desk", host.Bus, desk.New), os.Exit)
}
