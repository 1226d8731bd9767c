// Package look says what a file is by what it holds (SA3), whoever sent it. What
// its sender called it decides nothing, except between sorts that hold the same.
package look

import (
	"bytes"
	"errors"
	"image"
	_ "image/gif"  // pictures are measured, never decoded
	_ "image/jpeg" // the same
	_ "image/png"  // the same
	"io"
	"net/http"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Sort is a sort of file.
type Sort struct {
	Extension string // as administrators name it; empty: unknown
	Type      string // media type
}

// sorts are those that can be taken, with the media types under which they are
// given back.
var sorts = map[string]string{
	"jpg": "image/jpeg", "png": "image/png", "gif": "image/gif",
	"mp3": "audio/mpeg", "ogg": "audio/ogg", "amr": "audio/amr", "aac": "audio/aac", "wav": "audio/wav", "mp4": "video/mp4",
	"pdf": "application/pdf", "txt": "text/plain; charset=utf-8",
	"docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	"xls":  "application/vnd.ms-excel",
}

// HeadSize is how much of a file Of wants to see.
const HeadSize = 4 << 10

// signatures are how sorts begin.
var signatures = []struct{ begins, extension string }{
	{"\xff\xd8\xff", "jpg"}, {"\x89PNG\r\n\x1a\n", "png"}, {"GIF87a", "gif"}, {"GIF89a", "gif"},
	{"ID3", "mp3"}, {"OggS", "ogg"}, {"#!AMR", "amr"}, {"%PDF-", "pdf"},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xls"},
}

// Of is what a file is that begins with head and that its sender called name.
// kind is Meta's word for it: a recording comes in the box of a film.
func Of(head []byte, name, kind string) Sort {
	extension := content(head, strings.ToLower(strings.TrimPrefix(path.Ext(name), ".")))
	s := Sort{Extension: extension, Type: sorts[extension]}
	if extension == "mp4" && kind == "audio" {
		s.Type = "audio/mp4"
	}
	return s
}

// Kind is what Messenger shows a sort as: "image", "audio", "video" or "file".
func (s Sort) Kind() string {
	switch kind, _, _ := strings.Cut(s.Type, "/"); kind {
	case "image", "audio", "video":
		return kind
	}
	return "file"
}

func content(head []byte, named string) string {
	for _, s := range signatures {
		if bytes.HasPrefix(head, []byte(s.begins)) {
			return s.extension
		}
	}
	switch {
	case len(head) > 12 && string(head[4:8]) == "ftyp":
		return "mp4"
	case len(head) > 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WAVE":
		return "wav"
	case len(head) > 2 && head[0] == 0xff && head[1]&0xf6 == 0xf0: // a frame of AAC
		return "aac"
	case len(head) > 2 && head[0] == 0xff && head[1]&0xe6 == 0xe2: // a frame of MPEG audio, layer III
		return "mp3"
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return office(head, named)
	case named == "txt" || named == "":
		return text(head)
	}
	return ""
}

// office tells the two sorts of packed document apart by the parts that come
// first, or by name when only those come that both have.
func office(head []byte, named string) string {
	word, sheet := bytes.Contains(head, []byte("word/")), bytes.Contains(head, []byte("xl/"))
	switch {
	case word && !sheet:
		return "docx"
	case sheet && !word:
		return "xlsx"
	case bytes.Contains(head, []byte("[Content_Types].xml")) && (named == "docx" || named == "xlsx"):
		return named
	}
	return ""
}

// text is for what nobody would take for anything else: a browser must not find
// a page in it.
func text(head []byte) string {
	for i := 1; i < utf8.UTFMax && !utf8.Valid(head) && len(head) > 0; i++ {
		head = head[:len(head)-1] // perhaps cut in the middle of a letter
	}
	if http.DetectContentType(head) == "text/plain; charset=utf-8" && utf8.Valid(head) {
		return "txt"
	}
	return ""
}

// MaxPixels is how large a picture may say that it is: unpacked, it is four
// bytes a pixel in the browser of an agent.
const MaxPixels = 40_000_000

// ErrPixels is a picture that says it is larger.
var ErrPixels = errors.New("the picture has too many pixels")

// Measure reads how large a picture says that it is, from its head; 0 by 0 when
// that cannot be told, and then it is no picture to be shown.
func Measure(r io.Reader) (width, height int, _ error) {
	size, _, err := image.DecodeConfig(r)
	switch {
	case err != nil || size.Width <= 0 || size.Height <= 0:
		return 0, 0, nil
	case int64(size.Width)*int64(size.Height) > MaxPixels:
		return 0, 0, ErrPixels
	}
	return size.Width, size.Height, nil
}

// HeadRoom is how much of a picture Measure wants to see: cameras put a small
// picture and a description in front.
const HeadRoom = 256 << 10

// maxName is how long a name may be, in bytes.
const maxName = 255

// Name is the name of a file for people, out of the path of a link: without
// folders, and without characters that hide or turn what it says (SA5).
func Name(raw, extension string) string {
	name := strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) || strings.ContainsRune(`/\:*?"<>|`, r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, path.Base(strings.ReplaceAll(raw, `\`, "/")))
	name = strings.Trim(name, " .")
	if at := strings.LastIndexByte(name, '.'); at > 0 && !strings.EqualFold(name[at+1:], extension) || name == "" || at < 0 {
		name = strings.TrimSuffix(name+"."+extension, ".")
	}
	for len(name) > maxName {
		_, size := utf8.DecodeRuneInString(name)
		name = name[size:] // the end says what it is
	}
	return strings.TrimPrefix(name, ".")
}
