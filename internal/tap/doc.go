// Package tap copies the packets that protocol analyzers want out of the path of
// the meter.
//
// A [Tap] looks at each decoded packet: a table of ports says at the cost of two
// loads whether an analyzer wants it. What is wanted is copied, since its bytes
// belong to the capture, and goes through a bounded [Queue] to the analyzers'
// own goroutine. When the queue is full the packet is dropped and counted: the
// meter never waits for an analyzer.
package tap
