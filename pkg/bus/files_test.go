package bus_test

import (
	"testing"

	"github.com/parley-desk/parley/pkg/bus/bustest"
	"github.com/parley-desk/parley/pkg/files"
	"github.com/parley-desk/parley/pkg/files/filestest"
)

func TestFiles(t *testing.T) {
	filestest.Store(t, func(t *testing.T) files.Store { return bustest.Open(t).Files() })
}
