package desk

import "net/http"

// Address is address.
func (c *Config) Address(r *http.Request) string { return c.address(r) }
