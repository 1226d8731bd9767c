// Package cli is parleyctl: it applies manifests to a house, reads them back,
// and reads the house out. What was asked for goes to standard output, words
// about it to standard error.
//
// Exit codes: 0 done; 1 found something to tell apart (diff differs, a check of
// doctor failed, a page does not run, no such resource), or the server failed; 2 the command or its
// input is wrong; 3 not allowed; 4 the server cannot be reached or is too slow;
// 5 somebody else changed the resource.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/parley-desk/parley/pkg/manifest"
	"github.com/parley-desk/parley/pkg/stamp"
)

// Exit codes.
const (
	exitDone        = 0
	exitTold        = 1
	exitUsage       = 2
	exitDenied      = 3
	exitUnreachable = 4
	exitConflict    = 5
)

// told ends a command with exit code 1 after everything has been said.
var errTold = errors.New("told")

// app is one run of parleyctl.
type app struct {
	in       io.Reader
	out, err io.Writer
	env      manifest.Environment
	link     link
	timeout  time.Duration
}

// Main runs parleyctl with these arguments, without the program's name, and
// gives the exit code. It reads environment variables and files, and nothing
// else that is not in its parameters.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{in: stdin, out: stdout, err: stderr,
		env: manifest.Environment{Lookup: os.LookupEnv, ReadFile: os.ReadFile, Stat: os.Stat}}
	a.env.Warn = func(text string) { a.say("warning: %s", text) }
	root := a.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return a.exit(root.ExecuteContext(context.Background()))
}

// Command is the tree of commands, for whoever describes it; Main runs it.
func Command() *cobra.Command {
	a := &app{env: manifest.Environment{Lookup: func(string) (string, bool) { return "", false }}}
	return a.root()
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "parleyctl",
		Short:         "Set up and read out a Parley house",
		Long:          "parleyctl applies manifests to a Parley house, reads them back, and reads the house out.",
		Version:       stamp.Read().String(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	a.link.flags(root.PersistentFlags(), a.env)
	root.PersistentFlags().DurationVar(&a.timeout, "timeout", 30*time.Second, "how long to wait for the server")
	root.AddCommand(a.applyCommand(), a.diffCommand(), a.getCommand(), a.copyCommand(), a.deleteCommand(),
		a.historyCommand(), a.rollbackCommand(), a.auditCommand(), a.backupCommand(), a.exportCommand(), a.rulesCommand(), a.maskCommand(), a.whyCommand(), a.scheduleCommand(), a.queueCommand(), a.sessionCommand(), a.clientCommand(), a.loginCommand(), a.logoutCommand(), a.channelCommand(), a.tokenCommand(), a.keysCommand(), a.personsCommand(), a.contactCommand(), a.surveyCommand(), a.crmCommand(), a.facebookCommand(), a.doctorCommand(), a.deadLetterCommand(), a.lagCommand(), a.versionCommand())
	return root
}

// exit says what went wrong and gives the exit code.
func (a *app) exit(err error) int {
	if err == nil {
		return exitDone
	}
	if errors.Is(err, errTold) {
		return exitTold
	}
	code, text := explain(err, a.link.server)
	a.say("error: %s", text)
	return code
}

// say writes a line of words.
func (a *app) say(format string, args ...any) { _, _ = fmt.Fprintf(a.err, format+"\n", args...) }

// print writes a line of data.
func (a *app) print(format string, args ...any) { _, _ = fmt.Fprintf(a.out, format+"\n", args...) }
