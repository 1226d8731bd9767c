package contact

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
)

func readAll(text string) (all []*contactv1.Contact, wrong []string, err error) {
	table, err := OpenTable(strings.NewReader(text))
	if err != nil {
		return nil, nil, err
	}
	for {
		c, _, err := table.Next()
		var bad *TableError
		switch {
		case errors.Is(err, io.EOF):
			return all, wrong, nil
		case errors.As(err, &bad) && !bad.Fatal:
			wrong = append(wrong, bad.Error())
		case err != nil:
			return all, wrong, err
		default:
			all = append(all, c)
		}
	}
}

func TestATableIsReadLineByLine(t *testing.T) {
	all, wrong, err := readAll("\ufeffexternal_id, name ,emails,phones,inactive,fields.tier\r\n" +
		"1,Иван,a@example.com; b@example.com,'+359888123456,,gold\r\n" +
		"2,too few\r\n" +
		"3,\"two\nlines\",,,maybe,\r\n" +
		"4,Last,,,TRUE,'=1+1\r\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []*contactv1.Contact{
		{ExternalId: "1", Name: "Иван", Emails: []string{"a@example.com", "b@example.com"}, Phones: []string{"+359888123456"}, Fields: map[string]string{"tier": "gold"}},
		{ExternalId: "4", Name: "Last", Inactive: true, Fields: map[string]string{"tier": "=1+1"}},
	}
	if diff := cmp.Diff(want, all, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	told := []string{"line 3: has 2 cells, and the first line 6 columns", "line 4, column inactive: is neither true nor false"}
	if diff := cmp.Diff(told, wrong); diff != "" {
		t.Error(diff)
	}
}

func TestATableThatCannotBeRead(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "the file: there is no first line with the names of the columns",
		"name\n":                      "line 1, column external_id: is missing; contacts of a file are known by it",
		"external_id,e-mail\n":        "line 1, column e-mail: is no column; use external_id, name, emails, phones, company, notes, inactive, or fields.NAME",
		"external_id,external_id\n":   "line 1, column external_id: is there twice",
		"external_id,fields.a b\n":    "line 1, column fields.a b: is no column; use external_id, name, emails, phones, company, notes, inactive, or fields.NAME",
		"external_id\n1\na\"b\n":      `line 3: is no CSV: bare " in non-quoted-field`,
		"external_id\n\"never closed": `line 2: is no CSV: extraneous or missing " in quoted-field`,
	} {
		if _, _, err := readAll(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// What is written is read back as it was, and no cell is a formula (SK7).
func TestATableReadsWhatItWrote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("aЯ'=+-@\",;\n 1")), 1, 8, -1)
		c := &contactv1.Contact{ExternalId: text.Draw(t, "external"), Name: text.Draw(t, "name"), Company: text.Draw(t, "company"), Notes: text.Draw(t, "notes"),
			Inactive: rapid.Bool().Draw(t, "inactive"), Phones: []string{"+359888123456", "0888"}, Fields: map[string]string{"tier": text.Draw(t, "tier")}}
		var out strings.Builder
		write, err := WriteTable(&out, []string{"tier"})
		if err == nil {
			err = write(c)
		}
		if err != nil {
			t.Fatal(err)
		}
		back, wrong, err := readAll(out.String())
		if err != nil || len(wrong) > 0 {
			t.Fatalf("%q cannot be read: %v %v", out.String(), err, wrong)
		}
		if diff := cmp.Diff([]*contactv1.Contact{c}, back, protocmp.Transform()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Whatever is in a file, reading ends, and what was read can be cleaned or is
// refused.
func FuzzTable(f *testing.F) {
	f.Add("external_id,name,emails,phones,company,notes,inactive,fields.x\n1,a,b@c.d,'+359888123456,,,true,y\n")
	f.Add("\ufeffexternal_id\n\"\n")
	f.Add("external_id,name\n'=1,\x00\n2\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, _, err := readAll(text)
		if err != nil {
			return
		}
		for _, c := range all {
			if Clean(c) != nil {
				continue
			}
			var out strings.Builder
			write, err := WriteTable(&out, sortedNames(c.GetFields()))
			if err == nil {
				err = write(c)
			}
			if err != nil {
				t.Fatal(err)
			}
			again, wrong, err := readAll(out.String())
			if err != nil || len(wrong) > 0 || len(again) != 1 {
				t.Fatalf("%q is written as %q, which gives %v %v", text, out.String(), wrong, err)
			}
			if err := Clean(again[0]); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c, again[0], protocmp.Transform()); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}
