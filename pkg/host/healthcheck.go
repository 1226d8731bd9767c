package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/parley-desk/parley/pkg/settings"
)

// healthcheckTime is how long the whole question may take; a container's
// engine asks again soon.
const healthcheckTime = 2 * time.Second

// healthcheckCommand asks the process of the same settings, from beside it,
// whether it is ready: images hold no shell and no client to do it otherwise.
func healthcheckCommand(ops *OpsConfig, load func(*cobra.Command) ([]settings.Value, error)) *cobra.Command {
	return &cobra.Command{
		Use: "healthcheck", Short: "Ask the running process whether it is ready; exit code 1 when not", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := load(cmd); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), healthcheckTime)
			defer cancel()
			return askReady(ctx, ops.Listen)
		},
	}
}

// askReady asks the probe at a listen address, which may name no host.
func askReady(ctx context.Context, listen string) error {
	if listen == "" {
		return errors.New("ops.listen is empty, so the process serves no probes; set it")
	}
	at, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("ops.listen is %q, which is not host:port", listen)
	}
	if ip := net.ParseIP(at); at == "" || ip != nil && ip.IsUnspecified() {
		at = "localhost"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(at, port)+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("no answer from the probes at %s", listen)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: the probe answers %s", resp.Status)
	}
	return nil
}
