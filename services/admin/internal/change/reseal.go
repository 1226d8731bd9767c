package change

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/secret"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Resealed is what became of the secrets of some resources.
type Resealed struct {
	Outcomes   []Outcome
	Sealed     int      // secrets that were sealed anew
	Unreadable []string // places whose secret no key opens; they stay as they are
}

// Reseal seals the secrets of world with the primary key, those of at most so
// many resources that have one sealed with another. Value, fingerprint and time
// of a secret stay, and so does the time of its resource.
func (p Planner) Reseal(world *directory.Snapshot, primary uint32, most int) (Resealed, error) {
	var all Resealed
	for stored := range world.All() {
		next := proto.Clone(stored).(directory.Resource)
		sealed := 0
		for fd := range secretFields(next) {
			s, _ := next.ProtoReflect().Get(fd).Message().Interface().(*configv1.Secret)
			if len(s.GetSealed()) == 0 || secret.KeyOf(s.GetSealed()) == primary {
				continue
			}
			place := directory.Place(next, string(fd.Name()))
			value, err := p.Box.Reveal(place, s)
			if err != nil {
				all.Unreadable = append(all.Unreadable, place)
				continue
			}
			if len(all.Outcomes) == most {
				continue
			}
			again, err := p.Box.Seal(place, value.Reveal(), s.GetSetMs())
			if err != nil {
				return Resealed{}, err
			}
			next.ProtoReflect().Set(fd, protoreflect.ValueOfMessage(again.ProtoReflect()))
			sealed++
		}
		if sealed > 0 {
			all.Outcomes = append(all.Outcomes, Outcome{Updated, stored, next})
			all.Sealed += sealed
		}
	}
	return all, nil
}
