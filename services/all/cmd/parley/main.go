// Command parley runs any stage of the house, or all of them in one process.
package main

import (
	"os"

	"github.com/parley-desk/parley/services/all"
)

func main() { all.Main(os.Exit) }
