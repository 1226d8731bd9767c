package scan_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/parley-desk/parley/services/ingress/internal/scan"
)

// deep is more than any input of these tests nests.
const deep = 1 << 20

func check(data []byte, depth int) error {
	r := scan.New(data, depth)
	if _, err := r.Skip(); err != nil {
		return err
	}
	return r.End()
}

func FuzzAgreesWithEncodingJSON(f *testing.F) {
	for _, s := range []string{
		``, ` `, `{}`, `[]`, `[,]`, `[1,]`, `{"a":1,}`, `{"a"}`, `{a:1}`, `nul`, `null`, `true false`, `"`, `"\u12"`,
		`"\u00eG"`, `"\x"`, "\"\x01\"", "\"\xff\"", `01`, `-`, `-0`, `-0.0e+1`, `1.`, `1e`, `.5`, `[[[[]]]]`, `{"a":{"b":[1,"c"]}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Count(string(data), "[")+strings.Count(string(data), "{") > 9000 {
			t.Skip("encoding/json has a depth limit of its own")
		}
		if got, want := check(data, deep) == nil, json.Valid(data); got != want {
			t.Fatalf("valid = %v, encoding/json says %v: %q", got, want, data)
		}
	})
}

func TestDepthIsBounded(t *testing.T) {
	nest := func(n int) []byte { return []byte(strings.Repeat(`[`, n) + strings.Repeat(`]`, n)) }
	if err := check(nest(64), 64); err != nil {
		t.Errorf("64 levels of 64: %v", err)
	}
	if err := check(nest(65), 64); !errors.Is(err, scan.ErrDepth) {
		t.Errorf("65 levels of 64: %v, want %v", err, scan.ErrDepth)
	}
	wide := []byte(`[` + strings.Repeat(`[],`, 100) + `[]]`)
	if err := check(wide, 2); err != nil {
		t.Errorf("wide is not deep: %v", err)
	}
}

func TestObjectHandsOutSlicesOfTheInput(t *testing.T) {
	data := []byte(` { "a" : [1, 2] , "b\u0063":"x\/y" } `)
	got := map[string]string{}
	r := scan.New(data, 8)
	err := r.Object(func(key []byte) error {
		raw, err := r.Skip()
		got[string(key)] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got["a"] != `[1, 2]` || got[`b\u0063`] != `"x\/y"` || len(got) != 2 {
		t.Errorf("members: %q", got)
	}
}
