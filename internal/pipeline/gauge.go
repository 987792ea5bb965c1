package pipeline

import "github.com/qubesbeat/qubesbeat/internal/packet"

// Gauge counts what a meter has metered, by observation point, for those who look on. It
// runs in the meter's goroutine and must not block.
type Gauge interface {
	// Packets is called with up to flow.BatchSize packets once they are in their flows.
	Packets(ps []packet.Packet)
	// Shunted is called with what the kernel has counted of one direction of a flow; of the
	// last packet, the interface, direction, addresses, ports and time are known.
	Shunted(last *packet.Packet, packets, bytes uint64)
	// Flow is called with +1 when a flow of an interface begins, with -1 when it ends.
	Flow(iface uint32, change int)
	// ForgetFlows is called when all live flows are given up after a panic.
	ForgetFlows()
	// Share is called after 1,024 packets at the latest, and before the meter waits for
	// packets again. It is the moment to show the counters to other goroutines.
	Share()
}
