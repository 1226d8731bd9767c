// Package drive carries out what package attempt decides. Every thread with an
// open send has one goroutine here, which reads the thread's state, takes the
// next step, and waits for time or for the thread to change. Nothing about a
// send is kept in memory alone: a goroutine can be ended at any point, or run
// in two processes at once, and the log still allows one POST.
package drive
