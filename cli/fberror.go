package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/parley-desk/parley/pkg/graph"
)

func (a *app) metaErrorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "error CODE[/SUBCODE]",
		Short: "Tell what an error of Meta's does to a message, and how it is mended",
		Long: "Tell what this house makes of an error with which Meta answers a message, and how it is mended. The numbers stand in\n" +
			"the transcript and in the log of outbound. The whole table is in docs/errors.md.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			code, subcode, err := metaNumbers(args[0])
			if err != nil {
				return err
			}
			class, m := graph.Judge(code, subcode)
			a.print("class   %s", class)
			a.print("reason  %s", m.Reason)
			a.print("means   %s", m.Means)
			a.print("do      %s", m.Do)
			a.print("then    %s", m.Then)
			return nil
		},
	}
}

// metaNumbers reads "190" and "190/460". Meta has a code that is negative.
func metaNumbers(text string) (code, subcode int, err error) {
	first, second, both := strings.Cut(text, "/")
	code, err = strconv.Atoi(first)
	if err == nil && both {
		subcode, err = strconv.Atoi(second)
	}
	if err != nil || code == 0 || subcode < 0 {
		return 0, 0, fmt.Errorf("%q is no error of Meta's; write its code, or code and subcode, such as 190/460", text)
	}
	return code, subcode, nil
}
