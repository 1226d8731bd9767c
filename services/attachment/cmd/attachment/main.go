// Command attachment runs the attachment service as a process of its own.
package main

import (
	"os"

	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/services/attachment"
)

func main() {
	host.Main("Copy the files that customers send", host.NewStage("attachment", host.Bus, attachment.New), os.Exit)
}
