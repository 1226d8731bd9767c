// Package privacy is the notice that an administrator takes note of before
// customers write through Meta (S48), and who has not yet.
package privacy

import (
	"fmt"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Version changes with Text: who acknowledged another one is asked again.
const Version = "2026-11"

// Text is the notice, lines of plain text.
const Text = `Connecting a Facebook page shares data with Meta.

- What customers and agents write, the files they send, customers' names and
  page-scoped ids pass through Meta's servers and are kept there under Meta's
  own terms, whatever is deleted here.
- They leave your organisation's compliance boundary and region, also where the
  organisation or its cloud promises that data stays inside, as government
  clouds do.
- You are responsible for telling customers and agents that conversations are
  recorded and shared, and for their consent where the law asks for it.`

// Acknowledged tells whether somebody took note of the present notice for a.
func Acknowledged(a *configv1.ChannelAccount) bool {
	return a.GetPrivacy().GetAtMs() > 0 && a.GetPrivacy().GetNotice() == Version
}

// Remarks says what is left to do about a, one line, or nothing.
func Remarks(a *configv1.ChannelAccount) []string {
	if Acknowledged(a) {
		return nil
	}
	return []string{fmt.Sprintf("nobody took note of the privacy notice for channel account %[1]s yet; read it and acknowledge it with `parleyctl channel acknowledge-privacy %[1]s`", a.GetMeta().GetId())}
}
