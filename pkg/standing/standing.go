// Package standing tells everybody but admin whether a page's token works:
// outbound, which holds back what a dead token cannot send, and desk, which
// tells agents that their replies wait.
//
// Two speak of a token in the bucket PROVISION: outbound of what Meta said when
// a message was sent with it (TokenUsed), admin of what its checks came to
// (Standing). Admin checks anew whenever outbound said something, and names what
// it had heard by then, so that the newer word is known without comparing
// clocks. Every word is about one set-up of the page; a new token is another
// set-up, of which nothing is known yet.
package standing

import (
	"strings"

	"github.com/parley-desk/parley/pkg/directory"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
)

// Standing is whether a page's token works.
type Standing int

// The standings.
const (
	// Works: nothing says that it does not.
	Works Standing = iota
	// Doubtful: the page was disconnected and nobody knows yet whether its new
	// set-up works; or the checks find nothing, and Meta refused a message.
	Doubtful
	// Dead: nothing can be sent.
	Dead
)

// Of gives the standing of a page with the set-up basis, by the last words about
// it; nil: there was none.
func Of(basis string, used *provisionv1.TokenUsed, checked *provisionv1.Standing) Standing {
	refused := used.GetCode() != 0
	tried, judged := used != nil && used.GetBasis() == basis, checked != nil && checked.GetBasis() == basis
	switch {
	case tried && (!judged || checked.GetHeardMs() != used.GetAtMs()): // the checks know nothing of it yet
		if refused {
			return Dead
		}
		return Works
	case judged && checked.GetDisconnected():
		return Dead
	case judged && !(tried && refused), !refused && !checked.GetDisconnected():
		return Works
	}
	return Doubtful
}

// Basis names the set-up of a page by what Meta's answers depend on: ids, and
// fingerprints of secrets. About gives its beginning.
func Basis(world *directory.Snapshot, page *configv1.Page) string {
	account := world.Accounts[page.GetAccount()]
	return strings.Join([]string{page.GetPageId(), account.GetAppId(), page.GetAccount(), account.GetGraphVersion(),
		account.GetAppSecret().GetFingerprint(), page.GetAccessToken().GetFingerprint()}, " ")
}

// About is the part of a basis that names page and app at Meta: what was heard
// of them outlives everything else.
func About(basis string) string {
	if parts := strings.SplitN(basis, " ", 3); len(parts) > 1 {
		return parts[0] + " " + parts[1]
	}
	return basis
}
