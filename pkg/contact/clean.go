package contact

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/fault"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
)

// Limits of a contact.
const (
	mostName      = 200 // characters
	mostAddresses = 10
	mostAddress   = 254
	mostExternal  = 128
	mostNotes     = 4000
	mostFields    = 50
	mostFieldName = 64
	mostField     = 1000
	mostRequest   = 100
)

// Invalid is the reason of what can never be a contact.
const Invalid = "INVALID_ARGUMENT"

// Fields are the names of what can be changed of a contact; of the custom ones
// "fields." and a name stand for one.
var Fields = []string{"name", "emails", "phones", "external_id", "company", "notes", "fields", "inactive"}

// customPrefix begins the path of one custom field.
const customPrefix = "fields."

// Clean brings what somebody wrote into the shape in which it is kept, in place.
// The fault names every field that cannot be.
func Clean(c *contactv1.Contact) error {
	var w wrong
	c.Name = w.line("name", c.GetName(), mostName)
	if c.Name == "" && len(w) == 0 {
		w.add("name", "is missing; give the name as it is to be shown")
	}
	c.Company = w.line("company", c.GetCompany(), mostName)
	c.ExternalId = w.line("external_id", c.GetExternalId(), mostExternal)
	c.Notes = strings.TrimSpace(norm.NFC.String(lineEnds.Replace(c.GetNotes())))
	if utf8.RuneCountInString(c.Notes) > mostNotes {
		w.add("notes", fmt.Sprintf("are too long; use at most %d characters", mostNotes))
	}
	if !printable(c.Notes, "\n\t") {
		w.add("notes", "hold bytes that are no text")
	}
	c.Emails = w.list("emails", c.GetEmails(), "is no e-mail address; write it as name@example.com", email)
	c.Phones = w.list("phones", c.GetPhones(), "is no telephone number; write it as +359 2 123 4567, or with 5 to 15 digits", Phone)
	w.fields(c.GetFields())
	return w.fault("the contact cannot be kept")
}

// lineEnds are written in one way: CSV keeps no other.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// wrong are the fields that cannot be kept.
type wrong []fault.Violation

func (w *wrong) add(field, description string) {
	*w = append(*w, fault.Violation{Field: field, Description: description})
}

func (w wrong) fault(message string) error {
	if len(w) == 0 {
		return nil
	}
	f := fault.New(fault.Invalid, Invalid, "%s: %s %s", message, w[0].Field, w[0].Description)
	f.Violations = w
	return f
}

// line is one line of text in its normal form.
func (w *wrong) line(field, s string, most int) string {
	s = strings.TrimSpace(norm.NFC.String(s))
	switch {
	case !printable(s, ""):
		w.add(field, "holds bytes that are no printable text; write one line")
	case utf8.RuneCountInString(s) > most:
		w.add(field, fmt.Sprintf("is too long; use at most %d characters", most))
	}
	return s
}

// list brings every item into its shape, each once, in the order given.
func (w *wrong) list(field string, items []string, bad string, shape func(string) (string, bool)) []string {
	var kept []string
	for i, item := range items {
		if strings.TrimSpace(item) == "" {
			continue
		}
		s, ok := shape(item)
		if !ok {
			w.add(fmt.Sprintf("%s[%d]", field, i), bad)
		} else if !slices.Contains(kept, s) {
			kept = append(kept, s)
		}
	}
	if len(kept) > mostAddresses {
		w.add(field, fmt.Sprintf("are too many; keep at most %d", mostAddresses))
	}
	return kept
}

func (w *wrong) fields(fields map[string]string) {
	if len(fields) > mostFields {
		w.add("fields", fmt.Sprintf("are too many; keep at most %d", mostFields))
	}
	for name, value := range fields {
		if !fieldName(name) {
			w.add("fields", fmt.Sprintf("cannot have the name %q; use letters, digits, - and _, at most %d", name, mostFieldName))
			continue
		}
		if value = w.line(customPrefix+name, value, mostField); value == "" {
			delete(fields, name)
		} else {
			fields[name] = value
		}
	}
}

func fieldName(name string) bool {
	return name != "" && len(name) <= mostFieldName && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// email is an address as it is kept. What comes back undelivered is found out by
// sending; here only what cannot be one is refused.
func email(s string) (string, bool) {
	s = address(s)
	local, domain, ok := strings.Cut(s, "@")
	ok = ok && local != "" && len(s) <= mostAddress && printable(s, "") && !strings.ContainsAny(s, " \t,;<>\"()[]\\")
	return s, ok && !strings.Contains(domain, "@") && strings.Contains(strings.Trim(domain, "."), ".") && strings.Trim(domain, ".") == domain
}

// Assign copies the fields that paths name from one contact to another.
func Assign(to, from *contactv1.Contact, paths []string) error {
	var w wrong
	for _, path := range paths {
		if !assign(to, from, path) {
			w.add("paths", fmt.Sprintf("name %q, which is no field; use %s, or %sNAME", path, strings.Join(Fields, ", "), customPrefix))
		}
	}
	return w.fault("the contact cannot be changed")
}

func assign(to, from *contactv1.Contact, path string) bool {
	switch path {
	case "name":
		to.Name = from.GetName()
	case "emails":
		to.Emails = slices.Clone(from.GetEmails())
	case "phones":
		to.Phones = slices.Clone(from.GetPhones())
	case "external_id":
		to.ExternalId = from.GetExternalId()
	case "company":
		to.Company = from.GetCompany()
	case "notes":
		to.Notes = from.GetNotes()
	case "inactive":
		to.Inactive = from.GetInactive()
	case "fields":
		to.Fields = proto.CloneOf(from).GetFields()
	default:
		name, custom := strings.CutPrefix(path, customPrefix)
		if !custom {
			return false
		}
		if to.Fields == nil {
			to.Fields = map[string]string{}
		}
		to.Fields[name] = from.GetFields()[name]
	}
	return true
}

// Differ names the fields in which two contacts differ.
func Differ(a, b *contactv1.Contact) []string {
	var names []string
	for _, f := range Fields {
		same := false
		switch f {
		case "name":
			same = a.GetName() == b.GetName()
		case "emails":
			same = slices.Equal(a.GetEmails(), b.GetEmails())
		case "phones":
			same = slices.Equal(a.GetPhones(), b.GetPhones())
		case "external_id":
			same = a.GetExternalId() == b.GetExternalId()
		case "company":
			same = a.GetCompany() == b.GetCompany()
		case "notes":
			same = a.GetNotes() == b.GetNotes()
		case "inactive":
			same = a.GetInactive() == b.GetInactive()
		case "fields":
			same = proto.Equal(&contactv1.Contact{Fields: a.GetFields()}, &contactv1.Contact{Fields: b.GetFields()})
		}
		if !same {
			names = append(names, f)
		}
	}
	return names
}
