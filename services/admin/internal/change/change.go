// Package change turns what somebody asks for into what is to be written. It
// reads nothing and writes nothing: given the world as it stands, it says what
// would become of every resource, or everything that is wrong with the request.
package change

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	"github.com/parley-desk/parley/services/admin/internal/validate"
)

// Verb is what is to be done with a resource.
type Verb int

// The verbs.
const (
	Put    Verb = iota // create or replace
	Create             // only when it is not there
	Update             // only when it is there
	Delete             // only when it is there and nothing refers to it
)

// Edit is one wish.
type Edit struct {
	Verb     Verb
	Path     string                    // of the resource in the request, "resources[2].queue"
	Resource directory.Resource        // of a Delete only kind and meta count; meta.etag, when given, must be current
	Rotation Rotation                  // of an account's app secrets
	Privacy  *configv1.Acknowledgement // to be recorded with an account; nil keeps what is stored
	Bare     bool                      // it comes back from history, which keeps no secrets: those it needs are set after
}

// Action is what becomes of a resource.
type Action string

// The actions, as the API tells them.
const (
	Created   Action = "created"
	Updated   Action = "updated"
	Unchanged Action = "unchanged"
	Deleted   Action = "deleted"
)

// Outcome is what becomes of one Edit.
type Outcome struct {
	Action   Action
	Before   directory.Resource // as it is stored; nil when it is not
	Resource directory.Resource // as it is to be stored, secrets sealed
}

// Planner holds what plans need beside the world.
type Planner struct {
	Box *secret.Box
	Now func() time.Time
}

// Plan gives an outcome for every edit, in their order, or a fault that tells
// everything wrong with them. All edits together make one change: each may
// refer to what another creates. The world is not touched.
func (p Planner) Plan(world *directory.Snapshot, edits []Edit) ([]Outcome, error) {
	if err := distinct(edits); err != nil {
		return nil, err
	}
	for _, e := range edits {
		if err := admit(world, e); err != nil {
			return nil, err
		}
	}
	after := apply(world, edits)
	var violations []fault.Violation
	for _, e := range edits {
		if e.Verb == Delete {
			continue
		}
		stored, _ := world.Find(directory.Kind(e.Resource), e.Resource.GetMeta().GetId())
		for _, v := range slices.Concat(validate.Resource(e.Resource, after), missing(e, stored), fixed(e.Resource, stored)) {
			v.Field = e.Path + "." + v.Field
			violations = append(violations, v)
		}
	}
	if len(violations) > 0 {
		return nil, Invalid(violations)
	}
	if err := unused(world, after, edits); err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, len(edits))
	for i, e := range edits {
		var err error
		if outcomes[i], err = p.outcome(world, e); err != nil {
			return nil, err
		}
	}
	return outcomes, nil
}

// Invalid is the fault of edits with these violations; there must be one.
func Invalid(violations []fault.Violation) *fault.Error {
	first := violations[0]
	text := fmt.Sprintf("%s: %s", first.Field, first.Description)
	if more := len(violations) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	f := fault.New(fault.Invalid, "INVALID_RESOURCE", "%s", text)
	f.Violations = violations
	return f
}

// fixed are the fields that cannot change any more: when a capacity profile
// resets, as conversations count in it already (L66), and how the conversations
// of a workstream come to agents, as some are on their way (L23).
func fixed(r, stored directory.Resource) []fault.Violation {
	switch before := stored.(type) {
	case *configv1.CapacityProfile:
		next, _ := r.(*configv1.CapacityProfile)
		return stays("reset", "profile", resets(next), resets(before))
	case *configv1.Workstream:
		next, _ := r.(*configv1.Workstream)
		return stays("mode", "workstream", mode(next), mode(before))
	}
	return nil
}

func stays[V comparable](field, noun string, next, before V) []fault.Violation {
	if next == before {
		return nil
	}
	return []fault.Violation{{Field: field, Description: fmt.Sprintf(
		"was %v when the %s was created, and stays so; make another %s, or put it back", before, noun, noun)}}
}

func resets(p *configv1.CapacityProfile) configv1.ProfileReset {
	return cmp.Or(p.GetReset_(), configv1.ProfileReset_PROFILE_RESET_IMMEDIATE)
}

func mode(w *configv1.Workstream) configv1.WorkMode {
	return cmp.Or(w.GetMode(), configv1.WorkMode_WORK_MODE_PUSH)
}

// distinct refuses two wishes for one resource: which should win?
func distinct(edits []Edit) error {
	first := map[string]string{}
	var violations []fault.Violation
	for _, e := range edits {
		key := directory.Key(e.Resource)
		if path, twice := first[key]; twice {
			violations = append(violations, fault.Violation{Field: e.Path + ".meta.id",
				Description: fmt.Sprintf("%q is given at %s already; keep one of the two", e.Resource.GetMeta().GetId(), path)})
			continue
		}
		first[key] = e.Path
	}
	if len(violations) > 0 {
		return Invalid(violations)
	}
	return nil
}

