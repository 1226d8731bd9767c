// Command parleyctl sets up and reads out a house from the command line.
package main

import (
	"os"

	"github.com/parley-desk/parley/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
