// Package house checks the rules of the house that a compiler does not:
// directions of dependencies, who may import what, packages and their
// documents, names, sizes, and that deploy/ and docs/ speak of things that
// exist. Pages of docs/ that are written from the code are written here too,
// with -update (make references). It holds tests only; run it uncached (make
// house), because the test cache does not see the files it reads.
package house