// admit checks existence and etag.
func admit(world *directory.Snapshot, e Edit) error {
	kind, id, etag := directory.Kind(e.Resource), e.Resource.GetMeta().GetId(), e.Resource.GetMeta().GetEtag()
	stored, exists := world.Find(kind, id)
	noun := validate.Noun(kind, false)
	switch {
	case e.Verb == Create && exists:
		return fault.New(fault.Conflict, AlreadyExists, "%s %q exists already; update it, or choose another id", noun, id)
	case (e.Verb == Update || e.Verb == Delete) && !exists:
		return NotFound(kind, id)
	case e.Verb == Create || etag == "":
		return nil
	case !exists:
		return fault.New(fault.Conflict, EtagMismatch, "%s %q was deleted since its etag was read; leave meta.etag out to create it", noun, id)
	case etag != Etag(stored):
		return fault.New(fault.Conflict, EtagMismatch, "%s %q has changed since its etag %q was read, it is %q now; read it again", noun, id, etag, Etag(stored))
	}
	return nil
}

// Reasons of the faults of a plan.
const (
	AlreadyExists = "ALREADY_EXISTS"
	EtagMismatch  = "ETAG_MISMATCH"
	InUse         = "IN_USE"
	Unknown       = "NO_SUCH_RESOURCE"
)

// NotFound is the fault for a resource that is not there.
func NotFound(kind, id string) error {
	return fault.New(fault.NotFound, Unknown, "there is no %s %q", validate.Noun(kind, false), id)
}

// apply is the world after the edits, secrets as they were asked for.
func apply(world *directory.Snapshot, edits []Edit) *directory.Snapshot {
	gone := map[string]bool{}
	for _, e := range edits {
		gone[directory.Key(e.Resource)] = e.Verb == Delete
	}
	var resources []directory.Resource
	for r := range world.All() {
		if !gone[directory.Key(r)] {
			resources = append(resources, r)
		}
	}
	for _, e := range edits {
		if e.Verb != Delete {
			resources = append(resources, e.Resource)
		}
	}
	return directory.NewSnapshot(resources...)
}

// After is the world as it will be with these outcomes.
func After(world *directory.Snapshot, outcomes []Outcome) *directory.Snapshot {
	edits := make([]Edit, len(outcomes))
	for i, o := range outcomes {
		edits[i] = Edit{Resource: o.Resource}
		if o.Action == Deleted {
			edits[i].Verb = Delete
		}
	}
	after := apply(world, edits)
	after.Revision, after.Version = world.Revision, world.Version
	return after
}

// unused refuses to delete what others refer to, and a page whose conversations
// a workstream takes: its channel there is to be ended first (L11).
func unused(world, after *directory.Snapshot, edits []Edit) error {
	for _, e := range edits {
		if e.Verb != Delete {
			continue
		}
		kind, id := directory.Kind(e.Resource), e.Resource.GetMeta().GetId()
		if by := world.Pages[id].GetWorkstream(); kind == directory.Pages && by != "" {
			return fault.New(fault.Precondition, InUse, "page %q takes part in workstream %q; end that first with `parleyctl channel detach %s`, or by leaving workstream out of it", id, by, id)
		}
		if keys := validate.Referrers(after, kind, id); len(keys) > 0 {
			return fault.New(fault.Precondition, InUse, "%s %q is used by %s; change or delete those first",
				validate.Noun(kind, false), id, strings.Join(keys, ", "))
		}
	}
	return nil
}

// outcome says what is to be stored for one edit that has been found good.
func (p Planner) outcome(world *directory.Snapshot, e Edit) (Outcome, error) {
	stored, exists := world.Find(directory.Kind(e.Resource), e.Resource.GetMeta().GetId())
	if e.Verb == Delete {
		return Outcome{Deleted, stored, stored}, nil
	}
	next := proto.Clone(e.Resource).(directory.Resource)
	next.GetMeta().Etag = ""
	if !exists {
		next.GetMeta().UpdatedMs = p.Now().UnixMilli()
		return Outcome{Created, nil, next}, p.settle(e, next, nil)
	}
	if err := p.settle(e, next, stored); err != nil {
		return Outcome{}, err
	}
	next.GetMeta().UpdatedMs = stored.GetMeta().GetUpdatedMs()
	if proto.Equal(next, stored) {
		return Outcome{Unchanged, stored, stored}, nil
	}
	next.GetMeta().UpdatedMs = p.Now().UnixMilli()
	return Outcome{Updated, stored, next}, nil
}
