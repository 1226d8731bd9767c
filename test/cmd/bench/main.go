// Command bench measures the speed goals of the house and writes what it found
// into docs/performance.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"github.com/parley-desk/parley/test/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 2 && args[0] == "plain":
		err = serve(args[1], bench.ServePlain)
	case len(args) == 3 && args[0] == "bare":
		err = serve(args[1], func(l net.Listener) error { return bench.ServeBare(l, args[2]) })
	case len(args) == 3 && args[0] == "answer":
		err = serve(args[1], func(l net.Listener) error { return bench.ServeAnswers(l, args[2]) })
	case len(args) == 4 && args[0] == "loop":
		err = bench.Loop(args[1], args[2], args[3])
	default:
		err = measure(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func serve(addr string, baseline func(net.Listener) error) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return baseline(l)
}

func measure(ctx context.Context) (err error) {
	only := flag.String("only", "", "measure only suites whose name matches this regular expression: ingress, rules, path, sends, photos, pick, skills, life, reload, start, contacts, flood")
	page := flag.String("page", "docs/performance.md", "where the figures of a whole run are written; empty for nowhere")
	flag.Parse()
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	began := time.Now()
	machine, err := bench.Look()
	if err != nil {
		return err
	}
	lab, err := bench.Open(ctx, func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lab.Close()) }()
	lab.Say("%s", machine)
	var found []bench.Finding
	for _, s := range bench.Suites() {
		if !wanted.MatchString(s.Name) {
			continue
		}
		lab.Say("%s", s.Name)
		more, err := s.Measure(ctx, lab)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		found = append(found, more...)
	}
	if *only == "" && *page != "" {
		if err := bench.WritePage(*page, machine, time.Since(began), found); err != nil {
			return err
		}
	}
	return bench.WriteText(os.Stdout, found)
}
