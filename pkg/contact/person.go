package contact

import (
	"slices"
	"strings"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
)

// Person is what is known of somebody. What is empty is not known.
type Person struct {
	Name, Email, Phone, External string
}

// Told is what the values of variables say of who the customer is (L119). What a
// variable has at first nobody said.
func Told(declared []*configv1.Variable, values map[string]string) (p Person) {
	for _, v := range declared {
		value := strings.TrimSpace(values[v.GetName()])
		switch v.GetTells() {
		case configv1.Tells_TELLS_NAME:
			p.Name = value
		case configv1.Tells_TELLS_EMAIL:
			p.Email = value
		case configv1.Tells_TELLS_PHONE:
			p.Phone = value
		case configv1.Tells_TELLS_EXTERNAL_ID:
			p.External = value
		case configv1.Tells_TELLS_UNSPECIFIED:
		}
	}
	return p
}

// Tells tells whether variables say who a customer is.
func Tells(declared []*configv1.Variable) bool {
	return slices.ContainsFunc(declared, func(v *configv1.Variable) bool { return v.GetTells() != configv1.Tells_TELLS_UNSPECIFIED })
}

// Fits tells whether all that is known is true of a contact (L101). A number that
// is written without its country, there or here, is compared without.
func (p Person) Fits(c *contactv1.Contact) bool {
	if p.Email != "" {
		wanted, ok := email(p.Email)
		if !ok || !slices.ContainsFunc(c.GetEmails(), func(kept string) bool { return address(kept) == wanted }) {
			return false
		}
	}
	if p.Phone != "" {
		wanted, ok := Phone(p.Phone)
		if !ok || !slices.ContainsFunc(c.GetPhones(), func(kept string) bool { return samePhone(kept, wanted) }) {
			return false
		}
	}
	return p != Person{} && (p.External == "" || address(c.GetExternalId()) == address(p.External)) &&
		(p.Name == "" || len(Words(p.Name)) > 0 && SameName(c.GetName(), p.Name))
}

func samePhone(kept, told string) bool {
	if strings.HasPrefix(told, "+") {
		return kept == told || !strings.HasPrefix(kept, "+") && national(kept) == national(told)
	}
	return national(told) == national(kept) || national(told) == strings.TrimPrefix(kept, "+")
}

// Fill puts what is known into a contact that lacks it, as far as it can be kept.
// An external id is left out: it would be somebody else's on a customer's word.
func (p Person) Fill(c *contactv1.Contact) {
	var w wrong
	if name := w.line("name", p.Name, mostName); c.GetName() == "" && len(w) == 0 {
		c.Name = name
	}
	if address, ok := email(p.Email); ok && len(c.GetEmails()) == 0 {
		c.Emails = []string{address}
	}
	if number, ok := Phone(p.Phone); ok && len(c.GetPhones()) == 0 {
		c.Phones = []string{number}
	}
}

// terms are what a contact needs, one of each, to be somebody of whom this is
// known, and whole terms of the index that every such contact has. False when
// nothing is known, or something that no contact has.
func (p Person) terms() (starts []string, needs [][]string, ok bool) {
	need := func(class byte, whole ...string) {
		var terms []string
		for _, one := range whole {
			terms = append(terms, string(class)+one+separator)
		}
		needs = append(needs, terms)
	}
	if p.Email != "" {
		email, ok := email(p.Email)
		if !ok {
			return nil, nil, false
		}
		need(classEmail, email)
		starts = append(starts, string(classWritten)+email)
	}
	if p.Phone != "" {
		phone, ok := Phone(p.Phone)
		if !ok {
			return nil, nil, false
		}
		within := national(phone)
		if strings.HasPrefix(phone, "+") {
			need(classNumber, phone, within, "0"+within)
		} else {
			need(classPhone, within)
		}
		starts = append(starts, string(classPhone)+within)
	}
	if external := strings.ReplaceAll(address(p.External), separator, ""); external != "" {
		need(classWritten, external)
		starts = append(starts, string(classWritten)+external)
	}
	if p.Name != "" {
		words := Words(p.Name)
		if len(words) == 0 {
			return nil, nil, false
		}
		need(className, strings.Join(words, " "))
		for _, word := range words {
			starts = append(starts, string(classWord)+word)
		}
	}
	return starts, needs, len(needs) > 0
}

// hasAll tells whether the terms of a contact have one of each of needs.
func hasAll(terms string, needs [][]string) bool {
	for _, any := range needs {
		if !slices.ContainsFunc(any, func(one string) bool { return begins(terms, one) }) {
			return false
		}
	}
	return true
}
