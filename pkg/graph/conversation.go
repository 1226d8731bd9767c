package graph

import (
	"context"
	"time"
)

// Recent is a message of a thread as the Conversations API shows it. It has no
// metadata: whether it is ours can only be concluded.
type Recent struct {
	MessageID string
	From      string // page id or PSID
	Text      string
	Created   time.Time // whole seconds of Meta's clock
}

// createdLayout is how the Graph API writes times, "2022-07-12T19:11:07+0000".
const createdLayout = "2006-01-02T15:04:05-0700"

// RecentMessages reads the newest messages of the thread with a customer, at
// most 20, in the order Meta gives. Meta allows a page two such calls a second;
// the caller keeps to that. A message whose time cannot be read is left out.
func (c *Client) RecentMessages(ctx context.Context, page Page, psid string) ([]Recent, error) {
	var answer struct {
		Data []struct {
			Messages struct {
				Data []struct {
					ID      string `json:"id"`
					Created string `json:"created_time"`
					Message string `json:"message"`
					From    struct {
						ID string `json:"id"`
					} `json:"from"`
				} `json:"data"`
			} `json:"messages"`
		} `json:"data"`
	}
	fields := "messages.limit(20){id,created_time,from,message}"
	if err := c.read(ctx, page, conversation("recent_messages", page, psid, fields), &answer); err != nil {
		return nil, err
	}
	var recent []Recent
	for _, thread := range answer.Data {
		for _, m := range thread.Messages.Data {
			created, err := time.Parse(createdLayout, m.Created)
			if err != nil {
				continue
			}
			recent = append(recent, Recent{MessageID: m.ID, From: m.From.ID, Text: m.Message, Created: created})
		}
	}
	return recent, nil
}
