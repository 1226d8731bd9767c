// Package enrol gives agents the roles that their company says they have, when they
// sign in with its account. The desk asks for it over the broker, as it does errands.
package enrol

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	"github.com/parley-desk/parley/services/admin/internal/change"
	"github.com/parley-desk/parley/services/admin/internal/commit"
	"github.com/parley-desk/parley/services/admin/internal/guard"
)

// Method is what the desk calls on the broker.
const Method = "admin.enrol"

// Enroller changes roles. All fields must be set.
type Enroller struct {
	Guard     *guard.Guard
	Committer *commit.Committer
}

// Run puts the roles of one agent in force, as a version of the configuration whose
// author is the issuer.
func (e *Enroller) Run(ctx context.Context, req *adminv1.EnrolRequest) (*adminv1.EnrolResponse, error) {
	plan := func(world *directory.Snapshot) ([]change.Outcome, error) {
		stored := world.Agents[req.GetAgent()]
		if stored == nil {
			return nil, fault.New(fault.NotFound, "NOT_FOUND", "there is no agent %q", req.GetAgent())
		}
		agent := proto.CloneOf(stored)
		agent.Roles, agent.Meta.Etag = req.GetRoles(), ""
		return e.Committer.Planner.Plan(world, []change.Edit{{Verb: change.Update, Path: "agent", Resource: agent}})
	}
	err := e.Guard.House(ctx, Method, "issuer:"+req.GetIssuer(), func(ctx context.Context) error {
		_, err := e.Committer.Make(ctx, commit.Deed{Plan: plan, Comment: "groups at sign-in"})
		return err
	})
	return &adminv1.EnrolResponse{}, err
}
