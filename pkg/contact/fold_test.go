package contact

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWordsAreComparedWithoutCaseAccentsAndAlphabet(t *testing.T) {
	for _, same := range [][]string{
		{"Иван Петров", "ivan petrov", "IVAN  PETROV", "Ivan\u00a0Petrov", "иван-петров"},
		{"Мария", "Mariya", "Maria", "МАРИЯ"},
		{"Николай", "Nikolay", "Nikolai"},
		{"Щерьо", "Shteryo"},
		{"Ъглен", "Aglen"},
		{"Людмил Чавдаров", "lyudmil chavdarov"},
		{"Müller", "Mu\u0308ller", "MULLER"},
		{"Straße", "STRASSE"},
		{"Łukasz", "Lukasz"},
		{"O’Neil", "O'Neil", "ONeil"},
		{"Alexander", "Aleksander"},
		{"Ｉｖａｎ", "Ivan"},
	} {
		for _, s := range same[1:] {
			if got, want := Words(s), Words(same[0]); !slices.Equal(got, want) {
				t.Errorf("%q is %q, and %q is %q", s, got, same[0], want)
			}
		}
	}
	if got := Words(" ,. "); len(got) > 0 {
		t.Errorf("words of nothing: %q", got)
	}
}

// Whoever types sees what they look for from the first letter to the last.
func TestABeginningFindsTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("абвгйиьщъюяabxyzwi üßé'-. 12")), 1, 20, -1).Draw(t, "text")
		runes := []rune(text)
		cut := string(runes[:rapid.IntRange(0, len(runes)).Draw(t, "cut")])
		whole, begun := Words(text), Words(cut)
		if len(begun) > len(whole) {
			t.Fatalf("%q has words %q, its beginning %q has %q", text, whole, cut, begun)
		}
		for i, w := range begun {
			if last := i == len(begun)-1; !last && w != whole[i] || !strings.HasPrefix(whole[i], w) {
				t.Fatalf("%q has words %q, its beginning %q has %q", text, whole, cut, begun)
			}
		}
	})
}

func TestPhone(t *testing.T) {
	for given, want := range map[string]string{
		"+359 888 123 456":     "+359888123456",
		"00359 (888) 12-34.56": "+359888123456",
		"0888 123 456":         "0888123456",
		" +1 202-555-0182 ":    "+12025550182",
		"＋３５９８８８１２３４５６":        "+359888123456",
		"1234":             "",
		"+0123456":         "",
		"call me":          "",
		"1234567890123456": "",
		"":                 "",
		"12+34567":         "",
	} {
		if got, ok := Phone(given); got != want || ok != (want != "") {
			t.Errorf("%q is %q, want %q", given, got, want)
		}
	}
	for phone, want := range map[string]string{"+359888123456": "888123456", "0888123456": "888123456", "+12025550182": "2025550182", "+44207946": "207946", "+": ""} {
		if got := national(phone); got != want {
			t.Errorf("inside its country %s is dialled %q, want %q", phone, got, want)
		}
	}
}
