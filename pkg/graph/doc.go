// Package graph is the house's only way to Meta's Graph API.
//
// Reads return errors and may be repeated. Sends are different: the Send API
// has no idempotency key, so a POST whose answer is lost may or may not have
// reached the customer, and posting again may show the message twice. Send
// therefore never returns an error. It returns an Outcome, which says what is
// known, and its zero value is Uncertain: whatever nobody classified may have
// been delivered.
//
// Three properties keep the outcome honest. Nothing below Send ever repeats a
// POST: the body cannot be rewound, so net/http has nothing to repeat it from,
// and there is no Idempotency-Key that would invite it to. HTTP/1.1 gives every
// request a connection of its own, so a broken connection makes one send
// uncertain and not all that share it. And a send, once begun, runs to its own
// deadline whatever becomes of the caller, because giving up early only turns
// an answer into a question.
//
// Tokens travel in the Authorization header, and in a URL only where Meta takes
// what it is asked about nowhere else; neither they nor ids of customers reach
// logs, metrics, spans or errors.
package graph
