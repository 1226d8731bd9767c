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
package attempt
