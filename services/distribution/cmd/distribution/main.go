// Command distribution runs the distribution service as a process of its own.
package main

import (
	"os"

	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/services/distribution"
)

func main() {
	host.Main("Offer conversations to agents", host.NewStage("distribution", host.Bus|host.Redis, distribution.New), os.Exit)
}
