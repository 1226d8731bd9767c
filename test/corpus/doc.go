// Package corpus checks that whatever Meta has been seen to send is shown to
// an agent, from the signed body to the desk's timeline. It holds tests only.
package corpus
