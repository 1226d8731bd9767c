// Command classification runs the classification service as a process of its own.
package main

import (
	"os"

	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/services/classification"
)

func main() {
	host.Main("File events into threads and choose queues", host.NewStage("classification", host.Bus|host.Graph, classification.New), os.Exit)
}
