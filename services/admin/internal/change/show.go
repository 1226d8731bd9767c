package change

import (
	"crypto/sha256"
	"encoding/hex"

	"google.golang.org/protobuf/proto"

	"github.com/parley-desk/parley/pkg/directory"
)

const etagBytes = 8

// Etag is the version of a resource as stored; it differs after every change.
func Etag(r directory.Resource) string {
	data, err := directory.Encode(r)
	if err != nil {
		return "" // a stored resource was encoded before
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:etagBytes])
}

// Shown is a stored resource as it may leave the house: with its etag, and of
// secrets only the fingerprint and when they were set (SG6).
func Shown[R directory.Resource](stored R) R {
	shown := proto.Clone(stored).(R)
	shown.GetMeta().Etag = Etag(stored)
	for _, s := range Secrets(shown) {
		if s != nil {
			s.Value, s.Sealed = "", nil
		}
	}
	return shown
}
