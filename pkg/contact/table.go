package contact

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	contactv1 "github.com/parley-desk/parley/proto/gen/parley/contact/v1"
)

// columns of a table of contacts, in the order in which they are written. Further
// ones are custom fields, as "fields.NAME".
var columns = []string{"external_id", "name", "emails", "phones", "company", "notes", "inactive"}

// between stands between several addresses of one cell.
const between = ";"

// TableError is what is wrong with a table.
type TableError struct {
	Line   int    // from 1; 0 when it is not known
	Column string // empty when it is the whole line
	Text   string // what is wrong, and what to do
	Fatal  bool   // nothing after it can be read
}

// Error is where it is and what it is.
func (e *TableError) Error() string {
	at := "the file"
	if e.Line > 0 {
		at = fmt.Sprintf("line %d", e.Line)
	}
	if e.Column != "" {
		at += ", column " + e.Column
	}
	return at + ": " + e.Text
}

// Table reads contacts out of CSV, one at a time.
type Table struct {
	in      *csv.Reader
	columns []string
}

// byteOrderMark is what spreadsheets begin a file in UTF-8 with.
const byteOrderMark = "\ufeff"

// OpenTable reads the first line, which names the columns.
func OpenTable(r io.Reader) (*Table, error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord = -1 // counted here, to say which line it is
	in.LazyQuotes = false
	head, err := in.Read()
	if err != nil {
		return nil, readError(err, "there is no first line with the names of the columns")
	}
	head[0] = strings.TrimPrefix(head[0], byteOrderMark)
	t := &Table{in: in}
	for _, name := range head {
		name = strings.TrimSpace(name)
		custom, isCustom := strings.CutPrefix(name, customPrefix)
		switch {
		case !slices.Contains(columns, name) && (!isCustom || !fieldName(custom)):
			return nil, &TableError{1, name, fmt.Sprintf("is no column; use %s, or %sNAME", strings.Join(columns, ", "), customPrefix), true}
		case slices.Contains(t.columns, name):
			return nil, &TableError{1, name, "is there twice", true}
		}
		t.columns = append(t.columns, name)
	}
	if !slices.Contains(t.columns, "external_id") {
		return nil, &TableError{1, "external_id", "is missing; contacts of a file are known by it", true}
	}
	return t, nil
}

func readError(err error, end string) error {
	var parse *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return &TableError{0, "", end, true}
	case errors.As(err, &parse):
		return &TableError{parse.Line, "", "is no CSV: " + parse.Err.Error(), true}
	}
	return err
}

// Paths are the fields that the table has.
func (t *Table) Paths() []string { return t.columns }

// Next gives the next contact and the number of its line; io.EOF after the last.
// Of a *TableError that is not fatal the next line can be read.
func (t *Table) Next() (*contactv1.Contact, int, error) {
	cells, err := t.in.Read()
	if errors.Is(err, io.EOF) {
		return nil, 0, io.EOF
	}
	if err != nil {
		return nil, 0, readError(err, "")
	}
	line, _ := t.in.FieldPos(0)
	if len(cells) != len(t.columns) {
		return nil, line, &TableError{line, "", fmt.Sprintf("has %d cells, and the first line %d columns", len(cells), len(t.columns)), false}
	}
	c := &contactv1.Contact{}
	for i, name := range t.columns {
		if err := setCell(c, name, unguard(cells[i])); err != nil {
			return nil, line, &TableError{line, name, err.Error(), false}
		}
	}
	return c, line, nil
}

func setCell(c *contactv1.Contact, column, text string) (err error) {
	switch column {
	case "external_id":
		c.ExternalId = text
	case "name":
		c.Name = text
	case "emails":
		c.Emails = several(text)
	case "phones":
		c.Phones = several(text)
	case "company":
		c.Company = text
	case "notes":
		c.Notes = text
	case "inactive":
		if text = strings.TrimSpace(text); text != "" {
			if c.Inactive, err = strconv.ParseBool(strings.ToLower(text)); err != nil {
				return errors.New("is neither true nor false")
			}
		}
	default:
		if c.Fields == nil {
			c.Fields = map[string]string{}
		}
		c.Fields[strings.TrimPrefix(column, customPrefix)] = text
	}
	return nil
}

func several(text string) []string {
	var all []string
	for s := range strings.SplitSeq(text, between) {
		if s = strings.TrimSpace(s); s != "" {
			all = append(all, s)
		}
	}
	return all
}

// WriteTable writes the first line of a table with these custom fields, and gives
// what writes a contact.
func WriteTable(w io.Writer, custom []string) (func(*contactv1.Contact) error, error) {
	out := csv.NewWriter(w)
	names := slices.Clone(columns)
	for _, name := range custom {
		names = append(names, customPrefix+name)
	}
	if err := out.Write(names); err != nil {
		return nil, err
	}
	out.Flush()
	return func(c *contactv1.Contact) error {
		cells := []string{c.GetExternalId(), c.GetName(), strings.Join(c.GetEmails(), between), strings.Join(c.GetPhones(), between), c.GetCompany(), c.GetNotes(), strconv.FormatBool(c.GetInactive())}
		for _, name := range custom {
			cells = append(cells, c.GetFields()[name])
		}
		for i := range cells {
			cells[i] = Guard(cells[i])
		}
		if err := out.Write(cells); err != nil {
			return err
		}
		out.Flush()
		return out.Error()
	}, out.Error()
}

// formula begins what a spreadsheet computes instead of showing it.
const formula = "=+-@\t\r"

// Guard puts an apostrophe before what a spreadsheet would compute, so that
// nobody's name becomes a formula; unguard takes it away again.
func Guard(cell string) string {
	if risky(cell) {
		return "'" + cell
	}
	return cell
}

func unguard(cell string) string {
	if rest, cut := strings.CutPrefix(cell, "'"); cut && risky(rest) {
		return rest
	}
	return cell
}

// risky tells whether a cell is a formula, or one behind apostrophes.
func risky(cell string) bool {
	rest := strings.TrimLeft(cell, "'")
	return rest != "" && strings.ContainsRune(formula, rune(rest[0]))
}
