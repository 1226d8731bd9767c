package intake_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"

	"github.com/parley-desk/parley/pkg/mask"
	"github.com/parley-desk/parley/pkg/thread"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	inboundv1 "github.com/parley-desk/parley/proto/gen/parley/inbound/v1"
	"github.com/parley-desk/parley/services/classification/internal/intake"
)

// TestWhatIsHiddenDoesNotReachTheLog (L19): neither the facts nor the state have
// it, and an event that comes again is known for what it was.
func TestWhatIsHiddenDoesNotReachTheLog(t *testing.T) {
	const card = "4111 1111 1111 1111"
	masks := mask.Compile([]*configv1.MaskingRule{{Name: "cards", Preset: configv1.MaskingPreset_MASKING_PRESET_CREDIT_CARD}})
	for name, member := range map[string]string{
		"message":          `"message":{"mid":"m1","text":"my card is ` + card + `"}`,
		"without mid":      `"message":{"text":"my card is ` + card + `"}`,
		"edit":             `"message_edit":{"mid":"m1","text":"it is ` + card + `","num_edit":1}`,
		"title of a link":  `"message":{"mid":"m1","attachments":[{"type":"fallback","title":"` + card + `","payload":{"url":"https://example.com/"}}]}`,
		"unknown event":    `"new_thing":{"said":"` + card + `"}`,
		"from the page":    `"message":{"mid":"m1","is_echo":true,"text":"you wrote ` + card + `"}`,
		"defective sender": `"optin":{"ref":"` + card + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			i := in(inboundv1.Lane_LANE_MESSAGING, item(member))
			i.Masks = masks
			s := thread.New(page, psid)
			facts := file(t, s, i)
			if len(facts) == 0 {
				t.Fatal("nothing was filed")
			}
			for _, f := range facts {
				if text := prototext.Format(f); strings.Contains(text, card) || strings.Contains(text, "1111") {
					t.Errorf("the log has it: %s", text)
				}
			}
			if text := prototext.Format(s); strings.Contains(text, "1111") {
				t.Errorf("the state has it: %s", text)
			}
			if again := intake.Decide(s, i); len(again.Facts) != 0 {
				t.Errorf("sent again it leads to %s", kinds(again.Facts))
			}
		})
	}
}
