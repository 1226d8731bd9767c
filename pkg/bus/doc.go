// Package bus is the log: it stores what Meta sent and what happened to every
// thread, and hands both to the stages in order. It alone knows NATS.
package bus
