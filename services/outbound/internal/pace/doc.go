// Package pace keeps to what Meta allows a page, together with all other
// processes of the stage.
//
//   - Rates: the calls of a page take turns (GCRA). Redis keeps the turns, so a
//     process that has much to send uses what others leave, and asks for all its
//     calls that wait for an answer at once. Without Redis each
//     process keeps its even share by itself, which is safe and wasteful; the
//     processes need not agree on which of the two holds.
//   - Rest: what Meta's answers say of how much is used up is obeyed. Above
//     80 percent the turns of the page come further apart, at 100, or when Meta
//     names a time, the page rests.
//   - Breaker: a page whose calls keep failing at Meta's side is asked again by
//     one call at a time, after a pause.
//   - Room: a page has a number of calls on their way at once, so that one whose
//     calls hang does not fill the process.
//
// Nothing of one page has an influence on another.
package pace
