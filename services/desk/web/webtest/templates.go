package webtest

import (
	"context"

	"connectrpc.com/connect"

	"github.com/parley-desk/parley/pkg/slug"
	deskv1 "github.com/parley-desk/parley/proto/gen/parley/desk/v1"
	threadv1 "github.com/parley-desk/parley/proto/gen/parley/thread/v1"
)

// Approve gives the page utility templates.
func (h *House) Approve(all ...*deskv1.ReadyTemplate) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.templates = all
}

// ListTemplates tells them.
func (d desk) ListTemplates(context.Context, *connect.Request[deskv1.ListTemplatesRequest]) (*connect.Response[deskv1.ListTemplatesResponse], error) {
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	return connect.NewResponse(&deskv1.ListTemplatesResponse{Templates: d.h.templates}), nil
}

// filled is the text of a utility template.
func (h *House) filled(t *threadv1.UtilityTemplate) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, one := range h.templates {
		if one.GetName() != t.GetName() || one.GetLanguage() != t.GetLanguage() {
			continue
		}
		values := slug.Values{}
		for i, p := range t.GetParameters() {
			values[one.GetBlanks()[i]] = p.GetText()
		}
		return slug.FillBlanks(one.GetText(), values)
	}
	return ""
}
