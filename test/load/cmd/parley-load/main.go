// Command parley-load puts a crowd of customers and agents on a running house,
// and checks afterwards what became of what they wrote.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/parley-desk/parley/test/check"
	"github.com/parley-desk/parley/test/load"
)

const usage = `parley-load run   [flags]   customers write, agents answer
parley-load check [flags]   compare the sandbox's journal with an export of the log

Run either with -h for its flags. The export is made by
parleyctl export transcript --ndjson, after everything has come to rest.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "parley-load:", err) //nolint:errcheck // nowhere else to say it
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("run or check?\n\n" + usage)
	}
	switch args[0] {
	case "run":
		return run(ctx, args[1:], out)
	case "check":
		return compare(ctx, args[1:], out)
	}
	return fmt.Errorf("%q is not a command\n\n%s", args[0], usage)
}

// crew is what run needs beside the plan of the customers.
type crew struct {
	agents   string
	password string
	desk     string
	end      bool
	settle   time.Duration
	replies  string
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var p load.Plan
	var c crew
	f := flag.NewFlagSet("parley-load run", flag.ContinueOnError)
	f.StringVar(&p.Sandbox, "sandbox", "http://127.0.0.1:8082", "sandbox")
	pages := f.String("page", "1020304050607080", "page id, or several with commas")
	f.IntVar(&p.Conversations, "conversations", 20, "customers")
	f.IntVar(&p.Messages, "messages", 5, "messages of each customer")
	f.Float64Var(&p.Duplicates, "duplicates", 0.05, "share of messages whose webhook comes twice")
	f.IntVar(&p.Batch, "batch", 10, "messages in one write")
	f.Float64Var(&p.Rate, "rate", 50, "messages a second; 0 is as fast as possible")
	f.BoolVar(&p.Reads, "reads", true, "customers look at what they were answered before they write again")
	f.Uint64Var(&p.Seed, "seed", uint64(time.Now().Unix()), "same seed, same customers")
	f.StringVar(&c.desk, "desk", "http://127.0.0.1:8080", "agent desk")
	f.StringVar(&c.agents, "agents", "mila,orlin", "agents who answer; empty for none")
	f.StringVar(&c.password, "password", "parley-demo", "their password")
	f.BoolVar(&c.end, "end", true, "agents end and close conversations when all is answered")
	f.DurationVar(&c.settle, "settle", 30*time.Second, "stop when nothing was answered for so long")
	f.StringVar(&c.replies, "replies", "", "file for the replies that the desk acknowledged, for check")
	if err := f.Parse(args); err != nil {
		return err
	}
	if p.Pages = list(*pages); len(p.Pages) == 0 {
		return errors.New("-page must name a page")
	}
	return work(ctx, p, c, out)
}

func work(ctx context.Context, p load.Plan, c crew, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	var agents []*load.Agent
	for _, name := range list(c.agents) {
		a := &load.Agent{Desk: c.desk, Name: name, Password: c.password, End: c.end}
		agents = append(agents, a)
		group.Go(func() error { return a.Run(ctx) })
	}
	crowd := load.NewCrowd(p)
	group.Go(func() error {
		if err := crowd.Run(ctx); err != nil {
			return err
		}
		fmt.Fprintf(out, "%d messages written\n", crowd.Written()) //nolint:errcheck // for people
		rest(ctx, p.Sandbox, c.settle, agents, crowd.Written())
		cancel()
		return nil
	})
	err := group.Wait()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	for _, a := range agents {
		t := a.Tally()
		fmt.Fprintf(out, "%s: %d accepted, %d answered, %d sent again, %d given up, %d closed, %d breaks\n", //nolint:errcheck // for people
			a.Name, t.Accepted, t.Answered, t.Repeated, t.GivenUp, t.Closed, t.Breaks)
	}
	return errors.Join(err, c.keep(agents))
}

// list is what stands between commas.
func list(names string) []string {
	return strings.FieldsFunc(names, func(r rune) bool { return r == ',' })
}

// keep writes down what the desk acknowledged.
func (c crew) keep(agents []*load.Agent) error {
	if c.replies == "" {
		return nil
	}
	var out bytes.Buffer
	for _, a := range agents {
		if err := check.WriteReplies(&out, a.Acknowledged()); err != nil {
			return err
		}
	}
	return os.WriteFile(c.replies, out.Bytes(), 0o600)
}

// rest waits until everything is answered and every webhook is taken, or
// nothing has moved for the time of settle.
func rest(ctx context.Context, sandbox string, settle time.Duration, agents []*load.Agent, written int64) {
	last, moved := int64(-1), time.Now()
	for time.Since(moved) < settle {
		answered := int64(0)
		for _, a := range agents {
			answered += a.Tally().Answered
		}
		waiting, err := load.Waiting(ctx, sandbox)
		if err == nil && waiting == 0 && (answered >= written || len(agents) == 0) {
			return
		}
		if now := answered - int64(waiting); now != last {
			last, moved = now, time.Now()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func compare(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("parley-load check", flag.ContinueOnError)
	journal := f.String("journal", "http://127.0.0.1:8082/sandbox/journal", "journal of the sandbox, a file or a URL")
	export := f.String("export", "", "export of the transcripts, a file")
	replies := f.String("replies", "", "replies that the desk acknowledged, a file that run wrote; without it none are looked for")
	capacity := f.Int("capacity", 3, "units that an agent can hold")
	slack := f.Duration("slack", 0, "how far clocks of brokers may differ")
	if err := f.Parse(args); err != nil {
		return err
	}
	in := check.Input{Default: int32(*capacity), Slack: *slack}
	err := read(ctx, *journal, func(r io.Reader) (err error) { in.Journal, err = check.ReadJournal(r); return err })
	if err != nil {
		return err
	}
	err = read(ctx, *export, func(r io.Reader) (err error) { in.Export, err = check.ReadExport(r); return err })
	if err != nil {
		return err
	}
	if *replies != "" {
		err = read(ctx, *replies, func(r io.Reader) (err error) { in.Replies, err = check.ReadReplies(r); return err })
		if err != nil {
			return err
		}
	}
	report := check.Compare(in)
	if _, err := report.WriteTo(out); err != nil {
		return err
	}
	if !report.Clean() {
		return fmt.Errorf("%d promises are broken", len(report.Violations))
	}
	return nil
}

// read opens a file or a URL.
func read(ctx context.Context, name string, use func(io.Reader) error) error {
	if !strings.HasPrefix(name, "http://") && !strings.HasPrefix(name, "https://") {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close() //nolint:errcheck // only read from
		return use(file)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, name, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only read from
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", name, resp.Status)
	}
	return use(resp.Body)
}
