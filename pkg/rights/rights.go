// Package rights decides who may do what. Every method of the desk API and of the
// admin API says by an option what its caller needs; this package says which roles
// have that, and how far it reaches. It knows no session, certificate or
// conversation: whoever asks says who calls and what it is about.
//
// Nothing is allowed that is not said here. A method without the option, a
// permission that no role has, and a role that nobody knows give nothing.
package rights

import (
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
)

// Permission is what a caller needs for a method.
type Permission = authv1.Permission

// Name is a permission as people write it, "config.read".
func Name(p Permission) string {
	area, verb, _ := strings.Cut(strings.TrimPrefix(p.String(), "PERMISSION_"), "_")
	return strings.ToLower(area + "." + verb)
}

// Reach is how far a role has a permission; more includes less.
type Reach int

// The reaches.
const (
	None       Reach = iota
	Own              // to what is the caller's own, or in front of the caller
	Queue            // also to what stands in the queues of the caller: of an agent, those served; of a supervisor, those looked after
	Everything       // to all there is
)

// String names a reach.
func (r Reach) String() string { return [...]string{"nothing", "own", "queue", "everything"}[r] }

// What a method needs of methods that others made, which carry no option of ours.
const (
	healthOf     = "/grpc.health.v1.Health/"
	reflectionOf = "/grpc.reflection."
)

// Needed is what a caller needs for a method by its full name, "/package.Service/Method";
// PERMISSION_UNSPECIFIED, which nobody has, when nothing says so.
func Needed(method string) Permission {
	switch {
	case strings.HasPrefix(method, healthOf):
		return authv1.Permission_PERMISSION_KNOWN
	case strings.HasPrefix(method, reflectionOf):
		return authv1.Permission_PERMISSION_CONFIG_READ
	}
	name := strings.ReplaceAll(strings.TrimPrefix(method, "/"), "/", ".")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return authv1.Permission_PERMISSION_UNSPECIFIED
	}
	return Option(found)
}

// Option is what the option of a method says; what is no method needs what nobody
// has.
func Option(method protoreflect.Descriptor) Permission {
	if _, is := method.(protoreflect.MethodDescriptor); !is {
		return authv1.Permission_PERMISSION_UNSPECIFIED
	}
	said, _ := proto.GetExtension(method.Options(), authv1.E_Permission).(Permission)
	return said
}

// Who is somebody who calls.
type Who struct {
	Name     string                  // empty: nobody knows
	Roles    []string                // as administrators gave them
	Scopes   []Permission            // that a program has of itself, over everything
	Only     func(queue string) bool // whether a program is let at a queue, if some alone; nil: at all there is
	Serves   func(queue string) bool
	Oversees func(queue string) bool // whether a supervisor looks after it; nil: after all
	Off      []Permission            // what this deployment takes from supervisors, who keep what agents have (L104)
}

// Object is what a call is about.
type Object struct {
	Of     []string // whose it is, or in front of whom
	Queues []string // in which it stands
}

// Reach is how far the farthest of the roles has a permission. Everybody who says
// a name has PERMISSION_KNOWN, and everybody at all PERMISSION_ANYONE.
func (w Who) Reach(p Permission) Reach {
	if p == authv1.Permission_PERMISSION_ANYONE || p == authv1.Permission_PERMISSION_KNOWN && w.Name != "" {
		return Everything
	}
	reach := None
	for _, role := range w.Roles {
		reach = max(reach, w.by(role, p))
	}
	if slices.Contains(w.Scopes, p) {
		reach = Everything
	}
	if w.Only != nil {
		reach = min(reach, Queue)
	}
	return reach
}

// All are the names of the permissions that the caller has any of, without those that
// everybody has.
func (w Who) All() (names []string) {
	for _, number := range slices.Sorted(maps.Keys(authv1.Permission_name)) {
		p := Permission(number)
		if p != authv1.Permission_PERMISSION_ANYONE && p != authv1.Permission_PERMISSION_KNOWN && w.Reach(p) > None {
			names = append(names, Name(p))
		}
	}
	return names
}

// by is how far one of the caller's roles has a permission.
func (w Who) by(role string, p Permission) Reach {
	if role == Supervisor && slices.Contains(w.Off, p) {
		return min(roles[role][p], roles[Agent][p])
	}
	return roles[role][p]
}

// May tells whether the caller may do to o what p is for.
func (w Who) May(p Permission, o Object) bool {
	switch w.Reach(p) {
	case Everything:
		return true
	case None:
		return false
	}
	return w.Name != "" && slices.Contains(o.Of, w.Name) || w.Beyond(p, o)
}

// Beyond tells whether the caller may do it also where o is somebody else's.
func (w Who) Beyond(p Permission, o Object) bool {
	switch reach := w.Reach(p); {
	case reach <= Own:
		return false
	case w.Only != nil:
		return slices.ContainsFunc(o.Queues, w.Only)
	case slices.Contains(w.Scopes, p):
		return true
	}
	return slices.ContainsFunc(w.Roles, func(role string) bool {
		switch w.by(role, p) {
		case Everything:
			return true
		case Queue:
			return w.has(role, o.Queues)
		}
		return false
	})
}

// has tells whether one of the queues is the caller's in a role.
func (w Who) has(role string, queues []string) bool {
	switch {
	case role != Supervisor:
		return w.Serves != nil && slices.ContainsFunc(queues, w.Serves)
	case w.Oversees == nil:
		return true
	}
	return slices.ContainsFunc(queues, w.Oversees)
}

// Roles are those that have a permission as far as least or farther, in order.
func Roles(p Permission, least Reach) []string {
	var names []string
	for _, role := range slices.Sorted(maps.Keys(roles)) {
		if reach := roles[role][p]; reach > None && reach >= least {
			names = append(names, role)
		}
	}
	return names
}
