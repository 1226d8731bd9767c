// Package survey is what a survey says and how it is answered by link (L113):
// the texts that Parley brings along, those of a workstream, and the address by
// which one customer answers one survey.
package survey

import (
	"cmp"
	"encoding/base64"
	"strings"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Of is the survey for conversations of a page and a workstream that a person had
// last, or a bot; nil when there is none. What the page says counts first (S28),
// and without one for bots they have that for people. Both may be nil.
func Of(page *configv1.Page, ws *configv1.Workstream, bot bool) *configv1.Survey {
	s := cmp.Or(page.GetSurvey(), ws.GetSurvey())
	if bot {
		s = cmp.Or(page.GetBotSurvey(), ws.GetBotSurvey(), s)
	}
	if s.GetMode() == configv1.SurveyMode_SURVEY_MODE_UNSPECIFIED {
		return nil
	}
	return s
}

// Scale is the lowest and the highest rating.
func Scale(s *configv1.Survey) (lowest, highest int32) {
	if s.GetScale() == configv1.SurveyScale_SURVEY_SCALE_TEN {
		return 0, 10
	}
	return 1, 5
}

// usualHours is how long a rating counts where nobody said.
const usualHours = 72

// Hours is how long after it was asked a rating counts.
func Hours(s *configv1.Survey) int32 {
	if s.GetHours() == 0 {
		return usualHours
	}
	return s.GetHours()
}

// place binds a sealed link to this use of the keyset.
const place = "surveys#link"

// Link is whose survey an address is for.
type Link struct{ Page, PSID, Conversation string }

// Seal is the last part of the address: signed, and unreadable to whoever sees it
// in the log of a proxy.
func (l Link) Seal(box *secret.Box) (string, error) {
	sealed, err := box.Seal(place, l.Page+"\n"+l.PSID+"\n"+l.Conversation, 0)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sealed.GetSealed()), nil
}

// longest is how long the last part of an address may be.
const longest = 512

// Open reads what Seal made; fault.NotFound when that did not make it.
func Open(box *secret.Box, token string) (Link, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(token) > longest {
		return Link{}, fault.New(fault.NotFound, "SURVEY", "this is no address of a survey")
	}
	text, err := box.Reveal(place, &configv1.Secret{Sealed: sealed})
	if fault.Is(err, fault.Unavailable) {
		return Link{}, err
	}
	parts := strings.Split(text.Reveal(), "\n")
	if err != nil || len(parts) != 3 {
		return Link{}, fault.New(fault.NotFound, "SURVEY", "this is no address of a survey")
	}
	return Link{parts[0], parts[1], parts[2]}, nil
}
