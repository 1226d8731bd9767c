// Package distribution offers conversations to agents.
package distribution
