package requests

import (
	"context"
	"io"

	"google.golang.org/grpc"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

// pieceSize is how much of a file one message of an export carries.
const pieceSize = 64 << 10

// GetRetention tells how far back conversations go.
func (s *Service) GetRetention(ctx context.Context, _ *adminv1.GetRetentionRequest) (*adminv1.GetRetentionResponse, error) {
	r, err := s.Book.Retention(ctx)
	return &adminv1.GetRetentionResponse{Retention: r}, err
}

// ExportPerson gives out everything about a person that Erase would take away.
func (s *Service) ExportPerson(req *adminv1.ExportPersonRequest, to grpc.ServerStreamingServer[adminv1.ExportPersonResponse]) error {
	ctx := to.Context()
	e, _, err := s.target(ctx, req.GetPerson())
	if err != nil {
		return err
	}
	w := s.Takeout
	out := &pieces{to: to}
	w.File = out.begin
	if err := w.Write(ctx, e); err != nil {
		return err
	}
	return out.end()
}

// pieces sends files piece by piece.
type pieces struct {
	to   grpc.ServerStreamingServer[adminv1.ExportPersonResponse]
	next *adminv1.ExportPersonResponse // not sent yet
	err  error
}

// begin begins the next file. One that is empty is sent too.
func (p *pieces) begin(name string) io.Writer {
	p.send()
	p.next = &adminv1.ExportPersonResponse{File: name}
	return p
}

// Write implements io.Writer.
func (p *pieces) Write(data []byte) (n int, _ error) {
	for n < len(data) && p.err == nil {
		if p.next == nil {
			p.next = &adminv1.ExportPersonResponse{}
		}
		room := min(pieceSize-len(p.next.GetData()), len(data)-n)
		p.next.Data = append(p.next.Data, data[n:n+room]...)
		if n += room; len(p.next.GetData()) == pieceSize {
			p.send()
		}
	}
	return n, p.err
}

func (p *pieces) send() {
	if p.next != nil && p.err == nil {
		p.err = p.to.Send(p.next)
	}
	p.next = nil
}

func (p *pieces) end() error {
	p.send()
	return p.err
}
