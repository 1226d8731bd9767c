package contact

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
)

const (
	keptTrail  = 50  // changes that a record tells of
	mostMerges = 100 // contacts that one takes in
)

// take has a contact take in what another one knows and it does not, and tells
// what that was. What both know stays as it is in the one that lives on.
func take(into, from *contactv1.Contact) *contactv1.Merge {
	m := &contactv1.Merge{Contact: from.GetId()}
	for _, f := range []struct {
		name     string
		to, from *string
	}{{"company", &into.Company, &from.Company}, {"notes", &into.Notes, &from.Notes}} {
		if *f.to == "" && *f.from != "" {
			*f.to = *f.from
			m.Fields = append(m.Fields, f.name)
		}
	}
	into.Emails, m.Emails = union(into.GetEmails(), from.GetEmails())
	into.Phones, m.Phones = union(into.GetPhones(), from.GetPhones())
	for _, name := range sortedNames(from.GetFields()) {
		if _, has := into.GetFields()[name]; has || len(into.GetFields()) >= mostFields {
			continue
		}
		if into.Fields == nil {
			into.Fields = map[string]string{}
		}
		into.Fields[name] = from.GetFields()[name]
		m.Custom = append(m.Custom, name)
	}
	return m
}

// union adds to list what it does not have, as far as there is room.
func union(list, more []string) (all, added []string) {
	for _, s := range more {
		if !slices.Contains(list, s) && len(list) < mostAddresses {
			list, added = append(list, s), append(added, s)
		}
	}
	return list, added
}

// giveBack takes out of a contact what came from another one by m. What was
// changed since is the contact's own and stays.
func giveBack(into, from *contactv1.Contact, m *contactv1.Merge) {
	for _, name := range m.GetFields() {
		switch {
		case name == "company" && into.GetCompany() == from.GetCompany():
			into.Company = ""
		case name == "notes" && into.GetNotes() == from.GetNotes():
			into.Notes = ""
		}
	}
	into.Emails = without(into.GetEmails(), m.GetEmails())
	into.Phones = without(into.GetPhones(), m.GetPhones())
	for _, name := range m.GetCustom() {
		if into.GetFields()[name] == from.GetFields()[name] {
			delete(into.Fields, name)
		}
	}
}

func without(list, out []string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return slices.Contains(out, s) })
}

// merge has one record take in another. Both change.
func merge(into, from *contactv1.Record, c *contactv1.Change) {
	m := take(into.Contact, from.Contact)
	m.By, m.AtMs = c.GetBy(), c.GetAtMs()
	into.Merges = append(into.Merges, m)
	from.Contact.MergedInto = into.Contact.GetId()
	note(into, c, contactv1.Deed_DEED_TOOK, from.Contact.GetId())
	note(from, c, contactv1.Deed_DEED_MERGED, into.Contact.GetId())
}

// unmerge undoes the merge of from into into. Merges that came later are undone
// before and made again after, as if this one had never been: taken holds the
// contacts of those by id.
func unmerge(into, from *contactv1.Record, taken map[string]*contactv1.Contact, c *contactv1.Change) {
	at := slices.IndexFunc(into.GetMerges(), func(m *contactv1.Merge) bool { return m.GetContact() == from.Contact.GetId() })
	if at >= 0 {
		later := into.Merges[at+1:]
		for _, m := range slices.Backward(later) {
			giveBack(into.Contact, taken[m.GetContact()], m)
		}
		giveBack(into.Contact, from.Contact, into.Merges[at])
		into.Merges = into.Merges[:at:at]
		for _, m := range later {
			again := take(into.Contact, taken[m.GetContact()])
			again.By, again.AtMs = m.GetBy(), m.GetAtMs()
			into.Merges = append(into.Merges, again)
		}
	}
	from.Contact.MergedInto = ""
	note(into, c, contactv1.Deed_DEED_RETURNED, from.Contact.GetId())
	note(from, c, contactv1.Deed_DEED_RESTORED, into.Contact.GetId())
}

// note writes a change into the trail of a record and its contact's times.
func note(r *contactv1.Record, c *contactv1.Change, deed contactv1.Deed, other string) {
	done := proto.CloneOf(c)
	done.Deed, done.Other = deed, other
	r.Trail = append(r.Trail, done)
	if len(r.Trail) > keptTrail {
		r.Trail = slices.Delete(r.Trail, 1, 2) // how it was made is told for ever
	}
	r.Contact.UpdatedMs, r.Contact.UpdatedBy = max(c.GetAtMs(), r.Contact.GetUpdatedMs()), c.GetBy()
}

// done tells whether a record tells of the deed of this request.
func done(r *contactv1.Record, by, request string, deed contactv1.Deed) bool {
	return request != "" && slices.ContainsFunc(r.GetTrail(), func(c *contactv1.Change) bool {
		return c.GetRequest() == request && c.GetBy() == by && c.GetDeed() == deed
	})
}

// change begins the note of a change.
func change(now time.Time, by, request string, fields ...string) *contactv1.Change {
	return &contactv1.Change{By: by, AtMs: now.UnixMilli(), Request: request, Fields: fields}
}

func sortedNames(fields map[string]string) []string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
