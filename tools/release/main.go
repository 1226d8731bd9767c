// Command release makes what is handed out: binaries that anybody builds to the
// same bytes from the same commit, for each a bill of materials, the sums of all
// of it, and a signature of the sums that OpenSSL reads.
//
//	release build  -out DIR -version V [-key PRIVATE.pem] [-platforms linux/amd64,...]
//	release verify -key PUBLIC.pem DIR     is everything there what was signed?
//	release again  DIR                     do these sources give the same bytes?
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

const usage = "say build, verify or again; each has -h"

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	flags := flag.NewFlagSet("release "+args[0], flag.ContinueOnError)
	root := flags.String("root", ".", "where the repository begins")
	switch args[0] {
	case "build":
		plan := plan{programs: programs}
		out := flags.String("out", "", "folder that gets it; it must be empty, or not there")
		version := flags.String("version", "", "what the binaries say of themselves")
		key := flags.String("key", "", "private Ed25519 key, PKCS #8 in PEM, as `openssl genpkey -algorithm ed25519` gives; without it nothing is signed")
		platforms := flags.String("platforms", "linux/amd64,linux/arm64,darwin/arm64", "what to build for, by commas")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		plan.root, plan.version, plan.platforms = *root, *version, strings.Split(*platforms, ",")
		return compose(ctx, plan, *out, *key)
	case "verify":
		key := flags.String("key", "", "public key of whoever released it, in PEM")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return verify(flags.Arg(0), *key)
	case "again":
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return again(ctx, plan{root: *root, programs: programs}, flags.Arg(0))
	}
	return fmt.Errorf("%q is nothing it does; %s", args[0], usage)
}
