package intake_test

import (
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/thread"
)

// TestCorpusFiles: what recorded attachments come to where customers may send
// files. A sticker that came with its picture is one.
func TestCorpusFiles(t *testing.T) {
	bodies := recorded(t)
	for name, want := range map[string]string{
		"wh-message-attachment-image":                   "image file",
		"wh-message-attachment-fallback-string-payload": "fallback link",
		"wh-message-sticker":                            "sticker file",
		"wh-message-product-template":                   "template",
		"wh-courier-location":                           "location",
		"wh-courier-thumbs-up":                          "sticker file",
		"ev-attachment-image":                           "image file",
		"ev-attachment-audio":                           "audio file",
		"ev-attachment-location":                        "location link",
		"ev-attachment-sticker":                         "sticker file",
		"ev-attachment-fallback-null-payload":           "fallback link",
		"wh-m4j-mixed-attachments":                      "image file, fallback link, location",
		"ev-chatwoot-reel":                              "reel link",
		"ev-chatwoot-sticker-image-then-sticker":        "sticker file",
		"ev-chatwoot-share":                             "share link",
		"ev-airy-fallback-attachment-unavailable":       "fallback",
		"doc-appointment-booking":                       "appointment_booking",
		"doc-sticker-transition":                        "sticker file",
	} {
		inputs, known := bodies[name]
		if !known {
			t.Errorf("%s is not in the corpus", name)
			continue
		}
		var got []string
		s := thread.New(page, psid)
		for _, i := range inputs {
			i.Files = directory.FilePolicy{On: true, Types: directory.FileTypes(), Bytes: 5 << 20}
			for _, fact := range file(t, s, i) {
				for _, a := range fact.GetMessageReceived().GetAttachments() {
					word := a.GetType()
					switch {
					case thread.Wanted(a):
						word += " file"
					case a.GetRefused() != "":
						word += " " + a.GetRefused()
					case a.GetUrl() != "":
						word += " link"
					}
					got = append(got, word)
				}
			}
		}
		if have := strings.Join(got, ", "); have != want {
			t.Errorf("%s: %s, want %s", name, have, want)
		}
	}
}
