package all

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/parley-desk/parley/cli"
	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/settings"
)

// Command is the parley binary's command: one subcommand a stage, and "all".
func Command() (*cobra.Command, error) {
	root := &cobra.Command{
		Use: "parley", Short: "The Facebook Messenger channel of a contact centre",
		SilenceUsage: true, SilenceErrors: true,
	}
	host.Versioned(root)
	together, err := house()
	if err != nil {
		return nil, err
	}
	root.AddCommand(together)
	for _, stage := range Stages() {
		one, err := host.Command(host.Program{Name: stage.Name, Short: Short(stage.Name), Stages: []host.Stage{stage}})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", stage.Name, err)
		}
		root.AddCommand(one)
	}
	keys, err := keyset()
	if err != nil {
		return nil, err
	}
	copies, err := backups()
	if err != nil {
		return nil, err
	}
	root.AddCommand(asParleyctl("Check what the promises stand on", "doctor"), keys, copies, accesses())
	return root, nil
}

// asParleyctl is a command of parleyctl that is there too.
func asParleyctl(short string, path ...string) *cobra.Command {
	return &cobra.Command{
		Use: path[len(path)-1], Short: short + ", as parleyctl " + strings.Join(path, " "), DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if code := cli.Main(slices.Concat(path, args), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()); code != 0 {
				return host.Exit(code)
			}
			return nil
		},
	}
}

// Options are the settings of the one-process mode itself.
type Options struct {
	Manifest []string `koanf:"manifest" default:"" help:"Files of resources to apply at the start when there are none yet, separated by commas."`
	Services []string `koanf:"services" default:"" help:"Stages to run, separated by commas; all when empty."`
}

// Validate refuses names of stages that there are not.
func (o *Options) Validate() error {
	var known []string
	for _, s := range Stages() {
		known = append(known, s.Name)
	}
	for _, name := range o.Services {
		if !slices.Contains(known, name) {
			return fmt.Errorf("all.services names %q; choose of %s, or leave it empty for all", name, strings.Join(known, ", "))
		}
	}
	return nil
}

func house() (*cobra.Command, error) {
	options := &Options{}
	stages := Stages()
	return host.Command(host.Program{
		Name: "all", Short: "Run every stage in one process", Stages: stages,
		More: []settings.Section{{Name: "all", Target: options}},
		Adjust: func(p *host.Process) {
			if len(options.Services) > 0 {
				p.Stages = slices.DeleteFunc(p.Stages, func(s host.Stage) bool { return !slices.Contains(options.Services, s.Name) })
			}
			w := newWelcome(options.Manifest, p.Out, p.Stages)
			p.Heard = w.heard
			p.Started = func() { go w.greet() }
		},
	})
}

// Main is the main of the parley binary.
func Main(exit func(int)) {
	cmd, err := Command()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		exit(1)
		return
	}
	host.Execute(cmd, exit)
}
