package bus

import (
	"fmt"
	"runtime/debug"

	"github.com/parley-desk/parley/pkg/fault"
)

// guard turns a panic of a handler into an error: one record that nobody
// foresaw must not take down the process that handles all the others.
func guard[T any](do func() (T, error)) (v T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &fault.Error{Kind: fault.Internal, Reason: "PANIC", Message: "the handler panicked",
				Cause: fmt.Errorf("%v\n%s", r, debug.Stack())}
		}
	}()
	return do()
}
