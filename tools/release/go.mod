module github.com/parley-desk/parley/tools/release

go 1.26.0
