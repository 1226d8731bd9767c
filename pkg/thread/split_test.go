package thread_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
	"pgregory.net/rapid"

	"github.com/parley-desk/parley/pkg/thread"
)

const (
	family = "👨‍👩‍👧‍👦" // one grapheme of 11 UTF-16 units
	most   = 1900
)

func units(s string) int { return len(utf16.Encode([]rune(s))) }

func TestWhereATextIsCut(t *testing.T) {
	x := strings.Repeat
	for _, c := range []struct {
		name string
		text string
		want []string
	}{
		{"nothing", "", nil},
		{"white space alone", " \n\t\u00a0 ", nil},
		{"a word", "hello", []string{"hello"}},
		{"white space around it", "\n hello ", []string{"hello"}},
		{"white space within stays", "a  b\n\nc", []string{"a  b\n\nc"}},
		{"just full", x("a", most), []string{x("a", most)}},
		{"one too many", x("a", most+1), []string{x("a", most), "a"}},
		{"between words", x("a", most-5) + " bcdefgh", []string{x("a", most-5), "bcdefgh"}},
		{"a space at the very end of a part", x("a", most) + " b", []string{x("a", most), "b"}},
		{"at a line", x("a", most-1) + "\n" + x("b", most), []string{x("a", most-1), x("b", most)}},
		{"the last space that fits, not the first", x("a", 1000) + " " + x("b", 800) + " " + x("c", 500), []string{x("a", 1000) + " " + x("b", 800), x("c", 500)}},
		{"a space too early is not taken", "a " + x("b", 2*most), []string{"a " + x("b", most-2), x("b", most), "bb"}},
		{"Cyrillic counts letters, not bytes", x("ж", most), []string{x("ж", most)}},
		{"a pair of surrogates counts two", x("😀", most/2+1), []string{x("😀", most/2), "😀"}},
		{"a family is not torn apart", x("a", most-5) + family, []string{x("a", most-5), family}},
		{"nor a letter from its accent", x("a", most-1) + "e\u0301", []string{x("a", most-1), "e\u0301"}},
		{"nor a flag", x("a", most-2) + "🇧🇬", []string{x("a", most-2), "🇧🇬"}},
		{"one grapheme longer than a message", "e" + x("\u0301", most+10), []string{"e" + x("\u0301", most-1), x("\u0301", 11)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := thread.Split(c.text); !slices.Equal(got, c.want) {
				t.Errorf("cut into %d parts of %v units, want %v", len(got), sizes(got), sizes(c.want))
			}
		})
	}
}

func sizes(parts []string) (all []int) {
	for _, p := range parts {
		all = append(all, units(p))
	}
	return all
}

// words are drawn of everything that can go wrong at a cut.
func words() *rapid.Generator[string] {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{family, "🇧🇬", "e\u0301", "👍🏽", "क्षि", "\r\n", "\u200d"}),
		rapid.StringOfN(rapid.RuneFrom([]rune("abвг😀")), 1, 300, -1),
		rapid.SampledFrom([]string{" ", "\n", "\u00a0", "\t", "  "}),
	)
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(piece, 0, 60).Draw(t, "pieces"), "")
	})
}

// Parts are found in the text one behind the other, with nothing but white space
// between them; none is longer than Meta takes by any way of counting; and
// wherever the text is cut, a grapheme ends.
func TestPartsAreTheText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := words().Draw(t, "text")
		borders := map[int]bool{0: true}
		for g, at := graphemes.FromString(text), 0; g.Next(); {
			at += len(g.Value())
			borders[at] = true
		}
		at := 0
		for i, p := range thread.Split(text) {
			if n := units(p); n == 0 || n > most || utf8.RuneCountInString(p) >= 2000 {
				t.Fatalf("part %d has %d units", i, n)
			}
			rest := strings.TrimLeftFunc(text[at:], unicode.IsSpace)
			if !strings.HasPrefix(rest, p) {
				t.Fatalf("part %d is not what comes next", i)
			}
			begins := len(text) - len(rest)
			if at = begins + len(p); !borders[begins] && !spaced(text, begins) {
				t.Fatalf("part %d begins inside a grapheme", i)
			}
		}
		if strings.TrimSpace(text[at:]) != "" {
			t.Fatal("the end is missing")
		}
	})
}

// spaced tells whether white space was dropped before at, after which a lone
// mark may begin a part.
func spaced(text string, at int) bool {
	r, _ := utf8.DecodeLastRuneInString(text[:at])
	return unicode.IsSpace(r)
}
