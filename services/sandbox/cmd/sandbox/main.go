// Command sandbox runs the sandbox service as a process of its own.
package main

import (
	"os"

	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/services/sandbox"
)

func main() {
	host.Main("Stand in for Meta in development and tests", host.NewStage("sandbox", 0, sandbox.New), os.Exit)
}
