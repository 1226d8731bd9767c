package secret_test

import (
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/secret"
)

func TestPassword(t *testing.T) {
	hash := secret.HashPassword("правилна парола")
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("hash is not in the PHC form: %s", hash)
	}
	if strings.Contains(hash, "парола") || hash == secret.HashPassword("правилна парола") {
		t.Fatal("hash shows the password or has no salt")
	}
	if !secret.VerifyPassword(hash, "правилна парола") {
		t.Error("the right password is refused")
	}
	if secret.VerifyPassword(hash, "правилна паролА") {
		t.Error("a wrong password is accepted")
	}
}

func TestPasswordDamagedHash(t *testing.T) {
	salt, key := strings.Repeat("A", 22), strings.Repeat("A", 43)
	for name, hash := range map[string]string{
		"empty":        "",
		"plain":        "parley-demo",
		"argon2i":      "$argon2i$v=19$m=19456,t=2,p=1$" + salt + "$" + key,
		"old version":  "$argon2id$v=16$m=19456,t=2,p=1$" + salt + "$" + key,
		"endless":      "$argon2id$v=19$m=4294967295,t=2,p=1$" + salt + "$" + key,
		"no passes":    "$argon2id$v=19$m=19456,t=0,p=1$" + salt + "$" + key,
		"no lanes":     "$argon2id$v=19$m=19456,t=2,p=0$" + salt + "$" + key,
		"no key":       "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$",
		"not base64":   "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + strings.Repeat("!", 43),
		"field behind": "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + key + "$",
	} {
		if secret.VerifyPassword(hash, "") {
			t.Errorf("%s: accepted", name)
		}
	}
}
