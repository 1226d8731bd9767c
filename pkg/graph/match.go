package graph

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/parley-desk/parley/pkg/secret"
)

// mostMatches is how many pages one answer lists of a person.
const mostMatches = 100

// Customer is a person as a page knows them.
type Customer struct{ Page, PSID string }

// CustomersOf asks Meta as whom pages know a person whom the app knows by an id of
// its own. Meta says it of pages and apps that belong to the same business, and of
// people who signed in with the app.
func (c *Client) CustomersOf(ctx context.Context, app User, person string) ([]Customer, error) {
	var answer struct {
		Data []struct {
			ID   id `json:"id"`
			Page struct {
				ID id `json:"id"`
			} `json:"page"`
		} `json:"data"`
	}
	as := Page{AppSecret: app.AppSecret, Token: secret.NewText(app.AppID + "|" + app.AppSecret.Reveal()), Version: app.Version}
	err := c.read(ctx, as, call{operation: "ids_for_pages", method: http.MethodGet, path: []string{person, "ids_for_pages"},
		query: url.Values{"limit": {strconv.Itoa(mostMatches)}}}, &answer)
	if err != nil {
		return nil, err
	}
	var all []Customer
	for _, d := range answer.Data {
		if d.ID != "" && d.Page.ID != "" {
			all = append(all, Customer{Page: string(d.Page.ID), PSID: string(d.ID)})
		}
	}
	return all, nil
}
