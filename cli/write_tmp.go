package cli

import (
	"encoding/json"

	"google.golang.org/protobuf/proto"
)

func (a *app) write(format string, m proto.Message) error {
	line, err := jsonOf(m)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	return enc.Encode(json.RawMessage(line))
}
