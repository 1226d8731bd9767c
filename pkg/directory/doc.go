// Package directory is what administrators have set, as every service sees it:
// a snapshot of all resources that follows CONFIG and is never half old.
//
// CONFIG holds one entry a resource, "queues.front". Whoever changes several
// resources in one write puts the Marker last in it. The directory keeps
// entries back until it sees the marker, so a snapshot has all of a change or
// nothing of it. The marker's revision also orders changes: who writes on the
// condition that the marker is still at Snapshot.Revision knows that the world
// it checked is the world it changes. The marker's value says which version of
// the configuration that is, and what the change was.
package directory
