package host

import "syscall"

// coreless keeps a crash from writing what the process has in memory, secrets and
// what customers said, to disk (SS4). One that may not lower its limit has none to
// lower.
func coreless() { _ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) }
