package contact

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// latin spells letters of other alphabets, and some of the Latin one, with plain
// ones: Bulgarian by the official transliteration, with the letters of Russian,
// Serbian, Macedonian and Ukrainian beside it.
var latin = map[rune]string{
	'а': "a", 'б': "b", 'в': "v", 'г': "g", 'д': "d", 'е': "e", 'ж': "zh", 'з': "z", 'и': "i", 'к': "k", 'л': "l", 'м': "m",
	'н': "n", 'о': "o", 'п': "p", 'р': "r", 'с': "s", 'т': "t", 'у': "u", 'ф': "f", 'х': "h", 'ц': "ts", 'ч': "ch", 'ш': "sh",
	'щ': "sht", 'ъ': "a", 'ь': "y", 'ю': "yu", 'я': "ya", 'ы': "i", 'э': "e",
	'ђ': "dj", 'ј': "y", 'љ': "ly", 'њ': "ny", 'ћ': "c", 'џ': "dzh", 'ѕ': "dz", 'і': "i", 'є': "ye", 'ґ': "g",
	'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'ł': "l", 'đ': "d", 'ð': "d", 'þ': "th", 'ı': "i",
	'x': "ks", 'w': "v",
}

// Words are the words of text as they are compared: without case, accents and
// alphabet. The words of a beginning of text are those of text, the last one cut:
// so a beginning in any alphabet finds the whole.
func Words(text string) []string {
	var words []string
	var w folder
	for _, r := range norm.NFKD.String(text) {
		switch {
		case unicode.Is(unicode.Mn, r), r == '\'', r == '’':
		case unicode.IsLetter(r) || unicode.IsNumber(r):
			w.add(r)
		default:
			words = w.end(words)
		}
	}
	return w.end(words)
}

// SameName tells whether two names have the same words.
func SameName(a, b string) bool {
	return strings.Join(Words(a), " ") == strings.Join(Words(b), " ")
}

// folder spells one word. It only ever appends, so the spelling of a beginning is
// the beginning of the spelling.
type folder struct {
	out  strings.Builder
	last byte
}

func (w *folder) add(r rune) {
	r = unicode.ToLower(r)
	spelt, known := latin[r]
	if !known {
		spelt = string(r)
	}
	for i := 0; i < len(spelt); i++ {
		c := spelt[i]
		if c == 'y' {
			c = 'i' // Николай, Nikolay and Nikolai
		}
		if c == 'i' && w.last == 'i' {
			continue // Мария, Mariya and Maria
		}
		w.out.WriteByte(c)
		w.last = c
	}
}

// end gives words and the word that ends here, if there is one.
func (w *folder) end(words []string) []string {
	if w.out.Len() > 0 {
		words = append(words, w.out.String())
	}
	*w = folder{}
	return words
}

// address is an e-mail address, or another id, as it is compared.
func address(s string) string { return strings.ToLower(norm.NFC.String(strings.TrimSpace(s))) }

// Digits of a telephone number.
const (
	fewestDigits = 5
	mostDigits   = 15 // E.164
)

// twoDigits are the country codes of two digits. 1 and 7 have one, all others
// three.
const twoDigits = " 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 "

// Phone is a telephone number as it is kept: "+" and digits when it is written
// with its country, its digits otherwise. False when it is no number.
func Phone(s string) (string, bool) {
	digits, foreign, ok := dial(s)
	if !ok || len(digits) < fewestDigits || len(digits) > mostDigits {
		return "", false
	}
	switch {
	case !foreign:
		return digits, true
	case digits[0] == '0': // no country begins with it
		return "", false
	}
	return "+" + digits, true
}

// dial reads what somebody would dial: digits, and whether they begin with a
// country code. False when s holds something else than a number.
func dial(s string) (digits string, foreign, ok bool) {
	var out strings.Builder
	for _, r := range norm.NFKC.String(strings.TrimSpace(s)) {
		switch {
		case r >= '0' && r <= '9':
			out.WriteRune(r)
		case r == '+' && out.Len() == 0 && !foreign:
			foreign = true
		case unicode.IsSpace(r) || strings.ContainsRune("()-./‐‑–", r):
		default:
			return "", false, false
		}
	}
	digits = out.String()
	if rest, cut := strings.CutPrefix(digits, "00"); cut && !foreign {
		digits, foreign = rest, true
	}
	return digits, foreign, true
}

// national is a number without country code and without the 0 that is dialled
// inside a country.
func national(phone string) string {
	digits, foreign := strings.CutPrefix(phone, "+")
	if !foreign {
		return strings.TrimLeft(digits, "0")
	}
	n := 3
	switch {
	case digits != "" && (digits[0] == '1' || digits[0] == '7'):
		n = 1
	case len(digits) >= 2 && strings.Contains(twoDigits, " "+digits[:2]+" "):
		n = 2
	}
	return digits[min(n, len(digits)):]
}

// printable tells whether s is valid text without control characters other than
// those allowed.
func printable(s, allowed string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune(allowed, r) })
}
