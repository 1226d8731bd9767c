package intake_test

import (
	"testing"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
	"github.com/parley-desk/parley/services/classification/internal/intake"
)

// TestFilesThatThePageDoesNotTake (S47, L7): their links do not reach the log;
// everything that is no file does as ever.
func TestFilesThatThePageDoesNotTake(t *testing.T) {
	on := directory.FilePolicy{On: true, Types: directory.FileTypes(), Bytes: 5 << 20}
	for _, c := range []struct {
		name, kind, url string
		policy          directory.FilePolicy
		refused         string
	}{
		{"image, off", "image", "https://scontent.xx.fbcdn.net/v/a.jpg?oe=1", directory.FilePolicy{}, "OFF"},
		{"sticker, off", "sticker", "https://scontent.xx.fbcdn.net/v/a.png", directory.FilePolicy{}, "OFF"},
		{"link, off", "fallback", "https://example.com/a.exe", directory.FilePolicy{}, ""},
		{"image", "image", "https://scontent.xx.fbcdn.net/v/a.JPG?oe=1", on, ""},
		{"jpeg for jpg", "image", "https://cdn.fbsbx.com/a.jpeg", directory.FilePolicy{On: true, Types: []string{"jpg"}}, ""},
		{"no name", "image", "https://cdn.fbsbx.com/a/?asset_id=1", on, ""},
		{"program", "file", "https://cdn.fbsbx.com/v/x/Report.EXE?oh=1", on, "TYPE_NOT_ALLOWED"},
		{"page", "file", "https://cdn.fbsbx.com/v/x/a.html", on, "TYPE_NOT_ALLOWED"},
		{"only pdf", "image", "https://cdn.fbsbx.com/v/x/a.png", directory.FilePolicy{On: true, Types: []string{"pdf"}}, "TYPE_NOT_ALLOWED"},
	} {
		i := input(item(`"message":{"mid":"m","attachments":[{"type":"` + c.kind + `","payload":{"url":"` + c.url + `"}}]}`))
		i.Files = c.policy
		s := thread.New(page, psid)
		got := file(t, s, i)[0].GetMessageReceived().GetAttachments()[0]
		link := c.url
		if c.refused != "" {
			link = ""
		}
		if got.GetRefused() != c.refused || got.GetUrl() != link {
			t.Errorf("%s: refused %q, link %q", c.name, got.GetRefused(), got.GetUrl())
		}
		if waits := len(s.GetFiles()) > 0; waits != (c.refused == "" && c.kind != "fallback") {
			t.Errorf("%s: waits to be copied: %v", c.name, waits)
		}
		if again := intake.Decide(s, i); len(again.Facts) != 0 {
			t.Errorf("%s: sent again it leads to %s", c.name, kinds(again.Facts))
		}
	}
}
