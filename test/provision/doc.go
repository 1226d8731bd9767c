// Package provision tests how a page is connected: admin, ingress and a Meta
// that a test can spoil and mend.
package provision
