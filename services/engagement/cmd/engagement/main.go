// Command engagement runs the engagement service as a process of its own.
package main

import (
	"os"

	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/services/engagement"
)

func main() {
	host.Main("Have time do its part in conversations", host.NewStage("engagement", host.Bus, engagement.New), os.Exit)
}
