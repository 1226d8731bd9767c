package graphapi

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-desk/parley/services/sandbox/internal/world"
)

const (
	// newest is how many messages of a conversation Meta still shows.
	newest = 20
	// listed is how many conversations Meta lists when it is not told.
	listed = 25
	// mostListed is how many it lists at most.
	mostListed = 100
)

// conversations is GET /{page}/conversations: one person's thread when user_id
// is given, else every thread, newest first, a page of them at a time.
func (a *API) conversations(c *call) {
	query := c.fields.query
	user := query.Get("user_id")
	if a.scripted(c, "conversations", user) {
		return
	}
	limit, err := strconv.Atoi(cmp.Or(query.Get("limit"), strconv.Itoa(listed)))
	from, known := place(query.Get("after"))
	if err != nil || limit < 1 || !known {
		refuse(c.w, badRequest("Invalid cursor or limit"))
		return
	}
	data, last, more := []any{}, spot{}, false
	a.world.View(func(s *world.State) {
		threads := threads(s, c.page.ID, user)
		for _, t := range threads {
			at := spot{lastMS(s.People[t]), t.PSID}
			if query.Has("after") && !from.before(at) {
				continue
			}
			if more = len(data) == min(limit, mostListed); more {
				return
			}
			last = at
			data = append(data, a.conversation(c, t.PSID, s.People[t]))
		}
	})
	body := map[string]any{"data": data}
	if len(data) > 0 {
		paging := map[string]any{"cursors": map[string]any{"after": last.cursor()}}
		if more {
			query.Set("after", last.cursor())
			paging["next"] = "https://graph.facebook.com" + c.r.URL.Path + "?" + public(query).Encode()
		}
		body["paging"] = paging
	}
	answer(c.w, http.StatusOK, body)
}

// threads are the threads of a page, or of one person on it, the one that was
// written in last first.
func threads(s *world.State, page, user string) []world.Thread {
	var out []world.Thread
	for t, p := range s.People {
		if t.Page == page && (user == "" || t.PSID == user) && len(p.Messages) > 0 {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(x, y world.Thread) int {
		return cmp.Or(cmp.Compare(lastMS(s.People[y]), lastMS(s.People[x])), cmp.Compare(x.PSID, y.PSID))
	})
	return out
}

// public is a query without what must not be shown again.
func public(query url.Values) url.Values {
	query.Del("access_token")
	query.Del("appsecret_proof")
	return query
}

// spot is a place in the list of conversations: behind the one that was written
// in last then.
type spot struct {
	ms   int64
	psid string
}

// before tells whether other comes behind the spot.
func (s spot) before(other spot) bool {
	return other.ms < s.ms || other.ms == s.ms && other.psid > s.psid
}

func (s spot) cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(s.ms, 10) + " " + s.psid))
}

// place reads a cursor; an empty one is the beginning.
func place(cursor string) (spot, bool) {
	if cursor == "" {
		return spot{}, true
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	at, psid, ok := strings.Cut(string(raw), " ")
	ms, wrong := strconv.ParseInt(at, 10, 64)
	return spot{ms, psid}, err == nil && ok && wrong == nil
}

func lastMS(p *world.Person) int64 { return p.Messages[len(p.Messages)-1].SentMS }

var messageLimit = regexp.MustCompile(`messages\.limit\((\d+)\)`)

// conversation is a thread as the Conversations API tells it: newest message
// first, without metadata, the newest few alone.
func (a *API) conversation(c *call, psid string, p *world.Person) map[string]any {
	limit := newest
	if m := messageLimit.FindStringSubmatch(c.fields.query.Get("fields")); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			limit = min(n, newest)
		}
	}
	messages := []any{}
	for _, m := range slices.Backward(p.Messages) {
		if len(messages) == limit {
			break
		}
		messages = append(messages, a.view(c.page, psid, p.Name, m))
	}
	return map[string]any{
		"id":           "t_" + psid,
		"updated_time": time.UnixMilli(lastMS(p)).UTC().Format(graphTime),
		"participants": map[string]any{"data": []any{
			map[string]any{"id": psid, "name": p.Name, "email": psid + "@facebook.com"},
			map[string]any{"id": c.page.ID, "name": c.page.Name, "email": c.page.ID + "@facebook.com"},
		}},
		"messages": map[string]any{"data": messages},
	}
}

// view is a message as the Conversations API shows it; a pressed button looks
// like a message.
func (a *API) view(page *world.Page, psid, name string, m world.Message) map[string]any {
	customer := map[string]any{"id": psid, "name": name, "email": psid + "@facebook.com"}
	owner := map[string]any{"id": page.ID, "name": page.Name, "email": page.ID + "@facebook.com"}
	from, to := customer, owner
	if m.FromPage {
		from, to = owner, customer
	}
	out := map[string]any{"id": m.MID, "created_time": time.UnixMilli(m.SentMS).UTC().Format(graphTime),
		"from": from, "to": map[string]any{"data": []any{to}}, "message": m.Text}
	switch m.Attachment {
	case "", "postback", "location":
	case "sticker":
		out["sticker"] = a.set.Media + "/thumb.png"
	default:
		out["attachments"] = map[string]any{"data": []any{medium(m.Attachment, cmp.Or(m.URL, a.set.Media+"/photo.png"))}}
	}
	return out
}

// medium is a file of a message, under the names that Meta has for each kind.
func medium(kind, link string) map[string]any {
	out := map[string]any{"id": "10", "name": "photo.png", "size": 1024}
	switch kind {
	case "image":
		out["mime_type"] = "image/png"
		out["image_data"] = map[string]any{"width": 64, "height": 64, "url": link, "preview_url": link}
	case "video":
		out["mime_type"] = "video/mp4"
		out["video_data"] = map[string]any{"width": 64, "height": 64, "url": link, "preview_url": link}
	case "audio":
		out["mime_type"], out["file_url"] = "audio/mpeg", link
	default:
		out["mime_type"], out["file_url"] = "application/octet-stream", link
	}
	return out
}
