package manifest

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// APIVersion is the version of manifests that this package reads and writes.
const APIVersion = "parley.dev/v1"

// Resource is one of the messages that a manifest can hold.
type Resource interface {
	proto.Message
	GetMeta() *configv1.Meta
}

// Kinds are the kinds of documents, in the order in which one may refer to
// another.
func Kinds() []string {
	return []string{"Schedule", "Skill", "CapacityProfile", "Status", "Agent", "Queue", "Ruleset", "NotificationTemplate", "Workstream", "AutomatedMessage", "CannedReply", "ChannelAccount", "Page"}
}

// Kind is the kind of r.
func Kind(r Resource) string { return string(r.ProtoReflect().Descriptor().Name()) }

// Wrap is r as Apply takes it; nil for a kind that is none of Kinds.
func Wrap(r Resource) *adminv1.Resource {
	switch r := r.(type) {
	case *configv1.Agent:
		return &adminv1.Resource{Kind: &adminv1.Resource_Agent{Agent: r}}
	case *configv1.Queue:
		return &adminv1.Resource{Kind: &adminv1.Resource_Queue{Queue: r}}
	case *configv1.Workstream:
		return &adminv1.Resource{Kind: &adminv1.Resource_Workstream{Workstream: r}}
	case *configv1.ChannelAccount:
		return &adminv1.Resource{Kind: &adminv1.Resource_ChannelAccount{ChannelAccount: r}}
	case *configv1.Page:
		return &adminv1.Resource{Kind: &adminv1.Resource_Page{Page: r}}
	case *configv1.Schedule:
		return &adminv1.Resource{Kind: &adminv1.Resource_Schedule{Schedule: r}}
	case *configv1.Skill:
		return &adminv1.Resource{Kind: &adminv1.Resource_Skill{Skill: r}}
	case *configv1.CapacityProfile:
		return &adminv1.Resource{Kind: &adminv1.Resource_CapacityProfile{CapacityProfile: r}}
	case *configv1.Status:
		return &adminv1.Resource{Kind: &adminv1.Resource_Status{Status: r}}
	case *configv1.AutomatedMessage:
		return &adminv1.Resource{Kind: &adminv1.Resource_AutomatedMessage{AutomatedMessage: r}}
	case *configv1.Ruleset:
		return &adminv1.Resource{Kind: &adminv1.Resource_Ruleset{Ruleset: r}}
	case *configv1.CannedReply:
		return &adminv1.Resource{Kind: &adminv1.Resource_CannedReply{CannedReply: r}}
	case *configv1.NotificationTemplate:
		return &adminv1.Resource{Kind: &adminv1.Resource_NotificationTemplate{NotificationTemplate: r}}
	}
	return nil
}

// Unwrap is what Wrap wrapped; nil when there is nothing in it.
func Unwrap(r *adminv1.Resource) Resource {
	switch k := r.GetKind().(type) {
	case *adminv1.Resource_Agent:
		return k.Agent
	case *adminv1.Resource_Queue:
		return k.Queue
	case *adminv1.Resource_Workstream:
		return k.Workstream
	case *adminv1.Resource_ChannelAccount:
		return k.ChannelAccount
	case *adminv1.Resource_Page:
		return k.Page
	case *adminv1.Resource_Schedule:
		return k.Schedule
	case *adminv1.Resource_Skill:
		return k.Skill
	case *adminv1.Resource_CapacityProfile:
		return k.CapacityProfile
	case *adminv1.Resource_Status:
		return k.Status
	case *adminv1.Resource_AutomatedMessage:
		return k.AutomatedMessage
	case *adminv1.Resource_Ruleset:
		return k.Ruleset
	case *adminv1.Resource_CannedReply:
		return k.CannedReply
	case *adminv1.Resource_NotificationTemplate:
		return k.NotificationTemplate
	}
	return nil
}

// blank is a resource of that kind with nothing in it but a Meta.
func blank(kind string) Resource {
	switch meta := (&configv1.Meta{}); kind {
	case "Agent":
		return &configv1.Agent{Meta: meta}
	case "Queue":
		return &configv1.Queue{Meta: meta}
	case "Workstream":
		return &configv1.Workstream{Meta: meta}
	case "ChannelAccount":
		return &configv1.ChannelAccount{Meta: meta}
	case "Page":
		return &configv1.Page{Meta: meta}
	case "Schedule":
		return &configv1.Schedule{Meta: meta}
	case "Skill":
		return &configv1.Skill{Meta: meta}
	case "CapacityProfile":
		return &configv1.CapacityProfile{Meta: meta}
	case "Status":
		return &configv1.Status{Meta: meta}
	case "AutomatedMessage":
		return &configv1.AutomatedMessage{Meta: meta}
	case "Ruleset":
		return &configv1.Ruleset{Meta: meta}
	case "CannedReply":
		return &configv1.CannedReply{Meta: meta}
	case "NotificationTemplate":
		return &configv1.NotificationTemplate{Meta: meta}
	}
	return nil
}

// secretName is the message of write-only values.
const secretName = protoreflect.FullName("parley.config.v1.Secret")

// What the server records by itself: a message, and a field of one.
const (
	recordedName = protoreflect.FullName("parley.config.v1.Acknowledgement")
	recordedTime = protoreflect.FullName("parley.config.v1.TimeOutRule.since_ms")
)

// recorded tells a field that only the server sets.
func recorded(fd protoreflect.FieldDescriptor) bool {
	return fd.Message() != nil && fd.Message().FullName() == recordedName || fd.FullName() == recordedTime
}

// secret tells a field whose value never comes out.
func secret(fd protoreflect.FieldDescriptor) bool {
	return fd.Message() != nil && fd.Message().FullName() == secretName
}

// Forget clears the secrets of r.
func Forget(r Resource) {
	m := r.ProtoReflect()
	for i := range m.Descriptor().Fields().Len() {
		if fd := m.Descriptor().Fields().Get(i); secret(fd) {
			m.Clear(fd)
		}
	}
}

// enumPrefix is what all values of an enum start with: "WRAP_UP_".
func enumPrefix(e protoreflect.EnumDescriptor) string {
	return strings.TrimSuffix(string(e.Values().ByNumber(0).Name()), "UNSPECIFIED")
}

// enumWord is an enum value as manifests write it: "least_active".
func enumWord(v protoreflect.EnumValueDescriptor) string {
	e, _ := v.Parent().(protoreflect.EnumDescriptor)
	return strings.ToLower(strings.TrimPrefix(string(v.Name()), enumPrefix(e)))
}

// Word is an enum value as manifests write it: "least_active". It is empty for
// what is not set and for what this version does not know.
func Word(v protoreflect.Enum) string {
	known := v.Descriptor().Values().ByNumber(v.Number())
	if known == nil || v.Number() == 0 {
		return ""
	}
	return enumWord(known)
}

// enumWords are all words of an enum.
func enumWords(e protoreflect.EnumDescriptor) []string {
	var words []string
	for i := range e.Values().Len() {
		if v := e.Values().Get(i); v.Number() != 0 {
			words = append(words, enumWord(v))
		}
	}
	return words
}
