package desk

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Address is address.
func (c *Config) Address(r *http.Request) string { return c.address(r) }

// Shed is what stands before every request with these settings.
func Shed(c *Config, r prometheus.Registerer, next http.Handler) http.Handler {
	return newShed(c, r, time.Now).guard(next)
}
