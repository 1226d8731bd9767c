package scenario_test

import (
	"encoding/json"
	"image/color"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/parley-desk/parley/pkg/files/s3/s3test"
)

// TestFilesInABucket: a house whose files are in an S3-compatible store takes a
// customer's picture and an agent's, shows both from the desk itself, has Meta take
// the agent's, and leaves nothing in the bucket of a customer who wants it so.
func TestFilesInABucket(t *testing.T) {
	bucket := s3test.Open(t)
	t.Setenv("PARLEY_FILES_S3_SECRET_KEY", s3test.SecretKey)
	h, desk, phone := attaching(t, "--files.s3.endpoint", bucket.URL, "--files.s3.region", s3test.Region,
		"--files.s3.bucket", s3test.Name, "--files.s3.access-key", s3test.AccessKey, "--files.s3.prefix", "parley")
	page, _, _ := strings.Cut(pages[0], ":")
	choose(desk, []string{"ours.png"}, plain(t, color.RGBA{R: 200, A: 255}))
	desk.Await("ours at the desk", "document.querySelectorAll('[data-file=done]').length === 1")
	desk.Do(chromedp.Focus(chromedp.CSS("textarea")))
	desk.Enter()
	phone.Await("ours on the telephone", "[...document.querySelectorAll('li.theirs img')].some((e) => e.naturalWidth === 320)")
	desk.Await("ours in the conversation", "document.querySelector('.msg.out .pic.kept img')?.naturalWidth === 320")
	psid := desk.Eval("new URL(document.querySelector('.pic.kept').href).searchParams.get('psid')")
	message, err := json.Marshal(h.post("/sandbox/media?name=large.png", noisy(t)))
	if err != nil {
		t.Fatal(err)
	}
	h.post("/sandbox/customers/"+page+"/"+psid+"/messages", message)
	desk.Await("the customer's picture", "[...document.querySelectorAll('.pic.kept img')].some((e) => e.naturalWidth === 1300)")
	stored := bucket.Objects()
	if len(stored) < 40 {
		t.Fatalf("two pictures, one of 5 MB, are %q", stored)
	}
	for _, name := range stored {
		if !strings.HasPrefix(name, "parley/"+page+"."+psid+".") {
			t.Errorf("an object is called %s", name)
		}
	}
	h.ctl("privacy", "erase-files", page, psid)
	await(t, time.Minute, "an empty bucket", func() bool { return len(bucket.Objects()) == 0 }, h.logs)
	desk.Await("that none is shown", "!document.querySelector('.pic.kept')")
}
