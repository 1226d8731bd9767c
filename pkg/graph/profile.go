package graph

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/parley-desk/parley/pkg/fault"
)

// Profile is what Meta tells of a customer. Every field may be empty: people
// restrict it, and Meta gives some of it only to reviewed apps.
type Profile struct {
	Name     string
	Locale   string   // "bg_BG"
	Timezone *float64 // hours from UTC; nil when unknown
	Picture  string   // signed link that soon dies
}

// Profile looks a customer up, within ctx. It asks for the name, then, in a
// request of its own, for what needs further permissions, because one field
// that is not granted fails a whole request. Without a name it asks who takes
// part in the conversation. It returns what it has; an error only when it has
// nothing and the reason may pass.
func (c *Client) Profile(ctx context.Context, page Page, psid string) (Profile, error) {
	profile, err := c.names(ctx, page, psid)
	if profile.Name == "" && ctx.Err() == nil && settled(err) {
		profile.Name, err = c.participant(ctx, page, psid)
	}
	if err != nil && !settled(err) {
		return Profile{}, err
	}
	var extras struct {
		Locale   string   `json:"locale"`
		Timezone *float64 `json:"timezone"`
	}
	if ctx.Err() == nil && c.read(ctx, page, lookup("profile_extras", psid, "locale,timezone"), &extras) == nil {
		profile.Locale, profile.Timezone = extras.Locale, extras.Timezone
	}
	return profile, nil
}

// settled tells whether asking the same again would give the same.
func settled(err error) bool { return err == nil || !fault.Retryable(err) }

func (c *Client) names(ctx context.Context, page Page, psid string) (Profile, error) {
	var answer struct {
		First   string `json:"first_name"`
		Last    string `json:"last_name"`
		Name    string `json:"name"`
		Picture string `json:"profile_pic"`
	}
	if err := c.read(ctx, page, lookup("profile", psid, "first_name,last_name,name,profile_pic"), &answer); err != nil {
		return Profile{}, err
	}
	name := strings.TrimSpace(answer.Name)
	if name == "" {
		name = strings.TrimSpace(answer.First + " " + answer.Last)
	}
	return Profile{Name: name, Picture: answer.Picture}, nil
}

// participant is the customer's name as the conversation shows it.
func (c *Client) participant(ctx context.Context, page Page, psid string) (string, error) {
	var answer struct {
		Data []struct {
			Participants struct {
				Data []struct {
					ID   string `json:"id"`
					Name string `json:"name"`
				} `json:"data"`
			} `json:"participants"`
		} `json:"data"`
	}
	if err := c.read(ctx, page, conversation("participants", page, psid, "participants"), &answer); err != nil {
		return "", err
	}
	for _, thread := range answer.Data {
		for _, person := range thread.Participants.Data {
			if person.ID == psid {
				return strings.TrimSpace(person.Name), nil
			}
		}
	}
	return "", nil
}

func lookup(operation, psid, fields string) call {
	return call{operation: operation, method: http.MethodGet, path: []string{psid}, query: url.Values{"fields": {fields}}}
}

func conversation(operation string, page Page, psid, fields string) call {
	return call{operation: operation, method: http.MethodGet, path: []string{page.ID, "conversations"},
		query: url.Values{"platform": {"messenger"}, "user_id": {psid}, "fields": {fields}}}
}
