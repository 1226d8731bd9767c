// Package contact keeps contacts: the people and firms whom customers turn out
// to be.
//
// # Usage
//
// A Store reads and changes the records of a bucket; a Book, one a process, finds
// them. What a change means is decided by functions without clock and network:
// Clean, Take and Return, Change.
//
// # Guarantees
//
// The last entry of a contact in the bucket is its record, and its revision the
// condition of every change, so no two changes are made of the same reading. A
// request that comes again makes nothing twice. An external id is of one contact:
// it has an entry of its own, written in the same piece as the record. A deleted
// contact leaves neither record nor trail, only that its id was used.
//
// A Book is read from the bucket when its process starts, and follows it. It tells
// only ids; whoever shows a contact reads the record. So it may be a moment
// behind, and never shows what is not there.
package contact
