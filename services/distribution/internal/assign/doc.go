// Package assign is the book of reservations: it decides which agent is shown
// which conversation. Its state lives in Redis, every transition is one Lua
// script, and all of it can be thrown away and loaded again from the log.
//
// An agent stands in a ready list for every queue it belongs to and every
// number of units it has free; an item stands in the waiting list of its queue
// and units. Both are sorted sets in the order of choice, so picking reads their
// first members however long they are, and an item that nobody can take now
// never stands before one that somebody can.
//
// The tests hold the scripts against a naive model, command by command and key
// by key, on both servers the house runs on, and plant faults to see that the
// model notices.
package assign
