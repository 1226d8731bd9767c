// Package assign is the book of reservations: it decides which agent is shown
// which conversation. Its state lives in Redis, every transition is one Lua
// script, and all of it can be thrown away and loaded again from the log.
//
// What an item asks of an agent is its Class. An agent stands in a ready list
// for every queue it belongs to and every class it could take one of now; an item
// stands in the waiting list of its queue and class, or in that of the one agent
// who is waited for. All are sorted sets in the order of choice, so picking reads
// their first members however long they are, and an item that nobody can take now
// never stands before one that somebody can.
//
// Queues that assign by rules have one class, which nobody meets. Their items are
// chosen for elsewhere, by what News tells, and Reserve takes nobody's word for it.
//
// The tests hold the scripts against a naive model, command by command and key
// by key, on both servers the house runs on, and plant faults to see that the
// model notices.
package assign
