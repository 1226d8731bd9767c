package contact

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
)

func drawRecord(t *rapid.T, id string) *contactv1.Record {
	c := drawContact(t)
	c.Id = id
	c.Notes = rapid.SampledFrom([]string{"", "Speaks German.", "Call after six."}).Draw(t, "notes")
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"tier", "city", "birthday"}), 0, 3, rapid.ID).Draw(t, "fields") {
		if c.Fields == nil {
			c.Fields = map[string]string{}
		}
		c.Fields[name] = rapid.SampledFrom([]string{"gold", "Sofia"}).Draw(t, "value")
	}
	return &contactv1.Record{Contact: c}
}

// values is what a contact knows, without what merging says of it.
func values(c *contactv1.Contact) *contactv1.Contact {
	v := proto.CloneOf(c)
	v.MergedInto, v.UpdatedMs, v.UpdatedBy = "", 0, ""
	return v
}

// Whatever is merged and undone in whatever order, the one that lives on knows
// what it knew and what the rest of the others know, as if the undone had never
// been merged; and the undone are as they were.
func TestUndoingAMergeLeavesNoTrace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.UnixMilli(1)
		into := drawRecord(t, "survivor")
		before := proto.CloneOf(into)
		others, taken := map[string]*contactv1.Record{}, map[string]*contactv1.Contact{}
		originals := map[string]*contactv1.Contact{}
		var order []string
		for i := range rapid.IntRange(1, 5).Draw(t, "others") {
			id := fmt.Sprint("other", i)
			others[id] = drawRecord(t, id)
			originals[id] = proto.CloneOf(others[id].GetContact())
		}
		for step := range rapid.IntRange(1, 12).Draw(t, "steps") {
			id := fmt.Sprint("other", rapid.IntRange(0, len(others)-1).Draw(t, "which"))
			c := change(now.Add(time.Duration(step)), "agents/mila", "")
			if at := slices.Index(order, id); at >= 0 {
				unmerge(into, others[id], taken, c)
				order = slices.Delete(order, at, at+1)
				delete(taken, id)
				if diff := cmp.Diff(originals[id], values(others[id].GetContact()), protocmp.Transform()); diff != "" {
					t.Fatalf("what was undone is not as it was: %s", diff)
				}
			} else {
				merge(into, others[id], c)
				order = append(order, id)
				taken[id] = others[id].GetContact()
			}
			want := proto.CloneOf(before).GetContact()
			for _, id := range order {
				take(want, originals[id])
			}
			if diff := cmp.Diff(values(want), values(into.GetContact()), protocmp.Transform(), protocmp.SortRepeatedFields(&contactv1.Contact{})); diff != "" {
				t.Fatalf("after %v: %s", order, diff)
			}
			var told []string
			for _, m := range into.GetMerges() {
				told = append(told, m.GetContact())
			}
			if !slices.Equal(told, order) {
				t.Fatalf("it tells of %v, want %v", told, order)
			}
		}
	})
}

// What somebody wrote after a merge is theirs, and survives its end.
func TestUndoingAMergeKeepsWhatWasWrittenSince(t *testing.T) {
	now := time.UnixMilli(1)
	into := &contactv1.Record{Contact: &contactv1.Contact{Id: "a", Name: "Ivan"}}
	from := &contactv1.Record{Contact: &contactv1.Contact{Id: "b", Name: "Ivan P.", Notes: "old", Company: "ACME", Emails: []string{"b@example.com"}, Fields: map[string]string{"tier": "gold"}}}
	merge(into, from, change(now, "agents/mila", ""))
	into.Contact.Notes, into.Contact.Fields["tier"] = "new", "silver"
	into.Contact.Emails = append(into.Contact.Emails, "own@example.com")
	unmerge(into, from, nil, change(now, "agents/mila", ""))
	want := &contactv1.Contact{Id: "a", Name: "Ivan", Notes: "new", Emails: []string{"own@example.com"}, Fields: map[string]string{"tier": "silver"}}
	if diff := cmp.Diff(want, values(into.GetContact()), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

func TestATrailIsBoundedAndTellsHowItBegan(t *testing.T) {
	r := &contactv1.Record{Contact: &contactv1.Contact{Id: "a"}}
	note(r, change(time.UnixMilli(1), "crm", "first"), contactv1.Deed_DEED_CREATED, "")
	for i := range 3 * keptTrail {
		note(r, change(time.UnixMilli(int64(i)), "crm", fmt.Sprint(i)), contactv1.Deed_DEED_UPDATED, "")
	}
	if len(r.GetTrail()) != keptTrail || !done(r, "crm", "first", contactv1.Deed_DEED_CREATED) || !done(r, "crm", fmt.Sprint(3*keptTrail-1), contactv1.Deed_DEED_UPDATED) {
		t.Errorf("%d changes, from %v to %v", len(r.GetTrail()), r.GetTrail()[0], r.GetTrail()[len(r.GetTrail())-1])
	}
}
