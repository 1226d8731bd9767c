package change

import (
	"iter"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/parley-desk/parley/pkg/directory"
	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// Fields of secrets with a rule of their own.
const (
	appSecret = "app_secret"
	password  = "password"
	botSecret = "bot_secret"
)

// Secrets yields the secret fields of r and what they hold; nil when unset.
func Secrets(r directory.Resource) iter.Seq2[string, *configv1.Secret] {
	return func(yield func(string, *configv1.Secret) bool) {
		for fd := range secretFields(r) {
			s, _ := r.ProtoReflect().Get(fd).Message().Interface().(*configv1.Secret)
			if !r.ProtoReflect().Has(fd) {
				s = nil
			}
			if !yield(string(fd.Name()), s) {
				return
			}
		}
	}
}

func secretFields(r directory.Resource) iter.Seq[protoreflect.FieldDescriptor] {
	return func(yield func(protoreflect.FieldDescriptor) bool) {
		want := (*configv1.Secret)(nil).ProtoReflect().Descriptor().FullName()
		fields := r.ProtoReflect().Descriptor().Fields()
		for i := range fields.Len() {
			fd := fields.Get(i)
			if fd.Message() != nil && fd.Message().FullName() == want && !yield(fd) {
				return
			}
		}
	}
}

// held is the secret of a stored resource; nil when either is missing.
func held(stored directory.Resource, field string) *configv1.Secret {
	if stored == nil {
		return nil
	}
	for name, s := range Secrets(stored) {
		if name == field {
			return s
		}
	}
	return nil
}

// missing are the secrets without which a resource is of no use and that are
// neither stored nor given: an account's app secret (S16), and that of a bot. A
// page may be saved before its token, which is made for a page that is there.
func missing(e Edit, stored directory.Resource) []fault.Violation {
	if e.Bare {
		return nil
	}
	switch r := e.Resource.(type) {
	case *configv1.ChannelAccount:
		if r.GetAppSecret().GetValue() == "" && held(stored, appSecret) == nil {
			return []fault.Violation{{Field: appSecret, Description: "is missing; set it from App settings, Basic, at Meta: every webhook is checked with it"}}
		}
	case *configv1.Workstream:
		if r.GetBot() != nil && r.GetBotSecret().GetValue() == "" && held(stored, botSecret) == nil {
			return []fault.Violation{{Field: botSecret, Description: "is missing; set it to what the bot checks signatures with"}}
		}
	}
	return nil
}

// settle replaces every secret that next asks for by its sealed form, and
// fills in what is stored where it asks for none. Whatever else a request
// carries in a secret, such as a ciphertext, is dropped.
func (p Planner) settle(e Edit, next, stored directory.Resource) error {
	p.settleRules(next, stored)
	for fd := range secretFields(next) {
		field := string(fd.Name())
		wish, _ := next.ProtoReflect().Get(fd).Message().Interface().(*configv1.Secret)
		kept := held(stored, field)
		settled, err := p.settleOne(directory.Place(next, field), field, wish.GetValue(), kept)
		if err != nil {
			return err
		}
		if settled == nil {
			next.ProtoReflect().Clear(fd)
			continue
		}
		next.ProtoReflect().Set(fd, protoreflect.ValueOfMessage(proto.Clone(settled).ProtoReflect()))
	}
	if a, ok := next.(*configv1.ChannelAccount); ok {
		before, _ := stored.(*configv1.ChannelAccount)
		return p.settleAccount(e, a, before)
	}
	return nil
}

func (p Planner) settleOne(place, field, value string, kept *configv1.Secret) (*configv1.Secret, error) {
	if value == "" || p.same(place, field, value, kept) {
		return kept, nil
	}
	if field == password {
		value = secret.HashPassword(value)
	}
	return p.Box.Seal(place, value, p.Now().UnixMilli())
}

// same tells whether value is what is stored, so that applying a manifest
// again changes nothing. What cannot be opened is not the same: sealing it
// anew repairs it.
func (p Planner) same(place, field, value string, kept *configv1.Secret) bool {
	if len(kept.GetSealed()) == 0 {
		return false
	}
	text, err := p.Box.Reveal(place, kept)
	if err != nil {
		return false
	}
	if field == password {
		return secret.VerifyPassword(text.Reveal(), value)
	}
	return text.Equal(value)
}
