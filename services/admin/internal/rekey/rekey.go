// Package rekey is KeyService: it replaces the keys that seal secrets, seals
// with the new one what older ones sealed, and removes those.
package rekey

import (
	"context"
	"strings"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
	"github.com/parley-desk/parley/services/admin/internal/commit"
)

// atOnce is how many resources are written in one piece: with the marker a
// thousand, the most the broker takes.
const atOnce = 999

// Service implements KeyService. All fields must be set.
type Service struct {
	adminv1.UnsafeKeyServiceServer
	Box       *secret.Box
	Directory *directory.Directory
	Committer *commit.Committer
}

// GetKeys reads which keys there are and how many secrets each one seals.
func (s *Service) GetKeys(context.Context, *adminv1.GetKeysRequest) (*adminv1.Keys, error) {
	return s.keys()
}

func (s *Service) keys() (*adminv1.Keys, error) {
	keys, err := s.Box.Keys()
	if err != nil {
		return nil, err
	}
	sealed := places(s.Directory.Now())
	out := &adminv1.Keys{}
	for _, k := range keys {
		out.Keys = append(out.Keys, &adminv1.Key{Id: k.ID, Primary: k.Primary, Secrets: int32(len(sealed[k.ID]))})
	}
	return out, nil
}

// RotateKey makes a new key and seals with it from now on.
func (s *Service) RotateKey(context.Context, *adminv1.RotateKeyRequest) (*adminv1.Keys, error) {
	if err := s.Box.Rotate(); err != nil {
		return nil, err
	}
	return s.keys()
}

// ReencryptSecrets seals every secret with the primary key.
func (s *Service) ReencryptSecrets(ctx context.Context, _ *adminv1.ReencryptSecretsRequest) (*adminv1.ReencryptSecretsResponse, error) {
	keys, err := s.Box.Keys()
	if err != nil {
		return nil, err
	}
	var primary uint32
	for _, k := range keys {
		if k.Primary {
			primary = k.ID
		}
	}
	resp := &adminv1.ReencryptSecretsResponse{}
	for {
		var round change.Resealed
		_, err := s.Committer.Carry(ctx, func(world *directory.Snapshot) (_ []change.Outcome, err error) {
			round, err = s.Committer.Planner.Reseal(world, primary, atOnce)
			return round.Outcomes, err
		}, false)
		if err != nil {
			return nil, err
		}
		resp.Sealed, resp.Unreadable = resp.GetSealed()+int32(round.Sealed), round.Unreadable
		if round.Sealed == 0 {
			return resp, nil
		}
	}
}

// RetireKey removes a key that seals nothing any more.
func (s *Service) RetireKey(_ context.Context, req *adminv1.RetireKeyRequest) (*adminv1.Keys, error) {
	world := s.Directory.Now()
	if len(world.Unreadable) > 0 {
		return nil, fault.New(fault.Precondition, secret.KeyInUse,
			"%s cannot be read, so nobody knows which key seals their secrets; apply these resources again first", strings.Join(world.Unreadable, ", "))
	}
	if in := places(world)[req.GetId()]; len(in) > 0 {
		return nil, fault.New(fault.Precondition, secret.KeyInUse,
			"key %d seals %d secrets still, %s among them; run `parleyctl keys reencrypt` first", req.GetId(), len(in), in[0])
	}
	if err := s.Box.Retire(req.GetId()); err != nil {
		return nil, err
	}
	return s.keys()
}

// places are where secrets are sealed, by key.
func places(world *directory.Snapshot) map[uint32][]string {
	found := map[uint32][]string{}
	for r := range world.All() {
		for field, s := range change.Secrets(r) {
			if key := secret.KeyOf(s.GetSealed()); key != 0 {
				found[key] = append(found[key], directory.Place(r, field))
			}
		}
	}
	return found
}
