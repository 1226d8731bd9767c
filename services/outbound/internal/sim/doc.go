// Package sim plays an incident at Meta against the whole of outbound, with the
// code that runs in production: the driver, the rules of a send, the thread. Only
// the log and Meta are played, and time is the test's. It holds tests only.
package sim
