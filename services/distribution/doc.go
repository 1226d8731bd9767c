// Package distribution offers conversations to agents: by capacity, presence,
// queue and assignment method, one offer at a time.
//
// # Two records of one truth
//
// THREAD, the log, says what is: an offer or an assignment exists when its
// commit does. Redis holds the book of reservations (internal/assign): who is
// ready, who waits, which units are taken. Every transition of the book is one
// Lua script. Between the two runs internal/offering:
//
//	commit ──▶ apply (frees, queues, matches, reserves, writes the outbox)
//	outbox ──▶ commit OfferMade ──▶ apply
//	timer  ──▶ commit OfferEnded, Released, Routed or Closed ──▶ apply
//	answer ──▶ is it reserved? ──▶ commit AgentAssigned ──▶ apply
//
// The book keeps, for every item, the revision of the thread it knows; apply
// ignores what is not newer. So commits may be applied twice, late, out of
// order, by several processes, or skipped for a later one: what the book holds
// of an item is always what some revision said, and in the end the last.
//
// # Why the log alone never shows an agent over capacity
//
// Units are taken in the same script that writes a proposal, hence before
// OfferMade can be committed. They are given back only by apply, with a
// revision newer than the one the reservation was made on, in which the offer
// or the assignment is not there; or with that very revision, after the thread
// refused the proposal on it. What remains is a proposal that is still under
// way when its units are given back. It cannot land: a proposal names the
// revision it was decided on and is committed on no other. Once any later
// revision exists, every copy of it is refused for ever, however long the
// process that carries it was frozen; and a thread that refused it on its own
// revision refuses every copy there too, for the answer depends on both alone.
//
// So capacity is taken before the log says so and given back after it no longer
// does. What an agent picks is reserved in the same way (Pick). Only a person's
// wish goes beyond the limit: an agent who returns to a conversation (Resume)
// takes capacity by force, also before the log is asked (Hold), so that no offer
// is made of it meanwhile; what a supervisor gives to an agent is committed by
// the desk, and apply takes the capacity afterwards.
//
// Where rules choose (internal/matching), nothing of this is different: what they
// choose is a wish until the script that reserves has looked at item and agent
// itself, and writes a proposal.
//
// # Dying between two steps
//
//   - After the reservation: the outbox keeps the proposal until the log has
//     answered and apply knows the answer. It is taken up again; committed
//     already, it is recognised by its fence.
//   - After a commit, before apply: the follower of the log applies it.
//   - After a timer fired: it was put off, not removed. It speaks again until a
//     commit that was applied removes it. So do a rejection, a Hold and a Pick
//     that their caller did not finish: each leaves a timer.
//   - After a wait was over: the item is in no waiting list, and its timer speaks
//     until it has left the queue or was put off, which lists it again.
//
// # When Redis is emptied, or comes back older
//
// A book without a generation answers nothing. The leader begins a new
// generation, loads agents, queues and the last state of every thread beside
// whatever is there, and puts it in force in one step. The mark of a load
// lives in Redis: were the server emptied again meanwhile, the mark is gone
// and the step is refused.
//
// Worse than an empty server is one that has lost its last second: after a
// power cut, or a fail-over to a replica. Its book looks sound, and what it
// misses lies behind the checkpoints of those who follow the log. So a
// generation carries the history it was begun in, and every script compares it
// with the history of the server it runs on: the replication id, which every
// start and every promotion make anew. A book of another history answers
// nothing, as if it were not there. This is safe:
//
//   - Within one history a server forgets nothing that it has answered: it
//     lives on in its memory.
//   - The states are read after the mark of the load was set. A commit applied
//     to any earlier book was in the log before that, so the load reads it.
//   - A commit that no earlier book was told of is still to be applied, and its
//     follower goes on only when that is done: in the new generation.
//
// So the generation in force knows every commit that the followers have left
// behind: they wait for Redis as long as it takes, and never put one aside. Two
// things are taken for granted: that one server leads at a time, and that a
// server which once had the group is emptied before it gets it back.
//
// A proposal of the old generation may still be under way, on a revision that
// the load has read too. Old and new proposal exclude one another, for both
// name that revision. If the old one wins, the log has an offer that the book
// never reserved: a stale one. Nobody can accept it, because accepting asks the
// book first, and apply gives it a timer that is due at once, which revokes it.
// For that moment the log may show an agent offered more than it can take;
// never assigned more.
//
// Fences of a generation begin far above the highest in the log, and apply
// lifts the counter over any it meets, so they rise within a thread. Presence is
// not in the log: what an agent chooses is written to a bucket before the agent
// is answered, the leader brings there whatever else the book does to it, and
// every load begins with what is there.
package distribution
