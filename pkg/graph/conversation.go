package graph

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
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

// TimeLayout is how the Graph API writes times, "2022-07-12T19:11:07+0000".
const TimeLayout = "2006-01-02T15:04:05-0700"

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
			created, err := time.Parse(TimeLayout, m.Created)
			if err != nil {
				continue
			}
			recent = append(recent, Recent{MessageID: m.ID, From: m.From.ID, Text: m.Message, Created: created})
		}
	}
	return recent, nil
}

// Conversation is a thread of a page as the Conversations API lists it.
type Conversation struct {
	PSID     string    // of the customer; empty when Meta names none
	Updated  time.Time // when somebody wrote in it last
	Messages []Shown   // the newest, at most Newest, newest first
}

// Shown is a message in a Conversation.
type Shown struct {
	MessageID string
	Created   time.Time       // whole seconds of Meta's clock; zero when it cannot be read
	Raw       json.RawMessage // everything that Meta shows of it
}

// Newest is how many messages of a conversation Meta shows; of older ones it
// says that they are deleted.
const Newest = 20

// Conversations lists the threads of a page, the one that was written in last
// first, limit of them; after is where the list before ended, empty for the
// beginning. next is where this one ended, empty when nothing comes behind.
// Meta allows a page two such calls a second; the caller keeps to that.
//
// An answer that is too long to be read is fault.Unavailable with
// ReasonUnreadable; ask for fewer.
func (c *Client) Conversations(ctx context.Context, page Page, after string, limit int) (list []Conversation, next string, err error) {
	return c.conversations(ctx, page, after, limit, ",messages.limit("+strconv.Itoa(Newest)+
		"){id,created_time,from,to,message,attachments,sticker,shares,reply_to}")
}

// BareConversation is Conversations for one thread without its messages: it
// tells what stands behind one whose messages Meta does not let be read.
func (c *Client) BareConversation(ctx context.Context, page Page, after string) (list []Conversation, next string, err error) {
	return c.conversations(ctx, page, after, 1, "")
}

func (c *Client) conversations(ctx context.Context, page Page, after string, limit int, messages string) (list []Conversation, next string, err error) {
	var answer struct {
		Data []struct {
			Updated      string `json:"updated_time"`
			Participants struct {
				Data []struct {
					ID id `json:"id"`
				} `json:"data"`
			} `json:"participants"`
			Messages struct {
				Data []json.RawMessage `json:"data"`
			} `json:"messages"`
		} `json:"data"`
		Paging struct {
			Cursors struct {
				After string `json:"after"`
			} `json:"cursors"`
			Next string `json:"next"`
		} `json:"paging"`
	}
	query := url.Values{"platform": {"messenger"}, "limit": {strconv.Itoa(limit)}, "fields": {"updated_time,participants" + messages}}
	if after != "" {
		query.Set("after", after)
	}
	if err := c.read(ctx, page, call{operation: "conversations", method: http.MethodGet, path: []string{page.ID, "conversations"}, query: query}, &answer); err != nil {
		return nil, "", err
	}
	for _, thread := range answer.Data {
		one := Conversation{}
		one.Updated, _ = time.Parse(TimeLayout, thread.Updated)
		for _, p := range thread.Participants.Data {
			if string(p.ID) != page.ID {
				one.PSID = string(p.ID)
			}
		}
		for _, raw := range thread.Messages.Data {
			one.Messages = append(one.Messages, shown(raw))
		}
		list = append(list, one)
	}
	if answer.Paging.Next != "" {
		next = answer.Paging.Cursors.After
	}
	return list, next, nil
}

// shown reads the two fields of a message by which it is placed.
func shown(raw json.RawMessage) Shown {
	var m struct {
		ID      string `json:"id"`
		Created string `json:"created_time"`
	}
	_ = json.Unmarshal(raw, &m) // a message without them is passed over by the caller
	created, _ := time.Parse(TimeLayout, m.Created)
	return Shown{MessageID: m.ID, Created: created, Raw: raw}
}
