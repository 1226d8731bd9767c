// Package trace checks that a message can be followed through the whole house
// in one trace, and that telemetry never holds what is the customer's. It
// holds tests only.
package trace
