// Package feed copies the packets that protocol analyzers want out of the meter's
// path.
//
// A [Feed] observes each decoded packet; a table of ports decides at the cost of
// two loads whether an analyzer wants it. Since its bytes belong to the capture, a
// wanted packet is copied. It goes through a bounded [Queue] to the analyzers,
// which read it in another goroutine. If the queue is full, the packet is dropped
// and counted: the meter never waits for an analyzer.
package feed
