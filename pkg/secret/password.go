package secret

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Cost of a new hash: 19 MiB and two passes, the least that OWASP recommends
// for argon2id. A stored hash names its own cost, so raising this keeps the
// old ones valid.
const (
	hashMemory = 19 * 1024 // KiB
	hashPasses = 2
	hashLanes  = 1
	saltBytes  = 16
	keyBytes   = 32
)

// Bounds of a stored cost: a damaged hash must not take the machine's memory.
const (
	maxMemory = 256 * 1024 // KiB
	maxPasses = 16
	maxLanes  = 16
)

// HashPassword derives what may be stored of a password, in the PHC form
// $argon2id$v=19$m=19456,t=2,p=1$salt$hash. Two hashes of one password differ.
// It takes some 20 ms of processor time and 19 MiB.
func HashPassword(password string) string {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails: crypto/rand ends the process instead
	key := argon2.IDKey([]byte(password), salt, hashPasses, hashMemory, hashLanes, keyBytes)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		hashMemory, hashPasses, hashLanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

// VerifyPassword tells whether HashPassword made hash from password. Anything
// that is not such a hash gives false, after no work: to answer in the same
// time for an account that does not exist, verify against a hash of nothing.
func VerifyPassword(hash, password string) bool {
	h, ok := parseHash(hash)
	if !ok {
		return false
	}
	key := argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.lanes, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(key, h.key) == 1
}

type passwordHash struct {
	memory, passes uint32
	lanes          uint8
	salt, key      []byte
}

func parseHash(s string) (passwordHash, bool) {
	var h passwordHash
	fields := strings.Split(s, "$")
	if len(fields) != 6 || fields[0] != "" || fields[1] != "argon2id" ||
		fields[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, false
	}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.lanes); err != nil {
		return h, false
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.DecodeString(fields[4])
	h.key, err2 = base64.RawStdEncoding.DecodeString(fields[5])
	return h, err1 == nil && err2 == nil && len(h.salt) >= 8 && len(h.key) >= 16 && len(h.key) <= 64 &&
		h.memory >= 8 && h.memory <= maxMemory && h.passes >= 1 && h.passes <= maxPasses &&
		h.lanes >= 1 && h.lanes <= maxLanes
}
