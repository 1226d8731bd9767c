// Package web holds the agent's page as it was built: the desk serves it from
// the binary, so that a machine with only Go runs the whole house.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Files is the built page: index.html at the root and assets whose names carry
// a hash of what they hold.
func Files() fs.FS {
	// The directory is embedded by name, so it cannot be missing.
	files, _ := fs.Sub(dist, "dist")
	return files
}
