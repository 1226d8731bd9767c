package graph

import (
	"context"
	"net/http"

	"github.com/parley-desk/parley/pkg/fault"
)

// PersonaName is how many characters the name of a persona may have ("Personas").
const PersonaName = 50

// CreatePersona makes a name, and a picture if there is a link to one, under
// which messages of the page may go, and gives the id by which they do. Doing it
// again makes another one, of which nobody sees anything.
func (c *Client) CreatePersona(ctx context.Context, page Page, name, picture string) (id string, err error) {
	body := struct {
		Name    string `json:"name"`
		Picture string `json:"profile_picture_url,omitempty"`
	}{name, picture}
	var answer struct {
		ID reference `json:"id"`
	}
	err = c.read(ctx, page, call{operation: "create_persona", method: http.MethodPost, path: []string{page.ID, "personas"}, body: body}, &answer)
	if err == nil && answer.ID == "" {
		err = fault.New(fault.Unavailable, ReasonUnreadable, "Meta gave a persona no id")
	}
	return string(answer.ID), err
}

// DeletePersona takes a persona away; one that is not there is a fault.Precondition or
// fault.NotFound, as Meta words it.
func (c *Client) DeletePersona(ctx context.Context, page Page, id string) error {
	var answer struct{}
	return c.read(ctx, page, call{operation: "delete_persona", method: http.MethodDelete, path: []string{id}}, &answer)
}
