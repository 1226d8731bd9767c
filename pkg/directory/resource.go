package directory

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/fault"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// The kinds of resources, as they stand in keys of CONFIG and places of secrets.
const (
	ChannelAccounts = "channelAccounts"
	Pages           = "pages"
	Workstreams     = "workstreams"
	Queues          = "queues"
	Agents          = "agents"
	Schedules       = "schedules"
	Skills          = "skills"
	Profiles        = "capacityProfiles"
	Rulesets        = "rulesets"
	Statuses        = "statuses"
	Messages        = "automatedMessages"
	CannedReplies   = "cannedReplies"
	Notifications   = "notificationTemplates"
)

// Marker is the key that is written last in every change of CONFIG. Its value
// is the change's ConfigVersion.
const Marker = "marker.config"

// Resource is one of the messages of parley.config.v1 that stand in CONFIG.
type Resource interface {
	proto.Message
	GetMeta() *configv1.Meta
}

// Kind is the kind of r; empty when it is none of these.
func Kind(r Resource) string {
	switch r.(type) {
	case *configv1.ChannelAccount:
		return ChannelAccounts
	case *configv1.Page:
		return Pages
	case *configv1.Workstream:
		return Workstreams
	case *configv1.Queue:
		return Queues
	case *configv1.Agent:
		return Agents
	case *configv1.Schedule:
		return Schedules
	case *configv1.Skill:
		return Skills
	case *configv1.CapacityProfile:
		return Profiles
	case *configv1.Ruleset:
		return Rulesets
	case *configv1.Status:
		return Statuses
	case *configv1.AutomatedMessage:
		return Messages
	case *configv1.CannedReply:
		return CannedReplies
	case *configv1.NotificationTemplate:
		return Notifications
	}
	return ""
}

// Key is where r stands in CONFIG: "queues.front".
func Key(r Resource) string { return Kind(r) + "." + r.GetMeta().GetId() }

// KindOf is the kind and the id in a key of CONFIG.
func KindOf(key string) (kind, id string) {
	kind, id, _ = strings.Cut(key, ".")
	return kind, id
}

// Place is what a secret of r is sealed for: "pages/shop#access_token".
func Place(r Resource, field string) string {
	return Kind(r) + "/" + r.GetMeta().GetId() + "#" + field
}

// Encode is r as an entry of CONFIG.
func Encode(r Resource) ([]byte, error) {
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
	return value, fault.Wrap(err, "encoding %s", Key(r))
}

// Decode reads an entry of CONFIG. A nil resource without error is an entry of
// a kind that this build does not know, which a newer one may have written.
func Decode(key string, value []byte) (Resource, error) {
	kind, id := KindOf(key)
	r := Blank(kind)
	if r == nil {
		return nil, nil
	}
	if err := proto.Unmarshal(value, r); err != nil {
		return nil, fmt.Errorf("entry %q: %w", key, err)
	}
	if r.GetMeta().GetId() != id {
		return nil, fmt.Errorf("entry %q holds the resource %q", key, r.GetMeta().GetId())
	}
	return r, nil
}

// EncodeVersion is v as the value of Marker and of entries of HISTORY.
func EncodeVersion(v *configv1.ConfigVersion) ([]byte, error) {
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(v)
	return value, fault.Wrap(err, "encoding version %d", v.GetNumber())
}

// DecodeVersion reads what EncodeVersion wrote. It gives nil for anything else:
// a marker held the time of its change before changes had numbers.
func DecodeVersion(value []byte) *configv1.ConfigVersion {
	v := &configv1.ConfigVersion{}
	if err := proto.Unmarshal(value, v); err != nil || v.GetNumber() == 0 {
		return nil
	}
	return v
}

// Blank is an empty resource of that kind; nil when there is no such kind.
func Blank(kind string) Resource {
	switch kind {
	case ChannelAccounts:
		return &configv1.ChannelAccount{}
	case Pages:
		return &configv1.Page{}
	case Workstreams:
		return &configv1.Workstream{}
	case Queues:
		return &configv1.Queue{}
	case Agents:
		return &configv1.Agent{}
	case Schedules:
		return &configv1.Schedule{}
	case Skills:
		return &configv1.Skill{}
	case Profiles:
		return &configv1.CapacityProfile{}
	case Rulesets:
		return &configv1.Ruleset{}
	case Statuses:
		return &configv1.Status{}
	case Messages:
		return &configv1.AutomatedMessage{}
	case CannedReplies:
		return &configv1.CannedReply{}
	case Notifications:
		return &configv1.NotificationTemplate{}
	}
	return nil
}
