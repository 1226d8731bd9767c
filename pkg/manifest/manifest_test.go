package manifest_test

import (
	"bytes"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/manifest"
	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

// nothing is an environment without variables and files.
func nothing() manifest.Environment {
	return manifest.Environment{
		Lookup:   func(string) (string, bool) { return "", false },
		ReadFile: func(string) ([]byte, error) { return nil, os.ErrNotExist },
		Stat:     func(string) (fs.FileInfo, error) { return nil, os.ErrNotExist },
		Warn:     func(string) {},
	}
}

// texts are what people write, and what could be taken for something else.
func texts() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[a-z][a-z0-9-]{0,8}`),
		rapid.String(),
		rapid.StringMatching("[ \t]?[a-z#:'\"|>&*!%@{}\\[\\],\\\\-]{1,6}(\r?\n[ \t]{0,3}[a-zж :#-]{0,5}){0,4}"),
		rapid.SampledFrom([]string{"true", "no", "~", "null", "0x1F", "1.5", ".inf", "08:30", "24:00", "2026-12-24", "12-24", "<<", "=", "---", "...",
			"\n", "\n\n", " \n", "a\n", "a\n\n", " a\nb", "\ta\nb", "a \nb ", "a\u2028b\nc", "a\u0085b", "a\rb", "a\r\nb", "\ufeffa\nb", "message == \"x\" &&\n  page == 'y'\n"}),
	)
}

// fill sets random fields of m: whatever a manifest can say.
func fill(t *rapid.T, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		name := string(fd.Name())
		if name == "meta" || unsaid(fd) || rapid.IntRange(0, 3).Draw(t, name) == 0 {
			continue
		}
		size := func() int { return rapid.IntRange(1, 3).Draw(t, name+" size") }
		switch {
		case fd.IsMap():
			for range size() {
				m.Mutable(fd).Map().Set(protoreflect.ValueOfString(texts().Draw(t, name+" key")).MapKey(), random(t, fd.MapValue(), m.Mutable(fd).Map().NewValue))
			}
		case fd.IsList():
			for range size() {
				m.Mutable(fd).List().Append(random(t, fd, m.Mutable(fd).List().NewElement))
			}
		default:
			m.Set(fd, random(t, fd, func() protoreflect.Value { return m.NewField(fd) }))
		}
	}
}

func unsaid(fd protoreflect.FieldDescriptor) bool {
	return fd.Message() != nil && slices.Contains([]protoreflect.Name{"Secret", "Acknowledgement"}, fd.Message().Name()) || fd.Name() == "since_ms"
}

func random(t *rapid.T, fd protoreflect.FieldDescriptor, blank func() protoreflect.Value) protoreflect.Value {
	switch name := string(fd.Name()); fd.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(texts().Draw(t, name))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, name))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(rapid.Int32().Draw(t, name))
	case protoreflect.EnumKind:
		values := fd.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(rapid.IntRange(1, values.Len()-1).Draw(t, name)).Number())
	case protoreflect.MessageKind:
		v := blank()
		fill(t, v.Message())
		return v
	default:
		t.Fatalf("%s is of kind %s, which manifests do not have yet", fd.FullName(), fd.Kind())
		return protoreflect.Value{}
	}
}

// resource makes one of a random kind.
func resource(t *rapid.T) manifest.Resource {
	kind := rapid.SampledFrom(manifest.Kinds()).Draw(t, "kind")
	found, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName("parley.config.v1." + kind))
	if err != nil {
		t.Fatal(err)
	}
	r, _ := found.New().Interface().(manifest.Resource)
	meta := r.ProtoReflect().Descriptor().Fields().ByName("meta")
	r.ProtoReflect().Set(meta, protoreflect.ValueOfMessage((&configv1.Meta{Id: "a", DisplayName: texts().Draw(t, "display name")}).ProtoReflect()))
	fill(t, r.ProtoReflect())
	return r
}

// What is written reads back as what it was, of every kind, with every field.
func TestWhatIsWrittenReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := []manifest.Resource{resource(t), resource(t)}
		var buf bytes.Buffer
		if err := manifest.Write(&buf, manifest.Omit, want...); err != nil {
			t.Fatal(err)
		}
		documents, err := manifest.Read("a.yaml", buf.Bytes(), nothing())
		if err != nil {
			t.Fatalf("%v\n%s", err, buf.String())
		}
		if len(documents) != len(want) {
			t.Fatalf("%d documents\n%s", len(documents), buf.String())
		}
		for i, d := range documents {
			if !proto.Equal(d.Resource, want[i]) {
				t.Fatalf("got %v\nwant %v\n%s", d.Resource, want[i], buf.String())
			}
		}
	})
}

const rules = `apiVersion: parley.dev/v1
kind: Ruleset
metadata:
  name: urgent
spec:
  classify:
    - name: in two lines
      when: |-
        message.text.contains("urgent") ||
          customer.vip
      set:
        priority: 0
        skills:
          - skill: bulgarian
            value: 7
          - skill: billing
        capacityProfiles: [chat, "10"]
        variables:
          Tier_1: gold
          aisle: "7"
          shop: Витоша
          tier: "1.5"
    - name: nothing
      set: {}
    - {}
`

// Lists of messages stand a block an item, lists of single values in a line,
// and text of several lines as it is.
func TestHowDocumentsAreWritten(t *testing.T) {
	documents, err := manifest.Read("a.yaml", []byte(rules), nothing())
	if err != nil {
		t.Fatal(err)
	}
	set := documents[0].Resource.(*configv1.Ruleset).GetClassify()[0].GetSet()
	if set.Priority == nil || set.GetSkills()[0].GetValue() != 7 || set.GetVariables()["Tier_1"] != "gold" {
		t.Errorf("read as %v", set)
	}
	var buf bytes.Buffer
	if err := manifest.Write(&buf, manifest.Omit, documents[0].Resource); err != nil {
		t.Fatal(err)
	}
	if buf.String() != rules {
		t.Errorf("written as\n%s", buf.String())
	}
}

// Dates and times need no quotes, though YAML takes some for other than text.
func TestDatesAndTimes(t *testing.T) {
	const spec = "{week: [{days: [sunday], open: [{from: 08:30, to: 24:00}], from: 2027-01-31}], specialDays: [{from: 12-24, yearly: true}]}"
	documents, err := manifest.Read("a.yaml", []byte("apiVersion: parley.dev/v1\nkind: Schedule\nmetadata: {name: a}\nspec: "+spec), nothing())
	if err != nil {
		t.Fatal(err)
	}
	s := documents[0].Resource.(*configv1.Schedule)
	w := s.GetWeek()[0]
	if w.GetFrom() != "2027-01-31" || w.GetOpen()[0].GetFrom() != "08:30" || w.GetOpen()[0].GetTo() != "24:00" || s.GetSpecialDays()[0].GetFrom() != "12-24" {
		t.Errorf("read as %v", s)
	}
}

// A violation of the server is found on the line of its field, however deep.
func TestWhereAFieldStands(t *testing.T) {
	documents, err := manifest.Read("a.yaml", []byte(rules), nothing())
	if err != nil {
		t.Fatal(err)
	}
	for path, line := range map[string]string{
		"meta.id":                               "a.yaml:4:",
		"classify[0]":                           "a.yaml:7:",
		"classify[0].when":                      "a.yaml:8:",
		"classify[0].set.skills[1]":             "a.yaml:16:",
		"classify[0].set.skills[0].value":       "a.yaml:15:",
		"classify[0].set.skills[1].value":       "a.yaml:16:", // not given: where its skill stands
		"classify[0].set.capacity_profiles[1]":  "a.yaml:17:",
		"classify[0].set.variables[Tier_1]":     "a.yaml:19:",
		"classify[0].set.variables[no.such[x]]": "a.yaml:18:",
		"classify[2].name":                      "a.yaml:25:",
		"route[0].queues":                       "a.yaml:5:",
	} {
		if got := documents[0].Where(manifest.Field(path)); !strings.HasPrefix(got, line) {
			t.Errorf("%s stands at %s, want %s", path, got, line)
		}
	}
}

func TestEachMistakeNamesLineAndRemedy(t *testing.T) {
	const head = "apiVersion: parley.dev/v1\nkind: %s\nmetadata: {name: a}\nspec:\n"
	for _, c := range []struct{ kind, spec, says string }{
		{"Ruleset", "  classify:\n  - nam: x", `a.yaml:6: document 1, Ruleset a: spec.classify[0].nam: is not known; did you mean name?`},
		{"Ruleset", "  classify:\n  - name: x\n    name: y", `a.yaml:7: document 1, Ruleset a: spec.classify[0].name: is given twice, first on line 6; keep one`},
		{"Ruleset", "  classify: {name: x}", `a.yaml:5: document 1, Ruleset a: spec.classify: is a mapping; write a list, each item behind a dash: - {...}`},
		{"Ruleset", "  classify: [x]", `spec.classify[0]: is a single value; write a mapping of names to values`},
		{"Ruleset", "  classify:\n  -\n  - name: x", `spec.classify[0]: is empty; write a mapping of names to values`},
		{"Ruleset", "  classify: [{set: {variables: [a]}}]", `spec.classify[0].set.variables: is a list; write a mapping of names to values`},
		{"Ruleset", "  classify: [{set: {variables: {a: x, a: y}}}]", `spec.classify[0].set.variables[a]: is given twice, first on line 5; keep one`},
		{"Ruleset", "  classify: [{set: {variables: {a_b: true}}}]", `spec.classify[0].set.variables[a_b]: "true" is not text; put it in quotes`},
		{"Ruleset", "  classify: [{set: {variables: {true: x}}}]", `spec.classify[0].set.variables[true]: "true" is not text; put it in quotes`},
		{"Ruleset", "  classify: [{set: {variables: {[a]: x}}}]", `is a list; write a single value`},
		{"Ruleset", "  classify: [{set: {variables: {<<: x}}}]", `spec.classify[0].set.variables[<<]: "<<" is not text; put it in quotes`},
		{"Ruleset", "  classify: [{set: {priority: high}}]", `spec.classify[0].set.priority: "high" is not a whole number; write digits without quotes`},
		{"Ruleset", "  classify: [{when: true}]", `spec.classify[0].when: "true" is not text; put it in quotes`},
		{"Ruleset", "  route: [{queues: [{queue: a, percent: 50.5}]}]", `spec.route[0].queues[0].percent: "50.5" is not a whole number`},
		{"Ruleset", "  route: [{queues: [{queue: &q a}, {queue: *q}]}]", `spec.route[0].queues[1].queue: is an alias, which manifests do not have; write a single value`},
		{"Ruleset", "  route: &r [{name: x}]\n  classify: *r", `spec.classify: is an alias, which manifests do not have; write a list`},
		{"Ruleset", "  route: [{overflow: [{condition: busy}]}]", `spec.route[0].overflow[0].condition: "busy" is not known; use one of out_of_hours, items`},
		{"Schedule", "  week: [{days: [monday, moonday]}]", `spec.week[0].days[1]: "moonday" is not known; use one of monday, tuesday`},
		{"Schedule", "  week: [{days: monday}]", `spec.week[0].days: is a single value; write a list, [a, b]`},
		{"Schedule", "  week: [{days: [unspecified]}]", `spec.week[0].days[0]: "unspecified" is not known; use one of monday`},
		{"Schedule", "  special_days: []", `spec.special_days: is not known; did you mean specialDays?`},
	} {
		_, err := manifest.Read("a.yaml", []byte(strings.Replace(head, "%s", c.kind, 1)+c.spec+"\n"), nothing())
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Count(err.Error(), "a.yaml:") != 1 {
			t.Errorf("%s\n%v\nwant only %s", c.spec, err, c.says)
		}
	}
}

// Whatever reads is written, and reads again as the same.
func FuzzRead(f *testing.F) {
	f.Add([]byte(rules))
	f.Add([]byte("apiVersion: parley.dev/v1\nkind: Schedule\nmetadata: {name: a}\nspec:\n  week: [{days: [monday], open: [{from: 08:30, to: 24:00}], from: 2026-12-24}]\n---\nkind: Page\n"))
	f.Add([]byte("apiVersion: parley.dev/v1\nkind: Page\nmetadata: {name: a}\nspec: {pageId: 12, accessToken: {value: x}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		documents, err := manifest.Read("a.yaml", data, nothing())
		if err != nil {
			return
		}
		for _, d := range documents {
			var buf bytes.Buffer
			if err := manifest.Write(&buf, manifest.Omit, d.Resource); err != nil {
				t.Fatal(err)
			}
			again, err := manifest.Read("a.yaml", buf.Bytes(), nothing())
			if err != nil || len(again) != 1 {
				t.Fatalf("%v\n%s", err, buf.String())
			}
			want := plain(d.Resource)
			if !proto.Equal(again[0].Resource, want) {
				t.Fatalf("got %v\nwant %v\n%s", again[0].Resource, want, buf.String())
			}
		}
	})
}

// plain is r without what manifests do not write: secrets and the etag.
func plain(r manifest.Resource) manifest.Resource {
	c, _ := proto.Clone(r).(manifest.Resource)
	c.GetMeta().Etag = ""
	fields := c.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if unsaid(fields.Get(i)) {
			c.ProtoReflect().Clear(fields.Get(i))
		}
	}
	return c
}
