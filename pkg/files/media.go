package files

import (
	"encoding/hex"

	"github.com/parley-desk/parley/proto/subject"
)

// mediaUse binds the hash of a file to this use of the keyset: who reads the
// bucket MEDIA cannot tell whether a file that they have was ever sent. Outbound
// was the first to write there.
const mediaUse = "outbound.media"

// MediaKey is where the bucket MEDIA keeps under which id Meta has a file, by
// Meta's page id, what Messenger shows it as and the hash of what it holds.
func MediaKey(signer interface{ MAC(string, []byte) []byte }, page, kind, sha256 string) string {
	return subject.MediaKey(page, hex.EncodeToString(signer.MAC(mediaUse, []byte(kind+" "+sha256))))
}
