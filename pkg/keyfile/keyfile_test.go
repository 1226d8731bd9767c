package keyfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-desk/parley/pkg/fault"
	"github.com/parley-desk/parley/pkg/keyfile"
)

// TestWhomToTrust: nobody in particular when no file is named; a file that does not say
// is an error that names its setting, never everybody.
func TestWhomToTrust(t *testing.T) {
	if pool, err := keyfile.Authorities("bus.ca", ""); pool != nil || err != nil {
		t.Errorf("unset: %v, %v", pool, err)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	for name, write := range map[string]func() error{
		"missing": func() error { return nil },
		"empty":   func() error { return os.WriteFile(path, nil, 0o600) },
		"a key": func() error {
			return os.WriteFile(path, []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), 0o600)
		},
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
		if pool, err := keyfile.Authorities("bus.ca", path); pool != nil || err == nil || !strings.Contains(err.Error(), "bus.ca") || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, %v", name, pool, err)
		}
		if config, err := keyfile.Client("redis.", path, "", ""); config != nil || err == nil || !strings.Contains(err.Error(), "redis.ca") {
			t.Errorf("%s: %v, %v", name, config, err)
		}
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keyfile.Authorities("bus.ca", path); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "PEM") {
		t.Errorf("it says %v", err)
	}
}
