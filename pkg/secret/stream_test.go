package secret_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/secret"
)

// piece is how much of the sealed bytes stands for itself.
const piece = 256 << 10

func newStream(t testing.TB, b *secret.Box, data string) *secret.Stream {
	t.Helper()
	s, err := b.Stream("test", []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// long is more than two pieces in which no two bytes in a row are those of another row.
func long() []byte {
	plain := make([]byte, 2*piece+1000)
	for i := range plain {
		plain[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return plain
}

func sealed(t testing.TB, s *secret.Stream, place string, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := s.Seal(&out, place)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestAStreamOpensToWhatWasSealed(t *testing.T) {
	box := newBox(t)
	for _, n := range []int{0, 1, piece - 56, piece - 55, piece, 2*piece + 1000} {
		plain := long()[:n]
		s := newStream(t, box, "one")
		cipher := sealed(t, s, "a", plain)
		if n > 100 && bytes.Contains(cipher, plain[:100]) {
			t.Errorf("%d bytes are there in clear", n)
		}
		got, err := io.ReadAll(iotest.HalfReader(newStream(t, box, "one").Open(bytes.NewReader(cipher), "a")))
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("of %d bytes %d came: %v", n, len(got), err)
		}
	}
}

// TestAStreamThatIsNotWhatWasSealedIsRefused: another key, place or keyset, and whatever
// is done to the pieces.
func TestAStreamThatIsNotWhatWasSealedIsRefused(t *testing.T) {
	box, plain := newBox(t), long()
	s := newStream(t, box, "one")
	whole := sealed(t, s, "a", plain)
	edit := func(change func(b []byte) []byte) []byte { return change(bytes.Clone(whole)) }
	other := sealed(t, s, "a", plain)
	for name, c := range map[string]struct {
		by    *secret.Stream
		place string
		bytes []byte
	}{
		"another place":  {s, "b", whole},
		"another salt":   {newStream(t, box, "two"), "a", whole},
		"another keyset": {newStream(t, newBox(t), "one"), "a", whole},
		"nothing":        {s, "a", nil},
		"half a header":  {s, "a", whole[:20]},
		"only a header":  {s, "a", whole[:40]},
		"a short end":    {s, "a", whole[:len(whole)-1]},
		"no last piece":  {s, "a", whole[:2*piece]},
		"more behind it": {s, "a", edit(func(b []byte) []byte { return append(b, 0) })},
		"a changed bit":  {s, "a", edit(func(b []byte) []byte { b[piece+7] ^= 1; return b })},
		"two pieces in each other's place": {s, "a", edit(func(b []byte) []byte {
			return bytes.Join([][]byte{b[:piece], b[2*piece:], b[piece : 2*piece]}, nil)
		})},
		"a piece twice": {s, "a", edit(func(b []byte) []byte {
			return bytes.Join([][]byte{b[:2*piece], b[piece:]}, nil)
		})},
		"a piece of another": {s, "a", edit(func(b []byte) []byte { copy(b[piece:2*piece], other[piece:]); return b })},
	} {
		r := c.by.Open(bytes.NewReader(c.bytes), c.place)
		got, err := io.ReadAll(r)
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Precondition || f.Reason != secret.Unreadable {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.HasPrefix(plain, got) {
			t.Errorf("%s: it gave %d bytes that are not those of the beginning", name, len(got))
		}
		if n, again := r.Read(make([]byte, 10)); n != 0 || again != err {
			t.Errorf("%s: asked again it gives %d bytes and says %v", name, n, again)
		}
	}
}

// TestADiskThatFailsIsNoAlteration: whoever reads is told what it was.
func TestADiskThatFailsIsNoAlteration(t *testing.T) {
	s, broken := newStream(t, newBox(t), "one"), errors.New("broken")
	whole := sealed(t, s, "a", long())
	for _, n := range []int{0, 10, 300000} {
		r := s.Open(io.MultiReader(bytes.NewReader(whole[:n]), iotest.ErrReader(broken)), "a")
		if _, err := io.ReadAll(r); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

// FuzzStream: whatever bytes come, nothing but what was sealed is given, and the end
// only of what was sealed.
func FuzzStream(f *testing.F) {
	box, err := secret.New()
	if err != nil {
		f.Fatal(err)
	}
	s := newStream(f, box, "one")
	plain := long()[:300000]
	whole := sealed(f, s, "a", plain)
	f.Add(uint32(0), byte(0), uint32(len(whole)), []byte(nil))
	f.Add(uint32(piece), byte(1), uint32(len(whole)), []byte(nil))
	f.Add(uint32(0), byte(0), uint32(piece), []byte("more"))
	f.Add(uint32(0), byte(7), uint32(0), whole[:64])
	f.Fuzz(func(t *testing.T, at uint32, flip byte, keep uint32, more []byte) {
		b := bytes.Clone(whole[:int(keep)%(len(whole)+1)])
		if len(b) > 0 {
			b[int(at)%len(b)] ^= flip
		}
		b = append(b, more...)
		got, err := io.ReadAll(s.Open(bytes.NewReader(b), "a"))
		if same := bytes.Equal(b, whole); same != (err == nil) || !bytes.HasPrefix(plain, got) || same != (len(got) == len(plain) && err == nil) {
			t.Errorf("%d bytes, the same: %v, gave %d: %v", len(b), same, len(got), err)
		}
	})
}
