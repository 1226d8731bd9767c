package change

import (
	"crypto/rand"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Rotation is what becomes of an account's app secrets when an edit brings a
// new one. Two are good at a time (SI3); none is ever dropped in passing.
type Rotation int

// The rotations.
const (
	Rotate  Rotation = iota // the one in force becomes the previous; refused while there is a previous one
	Replace                 // the one in force is dropped, as it was a mistake
	Retire                  // no new one: the previous is dropped
)

// Rotating is the reason when a secret would be dropped that may be in use.
const Rotating = "SECRET_ROTATING"

const (
	previousSecret = "previous_secret"
	verifyToken    = "verify_token"
)

// settleAccount settles what only accounts have, once their secrets are sealed:
// a verify token is made where there is none (S19), and who acknowledged the
// privacy notice stays, whatever a request says.
func (p Planner) settleAccount(e Edit, next, stored *configv1.ChannelAccount) error {
	next.Privacy = stored.GetPrivacy()
	if e.Privacy != nil {
		next.Privacy = e.Privacy
	}
	if next.GetVerifyToken() == nil {
		made, err := p.Box.Seal(directory.Place(next, verifyToken), rand.Text(), p.Now().UnixMilli())
		if err != nil {
			return err
		}
		next.VerifyToken = made
	}
	return p.rotate(e, next, stored)
}

// rotate decides which app secret is the previous one.
func (p Planner) rotate(e Edit, next, stored *configv1.ChannelAccount) error {
	wish, _ := e.Resource.(*configv1.ChannelAccount)
	current, previous := stored.GetAppSecret(), stored.GetPreviousSecret()
	back := previous != nil && next.GetAppSecret().GetFingerprint() == previous.GetFingerprint()
	switch {
	case e.Rotation == Retire:
		next.PreviousSecret = nil
	case current == nil || current.GetFingerprint() == next.GetAppSecret().GetFingerprint() || wish.GetPreviousSecret().GetValue() != "":
	case e.Rotation == Replace && back:
		next.PreviousSecret = nil
	case e.Rotation == Replace:
	case previous != nil && !back:
		return fault.New(fault.Precondition, Rotating,
			"channel account %q still takes a previous app secret (fingerprint %s), which would be dropped; end that rotation with `parleyctl channel retire-secret %[1]s`, or, when the one in force was a mistake, run `parleyctl channel rotate-secret %[1]s --replace`",
			next.GetMeta().GetId(), previous.GetFingerprint())
	default:
		return p.keep(next, current)
	}
	return nil
}

// keep makes the app secret that is being replaced the previous one, so that
// webhooks signed before Meta knows the new one are still taken. One that
// cannot be opened any more is of no use and is not carried over.
func (p Planner) keep(next *configv1.ChannelAccount, current *configv1.Secret) error {
	text, err := p.Box.Reveal(directory.Place(next, appSecret), current)
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	next.PreviousSecret, err = p.Box.Seal(directory.Place(next, previousSecret), text.Reveal(), p.Now().UnixMilli())
	return err
}
