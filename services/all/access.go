package all

import (
	"errors"
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"github.com/parley-desk/parley/pkg/access"
)

// accesses makes the users that the services have at the brokers and in Redis, and
// the certificates of all of them.
func accesses() *cobra.Command {
	top := &cobra.Command{Use: "access", Short: "Make the users and certificates of the services, the brokers and Redis"}
	plan := access.Plan{}
	var hosts []string
	create := &cobra.Command{
		Use: "create DIR", Short: "Make a key and a certificate for every service, and the users of the brokers and of Redis; keys that are there stay as they are", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if plan.Partitions < 1 || plan.Partitions > 256 {
				return fmt.Errorf("--partitions is %d; it must be 1 to 256, as many as the house has", plan.Partitions)
			}
			if len(plan.Callers) > 0 && !plan.Certificates {
				return errors.New("--callers names who gets a certificate; leave --certificates=false away")
			}
			plan.Dir, plan.Brokers = args[0], nil
			for _, host := range hosts {
				if _, _, err := net.SplitHostPort(host); err != nil {
					host = net.JoinHostPort(host, "6222")
				}
				plan.Brokers = append(plan.Brokers, host)
			}
			written, err := access.Create(plan)
			for _, name := range written {
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), name); err != nil {
					return err
				}
			}
			if err == nil && len(written) == 0 {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), "Everything is there.")
			}
			return err
		},
	}
	create.Flags().IntVar(&plan.Partitions, "partitions", 16, "partitions of the house")
	create.Flags().StringVar(&plan.Group, "group", "main", "distribution.group of the house")
	create.Flags().StringSliceVar(&hosts, "hosts", nil, "brokers of a cluster, host or host:port of their routes, separated by commas; none for one alone")
	create.Flags().BoolVar(&plan.Certificates, "certificates", true, "make an authority of the house and certificates, for TLS; those with less than a third of their time left are made anew")
	create.Flags().StringSliceVar(&plan.Redis, "redis", []string{"redis"}, "hosts of Redis, for its certificate, separated by commas")
	create.Flags().StringSliceVar(&plan.Collectors, "collector", []string{"otel-collector"}, "hosts of the collector of traces, for its certificate, separated by commas")
	create.Flags().StringSliceVar(&plan.Callers, "callers", nil, "people and programs who call the admin API over the network, separated by commas: a certificate for each, for parleyctl")
	create.Flags().BoolVar(&plan.Renew, "renew", false, "make all certificates anew, for the same keys and by the same authority")
	top.AddCommand(create)
	return top
}
