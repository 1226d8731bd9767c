package provision

import (
	"fmt"

	provisionv1 "github.com/parley-desk/parley/proto/gen/parley/provision/v1"
)

// Types of the tokens that pages are listed with.
const (
	userToken   = "USER"        // of persons
	systemToken = "SYSTEM_USER" // of a business's system users, which stand for servers
)

// Shortlived tells whether a token is one that Meta exchanges for a long-lived
// one, as a person's is. That of a system user is issued to last.
func Shortlived(t *provisionv1.Token) bool { return t.GetType() == userToken }

// Person says why a token is none with which a person, or a system user, may
// fetch the tokens of an account's pages, by what Meta answered about it, and
// what to do; found is empty when it is one. It is asked when Meta answered, and
// knows the app.
func Person(account, appID string, a Answer, t *provisionv1.Token, nowMS int64) (found, remedy string) {
	anew := "make a user token with app " + appID + ", as somebody who administers the pages"
	switch {
	case a.refused() || t.GetValid() && t.GetAppId() != appID:
		return "the token belongs to another app than account " + account, anew
	case !t.GetValid():
		return fmt.Sprintf("Meta does not take the token (%d/%d): it has ended, or was withdrawn", t.GetCode(), t.GetSubcode()), anew
	case t.GetType() == pageToken:
		return "the token is that of page " + t.GetPageId() + ", not a person's", "store it with parleyctl page token set; or " + anew
	case t.GetType() != userToken && t.GetType() != systemToken:
		return fmt.Sprintf("it is a token of type %q, neither a person's nor a system user's", t.GetType()), anew
	case t.GetEndsMs() > 0 && t.GetEndsMs() <= nowMS:
		return "the token has ended, on " + day(t.GetEndsMs()), anew
	}
	return "", ""
}
