package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/parley-desk/parley/pkg/settings"
	"github.com/parley-desk/parley/pkg/stamp"
)

// Program is a program made of stages.
type Program struct {
	Name   string
	Short  string
	Stages []Stage
	// More are settings of the program itself, by section. May be nil.
	More []settings.Section
	// Adjust may change the settings after they are loaded. May be nil.
	Adjust func(*Process)
	// Run is done with the settings in place of Run of this package, with what the
	// command was given. May be nil.
	Run func(ctx context.Context, p Process, args []string) error
	// Use and Args are of a command that takes more than its name; may be empty.
	Use  string
	Args cobra.PositionalArgs
}

// Command is the command that runs a program until a signal; logs go to its
// error stream. Its subcommand "config" tells the settings, "healthcheck" asks
// the process that runs beside it whether it is ready.
func Command(p Program) (*cobra.Command, error) {
	process := &Process{Name: p.Name, Stages: p.Stages}
	sections := []settings.Section{{Target: &process.Config}}
	for _, s := range p.Stages {
		sections = append(sections, settings.Section{Name: s.Name, Target: s.Config})
	}
	set, err := settings.Define(append(sections, p.More...)...)
	if err != nil {
		return nil, err
	}
	file := ""
	load := func(cmd *cobra.Command) ([]settings.Value, error) {
		return set.Load(settings.Source{File: file, Lookup: os.LookupEnv, Flags: cmd.Flags()})
	}
	cmd := &cobra.Command{
		Use: cmp.Or(p.Use, p.Name), Short: p.Short, Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := load(cmd); err != nil {
				return err
			}
			process.Out = cmd.ErrOrStderr()
			if p.Adjust != nil {
				p.Adjust(process)
			}
			if p.Run != nil {
				return p.Run(cmd.Context(), *process, args)
			}
			return Run(cmd.Context(), *process)
		},
	}
	if p.Args != nil {
		cmd.Args = p.Args
	}
	cmd.PersistentFlags().StringVar(&file, "config", os.Getenv("PARLEY_CONFIG"), "YAML file of settings (PARLEY_CONFIG)")
	set.AddFlags(cmd.PersistentFlags())
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return set.FlagError(err) })
	if p.Run == nil { // it stays, and can be asked
		cmd.AddCommand(configCommand(load), healthcheckCommand(&process.Config.Ops, load))
	}
	return cmd, nil
}

func configCommand(load func(*cobra.Command) ([]settings.Value, error)) *cobra.Command {
	top := &cobra.Command{Use: "config", Short: "Tell or check the settings"}
	top.AddCommand(&cobra.Command{
		Use: "print", Short: "Print every setting in force and where it came from", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			values, err := load(cmd)
			if err != nil {
				return err
			}
			return printSettings(cmd.OutOrStdout(), values)
		},
	}, &cobra.Command{
		Use: "check", Short: "Check the settings and start nothing", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := load(cmd)
			return err
		},
	})
	return top
}

func printSettings(out io.Writer, values []settings.Value) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, v := range values {
		if _, err := fmt.Fprintf(w, "%s\t%s\t%s\n", v.Key, v.Text, v.Origin); err != nil {
			return err
		}
	}
	return w.Flush()
}

// Exit is the error of a command that has said everything already: it ends the
// program with this code.
type Exit int

func (e Exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// Execute runs cmd with the process's arguments until it ends or a signal
// comes, and gives the exit code: 0 when it ended as asked, that of an Exit, 1
// otherwise. The first SIGINT or SIGTERM asks it to end; the second, or the grace
// time, ends the process at once with code 130. A crash leaves no memory on disk.
func Execute(cmd *cobra.Command, exit func(int)) {
	coreless()
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		s := <-signals
		cancel(fmt.Errorf("signal %s", s))
		select {
		case <-signals:
		case <-time.After(lastResort):
		}
		exit(130)
	}()
	err := cmd.ExecuteContext(ctx)
	if code, said := errors.AsType[Exit](err); said {
		exit(int(code))
		return
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %v\n", cmd.Name(), err)
		exit(1)
		return
	}
	exit(0)
}

// lastResort is when a process that was asked to end is cut off, whatever its
// grace setting says.
const lastResort = 60 * time.Second

// Main is a main: it runs one stage as a program of its own.
func Main(short string, stage Stage, exit func(int)) {
	cmd, err := Command(Program{Name: "parley-" + stage.Name, Short: short, Stages: []Stage{stage}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		exit(1)
		return
	}
	Versioned(cmd)
	Execute(cmd, exit)
}

// Versioned gives cmd the flag --version and a subcommand "version" of the same
// answer: which build the program is.
func Versioned(cmd *cobra.Command) {
	cmd.Version = stamp.Read().String()
	cmd.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	cmd.AddCommand(&cobra.Command{
		Use: "version", Short: "Say which build this is", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(c.OutOrStdout(), "%s %s\n", cmd.Name(), cmd.Version)
			return err
		},
	})
}
