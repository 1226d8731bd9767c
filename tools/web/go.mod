module github.com/parley-desk/parley/tools/web

go 1.26.0

require (
	github.com/evanw/esbuild v0.28.2
	github.com/parley-desk/parley/proto v0.0.0
	google.golang.org/protobuf v1.36.12
)

require golang.org/x/sys v0.49.0 // indirect

replace github.com/parley-desk/parley/proto => ../../proto
