package validate_test

import (
	"fmt"
	"testing"

	configv1 "github.com/parley-desk/parley/proto/gen/parley/config/v1"
)

func TestMistakesOfDispositions(t *testing.T) {
	type codes = []*configv1.DispositionCode
	good := &configv1.Dispositions{Most: 12, Required: true, NoteRequired: true, Codes: codes{{Code: "sold", Name: "Sold"}, {Code: "old", Name: "Old", Inactive: true}}}
	if found := check(broken(func(w *workstream) { w.Dispositions = good })); len(found) > 0 {
		t.Errorf("good ones: %v", found)
	}
	for _, m := range []struct {
		name, field, says string
		d                 *configv1.Dispositions
	}{
		{"too many chosen", "dispositions.most", "13 is out of range; use 1 to 12", &configv1.Dispositions{Most: 13}},
		{"no code", "dispositions.codes[0].code", `"" is not a code`, &configv1.Dispositions{Codes: codes{{Name: "Sold"}}}},
		{"shouted", "dispositions.codes[0].code", `"Sold" is not a code; use 1 to 63 of a-z`, &configv1.Dispositions{Codes: codes{{Code: "Sold", Name: "Sold"}}}},
		{"code twice", "dispositions.codes[1].code", `"sold" stands in dispositions.codes[0].code already`, &configv1.Dispositions{Codes: codes{{Code: "sold", Name: "Sold"}, {Code: "sold", Name: "Bought"}}}},
		{"name twice", "dispositions.codes[1].name", `"Sold" is the name in dispositions.codes[0].name already`, &configv1.Dispositions{Codes: codes{{Code: "a", Name: "Sold"}, {Code: "b", Name: "Sold"}}}},
		{"no name", "dispositions.codes[0].name", "is missing", &configv1.Dispositions{Codes: codes{{Code: "a"}}}},
		{"required of none", "dispositions.required", "there is no code to choose", &configv1.Dispositions{Required: true, Codes: codes{{Code: "a", Name: "A", Inactive: true}}}},
		{"too many", "dispositions.codes", "has 101 codes; use at most 100", &configv1.Dispositions{Codes: some(101, func(i int) *configv1.DispositionCode {
			return &configv1.DispositionCode{Code: fmt.Sprint("c", i), Name: fmt.Sprint(i)}
		})}},
	} {
		mistake{"L117", m.name, broken(func(w *workstream) { w.Dispositions = m.d }), m.field, m.says}.check(t)
	}
}
