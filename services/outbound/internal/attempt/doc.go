// Package attempt decides what happens to a send. It is pure: the thread's
// state, the time and what Meta answered go in; the next step and the facts to
// commit come out.
//
// The Send API cannot be asked twice safely, so one rule carries everything:
// a POST happens only after its SendAttempted is committed, and SendAttempted
// is committed only while the part is REQUESTED. Nothing leads from UNCERTAIN
// or UNCONFIRMED back to REQUESTED. Whoever crashes, freezes, or runs twice,
// a part is therefore posted again only after Meta, or the network before a
// byte was written, said that the last POST did not deliver it.
//
//	REQUESTED --commit--> ATTEMPTED --answer--> sent | refused | REQUESTED (later)
//	                          |
//	                 no answer, or none readable
//	                          v
//	                      UNCERTAIN --echo, conversation--> sent
//	                          |
//	                     nothing found
//	                          v
//	                     UNCONFIRMED --late echo--> sent; else the agent decides
//
// A page whose token is dead parks its sends. Meta's refusal says nothing about
// the send then, so it is not held against it:
//
//   - A parked send is refused for one reason alone, that its window closed; it
//     is told so when that happens, however the page stands.
//   - It leaves when its page is open, or when it is the one that tries the page,
//     by the window of that moment: RESPONSE, HUMAN_AGENT, or not at all.
//   - What waits for the page is in the log. A process that starts knows by the
//     log and the page's standing alone what may go.
//   - The sends of a thread go on in their order, as ever.
package attempt
