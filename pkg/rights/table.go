package rights

import (
	"maps"
	"slices"

	authv1 "github.com/parley-desk/parley/proto/gen/parley/auth/v1"
)

// The roles. People have them by their resource, programs by the grant of their
// certificate or the scopes of their API client.
const (
	Agent      = "agent"      // answers customers
	Supervisor = "supervisor" // looks after agents, and does something about their conversations
	Admin      = "admin"      // sets the house up
	Operator   = "operator"   // keeps it running
	Auditor    = "auditor"    // reads what was done
	CRM        = "crm"        // a program that keeps contacts in step
)

// People are the roles of who signs in at the desk.
func People() []string { return []string{Agent, Supervisor, Admin, Operator, Auditor} }

// Programs are the roles of programs that call the admin API, with a certificate or a
// token: nothing in front of them is theirs, so only those that reach everything are of
// use.
func Programs() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(roles)), func(role string) bool { return role == Agent || role == Supervisor })
}

// byQueue are the permissions that a program can have for some queues alone, because
// what they are for asks in which queues it stands.
var byQueue = []Permission{authv1.Permission_PERMISSION_CREW_ADJUST, authv1.Permission_PERMISSION_QUEUE_PAUSE}

// ByQueue tells whether a program can have p for some queues alone.
func ByQueue(p Permission) bool { return slices.Contains(byQueue, p) }

// Scope is what a word gives a program: one permission, or those that a role has over
// everything; nothing where it is neither.
func Scope(word string) (all []Permission) {
	for _, number := range slices.Sorted(maps.Keys(authv1.Permission_name)) {
		p := Permission(number)
		switch {
		case !slices.ContainsFunc(Programs(), func(role string) bool { return roles[role][p] == Everything }):
		case word == Name(p), slices.Contains(Programs(), word) && roles[word][p] == Everything:
			all = append(all, p)
		}
	}
	return all
}

// roles are what each may do, and how far (L104, L125). docs/permissions.md shows
// it by method.
var roles = map[string]map[Permission]Reach{
	Agent: {
		authv1.Permission_PERMISSION_SELF_READ:             Own,
		authv1.Permission_PERMISSION_SEAT_USE:              Own,
		authv1.Permission_PERMISSION_CONVERSATION_READ:     Own,
		authv1.Permission_PERMISSION_CONVERSATION_HANDLE:   Own,
		authv1.Permission_PERMISSION_CUSTOMER_WRITE:        Own,
		authv1.Permission_PERMISSION_CONVERSATION_TRANSFER: Own,
		authv1.Permission_PERMISSION_CONVERSATION_SKILL:    Own,
		authv1.Permission_PERMISSION_CONVERSATION_PICK:     Queue,
		authv1.Permission_PERMISSION_QUEUE_SEE:             Queue,
	},
	Supervisor: {
		authv1.Permission_PERMISSION_SELF_READ:                Own,
		authv1.Permission_PERMISSION_SEAT_USE:                 Own,
		authv1.Permission_PERMISSION_CONVERSATION_READ:        Own,
		authv1.Permission_PERMISSION_CONVERSATION_HANDLE:      Own,
		authv1.Permission_PERMISSION_CUSTOMER_WRITE:           Own,
		authv1.Permission_PERMISSION_CONVERSATION_TRANSFER:    Queue,
		authv1.Permission_PERMISSION_CONVERSATION_SKILL:       Queue,
		authv1.Permission_PERMISSION_CONVERSATION_MONITOR:     Queue,
		authv1.Permission_PERMISSION_CONVERSATION_ASSIGN:      Queue,
		authv1.Permission_PERMISSION_CONVERSATION_FORCE_CLOSE: Queue,
		authv1.Permission_PERMISSION_QUEUE_SEE:                Queue,
		authv1.Permission_PERMISSION_FLOOR_READ:               Queue,
		authv1.Permission_PERMISSION_FLOOR_STEER:              Queue,
		authv1.Permission_PERMISSION_CREW_ADJUST:              Queue,
	},
	Admin: {
		authv1.Permission_PERMISSION_SELF_READ:       Own,
		authv1.Permission_PERMISSION_CONFIG_READ:     Everything,
		authv1.Permission_PERMISSION_CONFIG_WRITE:    Everything,
		authv1.Permission_PERMISSION_SECRET_REVEAL:   Everything,
		authv1.Permission_PERMISSION_KEY_WRITE:       Everything,
		authv1.Permission_PERMISSION_OPERATE_READ:    Everything,
		authv1.Permission_PERMISSION_LETTER_SETTLE:   Everything,
		authv1.Permission_PERMISSION_TRANSCRIPT_READ: Everything,
		authv1.Permission_PERMISSION_PRIVACY_READ:    Everything,
		authv1.Permission_PERMISSION_PRIVACY_ERASE:   Everything,
		authv1.Permission_PERMISSION_PRIVACY_EXPORT:  Everything,
		authv1.Permission_PERMISSION_BACKUP_READ:     Everything,
		authv1.Permission_PERMISSION_CONTACT_READ:    Everything,
		authv1.Permission_PERMISSION_CONTACT_WRITE:   Everything,
		authv1.Permission_PERMISSION_VARIABLE_WRITE:  Everything,
		authv1.Permission_PERMISSION_QUEUE_PAUSE:     Everything,
		authv1.Permission_PERMISSION_AUDIT_READ:      Everything,
		authv1.Permission_PERMISSION_CREW_ADJUST:     Everything,
		authv1.Permission_PERMISSION_SESSION_END:     Everything,
		authv1.Permission_PERMISSION_CLIENT_MANAGE:   Everything,
	},
	Operator: {
		authv1.Permission_PERMISSION_SELF_READ:     Own,
		authv1.Permission_PERMISSION_CONFIG_READ:   Everything,
		authv1.Permission_PERMISSION_OPERATE_READ:  Everything,
		authv1.Permission_PERMISSION_LETTER_SETTLE: Everything,
	},
	Auditor: {
		authv1.Permission_PERMISSION_SELF_READ:       Own,
		authv1.Permission_PERMISSION_CONFIG_READ:     Everything,
		authv1.Permission_PERMISSION_TRANSCRIPT_READ: Everything,
		authv1.Permission_PERMISSION_PRIVACY_READ:    Everything,
		authv1.Permission_PERMISSION_CONTACT_READ:    Everything,
		authv1.Permission_PERMISSION_AUDIT_READ:      Everything,
	},
	CRM: {
		authv1.Permission_PERMISSION_CONTACT_READ:  Everything,
		authv1.Permission_PERMISSION_CONTACT_WRITE: Everything,
	},
}
