package host_test

import (
	"strings"
	"testing"
	"time"

	"github.com/parley-desk/parley/pkg/host"
	"github.com/parley-desk/parley/pkg/telemetry"
)

// A way that others may listen to is refused until somebody says that nobody can.
func TestAWayInTheClearIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*host.Config)
		says   string // empty: it is taken
	}{
		"a broker elsewhere":               {func(c *host.Config) { c.Bus.URL = "nats://nats-1:4222" }, "bus.plain"},
		"it is said to be right":           {func(c *host.Config) { c.Bus.URL, c.Bus.Plain = "nats://nats-1:4222", true }, ""},
		"a broker elsewhere by TLS":        {func(c *host.Config) { c.Bus.URL, c.Bus.CA = "nats://nats-1:4222", "ca.pem" }, ""},
		"a broker here":                    {func(c *host.Config) { c.Bus.URL = "nats://127.0.0.1:4222" }, ""},
		"Redis elsewhere":                  {func(c *host.Config) { c.Redis.URL = "redis://redis:6379" }, "redis.plain"},
		"Redis elsewhere by TLS":           {func(c *host.Config) { c.Redis.URL = "rediss://redis:6379" }, ""},
		"two users at the brokers":         {func(c *host.Config) { c.Bus.NKey, c.Bus.Creds = "a", "b" }, "bus.creds"},
		"half a certificate":               {func(c *host.Config) { c.Bus.Cert = "a" }, "bus.key"},
		"half a certificate for Redis":     {func(c *host.Config) { c.Redis.Key = "a" }, "redis.cert"},
		"a collector elsewhere":            {func(c *host.Config) { c.Log.OTLP = "otel:4317" }, "log.otlp_plain"},
		"that is said to be right":         {func(c *host.Config) { c.Log.OTLP, c.Log.Plain = "otel:4317", true }, ""},
		"a collector elsewhere by TLS":     {func(c *host.Config) { c.Log.OTLP, c.Log.CA = "otel:4317", "ca.pem" }, ""},
		"a collector that all may trust":   {func(c *host.Config) { c.Log.OTLP = "https://otel.example.com:443" }, ""},
		"a collector here":                 {func(c *host.Config) { c.Log.OTLP = "localhost:4317" }, ""},
		"a collector without a port":       {func(c *host.Config) { c.Log.OTLP = "127.0.0.1" }, "host:port"},
		"half a certificate for it":        {func(c *host.Config) { c.Log.Cert = "a" }, "log.otlp_key"},
		"a user of Redis without password": {func(c *host.Config) { c.Redis.User = "desk" }, "redis.password_file"},
	} {
		cfg := host.Config{DataDir: "d", Grace: time.Second, Log: telemetry.Config{Level: "info", Format: "json"}}
		cfg.Files.S3.Timeout = time.Second
		c.change(&cfg)
		err := cfg.Validate()
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}
