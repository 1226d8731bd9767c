package api

import (
	"fmt"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// strictJSON is protobuf's JSON with one rule more than connect's own: a field
// that the request does not have is an error and not a typing mistake that
// goes unnoticed (SK6).
type strictJSON struct{ name string }

// codecs replace connect's own under both names it knows them by.
func codecs() connect.HandlerOption {
	return connect.WithHandlerOptions(
		connect.WithCodec(strictJSON{"json"}), connect.WithCodec(strictJSON{"json; charset=utf-8"}))
}

// Name is the subtype of application/ that selects the codec.
func (c strictJSON) Name() string { return c.name }

// Marshal writes a message.
func (strictJSON) Marshal(m any) ([]byte, error) {
	message, ok := m.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is not a protobuf message", m)
	}
	return protojson.Marshal(message)
}

// Unmarshal reads a message.
func (strictJSON) Unmarshal(data []byte, m any) error {
	message, ok := m.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is not a protobuf message", m)
	}
	if len(data) == 0 {
		return fmt.Errorf("the body is empty; the smallest request is {}")
	}
	return protojson.Unmarshal(data, message)
}
