package look_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/look"
)

func encoded(t *testing.T, kind string) []byte {
	t.Helper()
	var b bytes.Buffer
	picture := image.NewPaletted(image.Rect(0, 0, 32, 24), color.Palette{color.Black, color.White})
	var err error
	switch kind {
	case "png":
		err = png.Encode(&b, picture)
	case "jpg":
		err = jpeg.Encode(&b, picture, nil)
	case "gif":
		err = gif.Encode(&b, picture, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestSortsAreKnownByWhatTheyHold (SA3), and by no name that says otherwise.
func TestSortsAreKnownByWhatTheyHold(t *testing.T) {
	zip := "PK\x03\x04\x14\x00\x06\x00\x08\x00"
	for _, c := range []struct{ name, head, kind, want, media string }{
		{"a.jpg", string(encoded(t, "jpg")), "image", "jpg", "image/jpeg"},
		{"a.jpg", string(encoded(t, "png")), "image", "png", "image/png"},
		{"a.png", string(encoded(t, "gif")), "image", "gif", "image/gif"},
		{"a.mp3", "ID3\x03", "audio", "mp3", "audio/mpeg"},
		{"a.mp3", "\xff\xfb\x90\x00", "audio", "mp3", "audio/mpeg"},
		{"a.oga", "OggS\x00", "audio", "ogg", "audio/ogg"},
		{"a.amr", "#!AMR\n", "audio", "amr", "audio/amr"},
		{"a.mp4", "\x00\x00\x00\x20ftypisom\x00\x00", "video", "mp4", "video/mp4"},
		{"a.mp4", "\x00\x00\x00\x20ftypM4A \x00\x00", "audio", "mp4", "audio/mp4"},
		{"a.aac", "\xff\xf1\x50\x80", "audio", "aac", "audio/aac"},
		{"a.wav", "RIFF\x24\x00\x00\x00WAVEfmt ", "audio", "wav", "audio/wav"},
		{"a.webp", "RIFF\x24\x00\x00\x00WEBPVP8 ", "image", "", ""},
		{"a.pdf", "%PDF-1.7", "file", "pdf", "application/pdf"},
		{"a.txt", "Здравейте, поръчка 12", "file", "txt", "text/plain; charset=utf-8"},
		{"a.txt", strings.Repeat("ж", 2048)[:4095], "file", "txt", "text/plain; charset=utf-8"},
		{"a.docx", zip + "[Content_Types].xml", "file", "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
		{"a.zip", zip + "word/document.xml", "file", "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
		{"a.xlsx", zip + "xl/workbook.xml", "file", "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
		{"a.xls", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "file", "xls", "application/vnd.ms-excel"},
		// What nobody takes, under names that everybody would.
		{"a.jpg", "<html><script>", "image", "", ""},
		{"a.txt", "<!doctype html><script>", "file", "", ""},
		{"a.txt", "  \n<SCRIPT>alert(1)</SCRIPT>", "file", "", ""},
		{"a.txt", "<?xml version=\"1.0\"?><svg>", "file", "", ""},
		{"a.png", "<svg xmlns=\"http://www.w3.org/2000/svg\">", "image", "", ""},
		{"a.txt", "\xff\xfe\x00\x01binary", "file", "", ""},
		{"a.pdf", "MZ\x90\x00", "file", "", ""},
		{"a.jpg", "\x7fELF", "image", "", ""},
		{"a.docx", zip + "evil.exe", "file", "", ""},
		{"a.zip", zip + "[Content_Types].xml", "file", "", ""},
		{"a.exe", "plain words", "file", "", ""},
	} {
		if got := look.Of([]byte(c.head), c.name, c.kind); got.Extension != c.want || got.Type != c.media {
			t.Errorf("%s %.12q: %+v, want %s", c.name, c.head, got, c.want)
		}
	}
}

// bomb is the head of a picture that says it is as large as that.
func bomb(width, height uint32) []byte {
	header := binary.BigEndian.AppendUint32([]byte("IHDR"), width)
	header = append(binary.BigEndian.AppendUint32(header, height), 8, 6, 0, 0, 0)
	b := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), header...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(header))
}

// TestPicturesAreMeasuredAndNotUnpacked (SA3): 33 bytes say 10 GB.
func TestPicturesAreMeasuredAndNotUnpacked(t *testing.T) {
	for _, kind := range []string{"png", "jpg", "gif"} {
		if w, h, err := look.Measure(bytes.NewReader(encoded(t, kind))); w != 32 || h != 24 || err != nil {
			t.Errorf("%s: %d by %d (%v)", kind, w, h, err)
		}
	}
	for _, c := range []struct {
		width, height uint32
		want          error
	}{{50_000, 50_000, look.ErrPixels}, {40_000_001, 1, look.ErrPixels}, {8000, 5000, nil}} {
		var err error
		grown := testing.AllocsPerRun(1, func() { _, _, err = look.Measure(bytes.NewReader(bomb(c.width, c.height))) })
		if !errors.Is(err, c.want) || grown > 100 {
			t.Errorf("%d by %d: %v with %v allocations", c.width, c.height, err, grown)
		}
	}
	if w, h, err := look.Measure(strings.NewReader("\xff\xd8\xff\xe0 no picture")); w != 0 || h != 0 || err != nil {
		t.Errorf("no picture: %d by %d (%v)", w, h, err)
	}
}

// TestNames (SA5, L8) show what they are, and no more than a name.
func TestNames(t *testing.T) {
	for raw, want := range map[string]string{
		"report.pdf": "report.pdf", "Отчет 2026.PDF": "Отчет 2026.PDF", "../../etc/passwd": "passwd.pdf", `C:\x\a.pdf`: "a.pdf",
		"a\u202efdp.exe": "afdp.exe.pdf", "a\x00b\r\n.pdf": "ab.pdf", "": "pdf", "...": "pdf", ".htaccess": "htaccess.pdf", `a"<>|.pdf`: "a.pdf",
		strings.Repeat("ж", 300) + ".pdf": strings.Repeat("ж", 125) + ".pdf",
	} {
		if got := look.Name(raw, "pdf"); got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
}
