// Package rules decides what a conversation is about and which queue it goes
// to: work classification, routing, and the overflow rules before a queue
// (L31-L38, L50-L52). It is pure: what administrators set and what is known of
// the conversation go in, a decision comes out, the same for the same input.
//
//	Book.Of(snapshot) ──▶ Rules ──▶ Classify ──▶ Route ──▶ Settle
//
// Between Route and Settle somebody may have to be asked how many wait in a
// queue; Choice.Limits says about which. Every step takes a Trace that records
// what each rule did and why, or nil, and decides alike with and without.
//
// Conditions are CEL over a RoutingContext. What they may cost is bounded when
// they are saved (Check), by the bounds that Bound puts on the context, so they
// are not watched when they run. One that fails when it runs counts as one that
// does not match.
package rules
