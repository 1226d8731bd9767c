// Command ingress runs the ingress service as a process of its own.
package main

import (
	"os"

	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/services/ingress"
)

func main() {
	host.Main("Keep what Meta sends", host.NewStage("ingress", host.Bus, ingress.New), os.Exit)
}
