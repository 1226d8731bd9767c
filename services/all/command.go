package all

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

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
	root.AddCommand(doctor(), keyset())
	return root, nil
}

func doctor() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Check what the promises stand on, as parleyctl doctor", DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if code := cli.Main(append([]string{"doctor"}, args...), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()); code != 0 {
				return fmt.Errorf("doctor found something (code %d)", code)
			}
			return nil
		},
	}
}

// Options are the settings of the one-process mode itself.
type Options struct {
	Manifest string   `koanf:"manifest" default:"" help:"Resources to apply at the start when there are none yet."`
	Services []string `koanf:"services" default:"" help:"Stages to run, separated by commas; all when empty."`
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
			w := &welcome{options: *options, out: p.Out, addresses: map[string]string{}, admin: make(chan struct{})}
			p.Heard = w.heard
			p.Started = func() { go w.greet() }
		},
	})
}

// welcome applies the sample resources and says what to open.
type welcome struct {
	options   Options
	out       io.Writer
	mu        sync.Mutex
	addresses map[string]string
	admin     chan struct{} // closed when the admin API listens
}

func (w *welcome) heard(setting string, addr net.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.addresses[setting] = addr.String()
	if setting == "admin.socket" {
		close(w.admin)
	}
}

func (w *welcome) greet() {
	if w.options.Manifest == "" {
		return
	}
	<-w.admin
	if err := w.apply(context.Background()); err != nil {
		fmt.Fprintf(w.out, "\n  %s was not applied: %v\n", w.options.Manifest, err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(w.out, `
  Parley is running, with a sandbox in Meta's place. Not for production.

    Customer's phone   http://%s/phone
    Agent desk         http://%s/        sign in as mila or orlin, password parley-demo
    Webhook            http://%s/webhook/demo
    Control plane      %s    try: bin/parleyctl get queues
    Health, metrics    http://%s/readyz

`, w.addresses["sandbox.listen"], w.addresses["desk.listen"], w.addresses["ingress.listen"],
		w.addresses["admin.socket"], w.addresses["ops.listen"])
}

// apply brings in the manifest unless there are resources already: what an
// administrator has changed since is not changed back by a restart.
func (w *welcome) apply(_ context.Context) error {
	w.mu.Lock()
	server := "unix://" + absolute(w.addresses["admin.socket"])
	w.mu.Unlock()
	run := func(args ...string) (string, error) {
		var out, words strings.Builder
		if code := cli.Main(append(args, "--server", server), strings.NewReader(""), &out, &words); code != 0 {
			return "", fmt.Errorf("%s", strings.TrimSpace(words.String()))
		}
		return out.String(), nil
	}
	there, err := run("get", "channelaccounts", "-o", "name")
	if err != nil || strings.TrimSpace(there) != "" {
		return err
	}
	_, err = run("apply", "-f", w.options.Manifest)
	return err
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
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
