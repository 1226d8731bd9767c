// Package assign is the book of reservations: it decides which agent is shown
// which conversation. Its state lives in Redis, every transition is one Lua
// script, and all of it can be thrown away and loaded again from the log.
package assign
