package graph

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

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

// Profile looks a customer up, within ctx. What needs further permissions than
// the name is asked for in a request of its own, because one field that is not
// granted fails a whole request, until the page is known to grant it. Without a
// name it asks who takes part in the conversation. It returns what it has; an
// error only when it has nothing and the reason may pass.
func (c *Client) Profile(ctx context.Context, page Page, psid string) (Profile, error) {
	now := time.Now()
	all := c.extras.granted(page.ID)
	profile, err := c.person(ctx, page, psid, all)
	if all && err != nil && settled(err) {
		all = false
		c.extras.forget(page.ID)
		profile, err = c.person(ctx, page, psid, false)
	}
	named := profile.Name != ""
	if !named && ctx.Err() == nil && settled(err) {
		profile.Name, err = c.participant(ctx, page, psid)
	}
	if err != nil && !settled(err) {
		return Profile{}, err
	}
	if all || ctx.Err() != nil || !c.extras.worthAsking(page.ID, now) {
		return profile, nil
	}
	var extras extras
	err = c.read(ctx, page, lookup("profile_extras", psid, extraFields), &extras)
	switch {
	case err == nil:
		profile.Locale, profile.Timezone = extras.Locale, extras.Timezone
		c.extras.grant(page.ID)
	case named && settled(err): // it is not this person who is not shown
		c.extras.refuse(page.ID, now)
	}
	return profile, nil
}

// settled tells whether asking the same again would give the same.
func settled(err error) bool { return err == nil || !fault.Retryable(err) }

const (
	nameFields  = "first_name,last_name,name,profile_pic"
	extraFields = "locale,timezone"
)

type extras struct {
	Locale   string   `json:"locale"`
	Timezone *float64 `json:"timezone"`
}

func (c *Client) person(ctx context.Context, page Page, psid string, all bool) (Profile, error) {
	fields := nameFields
	if all {
		fields += "," + extraFields
	}
	var answer struct {
		First   string `json:"first_name"`
		Last    string `json:"last_name"`
		Name    string `json:"name"`
		Picture string `json:"profile_pic"`
		extras
	}
	if err := c.read(ctx, page, lookup("profile", psid, fields), &answer); err != nil {
		return Profile{}, err
	}
	name := strings.TrimSpace(answer.Name)
	if name == "" {
		name = strings.TrimSpace(answer.First + " " + answer.Last)
	}
	return Profile{Name: name, Picture: answer.Picture, Locale: answer.Locale, Timezone: answer.Timezone}, nil
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
