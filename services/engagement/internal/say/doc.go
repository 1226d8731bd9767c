// Package say decides what is said by itself: which automated messages a commit
// of a thread calls for (L110), which of them are said now, and in what words. It
// is pure.
//
//	commit ──Calls──▶ triggers ──Answer, on the newest state──▶ facts
//
// Never outside Meta's window, never while another app has the thread, never for
// what the page or another app wrote, and never twice: a commit is answered once
// (thread.Answered), and what it calls for was decided by the customer or by one
// of ours.
package say
