// Package secret keeps secrets: sealed at rest with the name of their place,
// typed in memory so that no log, error or dump prints them.
//
// A Box is the deployment's keyset. It seals values for a place, such as
// "pages/shop#access_token": the place is authenticated together with the
// ciphertext, so a value copied to another place, or a keyset of another
// deployment, does not open it. The same keyset derives keys for MACs, one for
// each purpose, so that nothing else in the house has to manage a key.
//
// The keyset is a file, in clear or wrapped with a key of a KMS (a Wrap): then
// the file alone opens nothing, and who may use that key is decided there.
//
// The sealing key can be replaced while the house runs: Rotate adds a new one
// and seals with it from then on, the older ones open what they sealed until
// everything is sealed anew and Retire removes them. The deriving key stays for
// the life of a deployment: fingerprints and MACs are compared with older ones.
package secret
