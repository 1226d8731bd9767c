package cli

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/parley-desk/parley/pkg/manifest"
	"github.com/parley-desk/parley/pkg/stamp"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

func (a *app) exportCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "export", Short: "Write out configuration or transcripts"}
	cmd.AddCommand(a.exportConfigCommand(), a.exportTranscriptCommand())
	return cmd
}

func (a *app) exportConfigCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "Write all resources as a manifest; secrets are left out, so applying it keeps them",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				var every []manifest.Resource
				for _, k := range kinds() {
					list, err := k.list(ctx, s)
					if err != nil {
						return err
					}
					every = append(every, list...)
				}
				return manifest.Write(a.out, manifest.Omit, every...)
			})
		},
	}
}

func (a *app) exportTranscriptCommand() *cobra.Command {
	var ndjson bool
	var page, psid string
	cmd := &cobra.Command{
		Use:   "transcript --ndjson",
		Short: "Write whole threads, one commit a line; --timeout does not bound it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !ndjson {
				return errors.New("transcripts come as one JSON object a line; say --ndjson")
			}
			s, err := a.link.open()
			if err != nil {
				return err
			}
			defer s.Close()
			stream, err := s.operate.ExportTranscript(cmd.Context(), &adminv1.ExportTranscriptRequest{Page: page, Psid: psid})
			if err != nil {
				return err
			}
			commits := 0
			for ; ; commits++ {
				c, err := stream.Recv()
				if errors.Is(err, io.EOF) {
					a.say("%d commits", commits)
					return nil
				}
				if err != nil {
					return err
				}
				line, err := jsonOf(c)
				if err != nil {
					return err
				}
				a.print("%s", line)
			}
		},
	}
	cmd.Flags().BoolVar(&ndjson, "ndjson", false, "one JSON object a line")
	cmd.Flags().StringVar(&page, "page", "", "only this page id of Meta")
	cmd.Flags().StringVar(&psid, "psid", "", "only this customer of the page")
	return cmd
}

func (a *app) doctorCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check what the promises stand on; exit code 0 when all can be kept (warnings may be), 1 when one cannot, 4 when no control plane answers",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withServer(cmd.Context(), func(ctx context.Context, s *server) error {
				resp, err := s.operate.Doctor(ctx, &adminv1.DoctorRequest{})
				if err != nil {
					return err
				}
				failed := 0
				rows := [][]string{{"STATUS", "CHECK", "SEEN"}}
				for _, c := range resp.GetChecks() {
					rows = append(rows, []string{checkWord(c.GetStatus()), c.GetName(), c.GetDetail()})
					if c.GetStatus() != adminv1.CheckStatus_CHECK_STATUS_OK {
						a.say("%s: %s", c.GetName(), c.GetRemedy())
					}
					if c.GetStatus() == adminv1.CheckStatus_CHECK_STATUS_FAILED {
						failed++
					}
				}
				if err := a.show(format, resp, rows); err != nil || failed == 0 {
					return err
				}
				a.say("%d of %d checks failed", failed, len(resp.GetChecks()))
				return errTold
			})
		},
	}
	formatFlag(cmd, &format)
	return cmd
}

func checkWord(s adminv1.CheckStatus) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "CHECK_STATUS_"))
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which build this is",
		Args:  cobra.NoArgs,
		Run:   func(*cobra.Command, []string) { a.print("parleyctl %s", stamp.Read()) },
	}
}
