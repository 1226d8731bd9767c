package rules

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"

	"cel.dev/cel-go/checker"

	routingv1 "github.com/parley-desk/parley/proto/gen/parley/routing/v1"
)

// What conditions see of a conversation at most. What a condition may cost is
// reckoned with these.
const (
	maxWord        = 200  // bytes of any text but those below
	maxText        = 2000 // bytes of the customer's message
	maxValue       = 4000 // bytes of a context variable (L116)
	maxAttachments = 30
	maxVariables   = 100
	maxSkills      = 100
	maxProfiles    = 100 // that a conversation counts in
	maxPlaces      = 20  // capacity profiles of an agent
	maxQueues      = 100 // of an agent
	maxPresences   = 4
	maxAddresses   = 10 // of either sort that a contact has
	maxFields      = 50 // of a contact's own
)

// Bound cuts a context down to what conditions see at most.
func Bound(c *routingv1.RoutingContext) {
	text := c.GetMessage().GetText()
	cut(c.ProtoReflect())
	if c.Message != nil {
		c.Message.Text = clip(text, maxText)
		c.Message.Attachments = c.Message.Attachments[:min(len(c.Message.Attachments), maxAttachments)]
	}
	for name, value := range c.GetVariables() {
		c.Variables[name] = clip(value, maxValue)
	}
	shorten(c.Contact)
}

// shorten cuts the lists of a contact down.
func shorten(who *routingv1.Contact) {
	if who != nil {
		who.Emails, who.Phones = clipped(who.Emails, maxAddresses), clipped(who.Phones, maxAddresses)
		who.Fields = few(who.Fields, maxFields)
	}
}

// clipped are the first most of texts, each as long as conditions see.
func clipped(texts []string, most int) []string {
	short := slices.Clone(texts[:min(len(texts), most)])
	for i := range short {
		short[i] = clip(short[i], maxWord)
	}
	return short
}

// few are at most so many of fields, in the order of their names, each as long as
// conditions see.
func few(fields map[string]string, most int) map[string]string {
	short := make(map[string]string, min(len(fields), most))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if len(short) == most {
			break
		}
		short[clip(name, maxWord)] = clip(fields[name], maxWord)
	}
	return short
}

// cut clips all single texts of m and of the messages in it.
func cut(m protoreflect.Message) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsMap() || fd.IsList():
		case fd.Message() != nil:
			cut(v.Message())
		case fd.Kind() == protoreflect.StringKind && len(v.String()) > maxWord:
			m.Set(fd, protoreflect.ValueOfString(clip(v.String(), maxWord)))
		}
		return true
	})
}

// clip cuts s to at most n bytes, between characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// sizes tells the cost estimate how large the parts of a context can be.
type sizes struct{}

// EstimateSize implements checker.CostEstimator.
func (sizes) EstimateSize(node checker.AstNode) *checker.SizeEstimate {
	path := node.Path()
	if len(path) == 0 {
		return nil
	}
	most := uint64(maxWord)
	switch strings.Join(path, ".") {
	case "message.text":
		most = maxText
	case "message.attachments":
		most = maxAttachments
	case "variables":
		most = maxVariables
	case "variables.@values":
		most = maxValue
	case "conversation.skills", "agent.skills":
		most = maxSkills
	case "conversation.capacity_profiles":
		most = maxProfiles
	case "conversation.presences":
		most = maxPresences
	case "agent.places":
		most = maxPlaces
	case "agent.queues":
		most = maxQueues
	case "contact.emails", "contact.phones":
		most = maxAddresses
	case "contact.fields":
		most = maxFields
	}
	return &checker.SizeEstimate{Max: most}
}

// EstimateCallCost implements checker.CostEstimator.
func (sizes) EstimateCallCost(_, overload string, target *checker.AstNode, _ []checker.AstNode) *checker.CallEstimate {
	if overload != "string_lower" || target == nil {
		return nil
	}
	size := checker.SizeEstimate{Max: maxValue}
	if known := (sizes{}).EstimateSize(*target); known != nil {
		size = *known
	}
	const perByte = 0.1
	return &checker.CallEstimate{CostEstimate: size.MultiplyByCostFactor(perByte).Add(checker.FixedCostEstimate(1)), ResultSize: &size}
}
