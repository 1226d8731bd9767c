// Package scan has files looked at by somebody who knows what harms: a command of
// the platform engineer's, or a server that speaks ICAP.
//
// There are three answers, and only one of them lets a file through: harmless. A
// scanner that fails, hangs or says something unheard of has not said it.
package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Scanner looks at files. Scan gives nil for what is harmless, *Found for what is
// not, and any other error when nobody knows.
type Scanner interface {
	Scan(ctx context.Context, extension string, size int64, file io.Reader) error
}

// Found is that a file is harmful.
type Found struct{ What string }

func (f *Found) Error() string { return "it is harmful: " + f.What }

// New makes the scanner that settings ask for; nil when they ask for none.
func New(command []string, icap string, timeout time.Duration) (Scanner, error) {
	switch {
	case len(command) > 0 && icap != "":
		return nil, errors.New("either a command or an ICAP server looks at files, not both")
	case len(command) > 0:
		return Command{Args: command, Timeout: timeout}, nil
	case icap != "":
		return newICAP(icap, timeout)
	}
	return nil, nil
}

// Command gets a file on its standard input. It ends with 0 when the file is
// harmless and with 1 when it is not; everything else is a failure.
type Command struct {
	Args    []string
	Timeout time.Duration
}

// said is how much of what a command says is kept.
const said = 4 << 10

// Scan runs the command. It gets no more of this process's environment than it
// takes to find its way: settings may hold secrets.
func (c Command) Scan(ctx context.Context, _ string, _ int64, file io.Reader) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...) // #nosec G204 -- an administrator's, not a caller's
	cmd.Env = nil
	for _, name := range []string{"PATH", "HOME", "LANG", "TMPDIR"} {
		cmd.Env = append(cmd.Env, name+"="+os.Getenv(name))
	}
	words := &brief{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = file, words, words, time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s did not answer in %s", c.Args[0], c.Timeout)
	case errors.As(err, &exit) && exit.ExitCode() == 1:
		return &Found{What: words.line()}
	case err != nil:
		return fmt.Errorf("%s: %w: %s", c.Args[0], err, words.line())
	}
	return nil
}

// brief keeps the beginning of what is written to it.
type brief struct{ kept bytes.Buffer }

func (b *brief) Write(p []byte) (int, error) {
	b.kept.Write(p[:min(len(p), said-b.kept.Len())])
	return len(p), nil
}

func (b *brief) line() string { return strings.Join(strings.Fields(b.kept.String()), " ") }
