// Package scenario runs the whole house as its users do: real processes of the
// parley binary, a crowd of customers and agents, and processes that are
// killed in the middle. Afterwards the sandbox's journal and the exported log
// are compared; every promise must hold. It holds tests only.
package scenario
