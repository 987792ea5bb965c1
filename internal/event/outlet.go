package event

// Outlet is a sink that counts the fate of its documents.
type Outlet interface {
	Sink
	// Delivery returns the counters. It is safe for concurrent use.
	Delivery() Delivery
}

// Delivery counts the events of an outlet on their way to the output.
type Delivery struct {
	Acked    uint64 // the output has them
	Pending  uint64 // accepted, but not acknowledged yet
	Filtered uint64 // dropped by a processor of the user
	Dropped  uint64 // refused because the queue was closed
	// Summarized events were counted in a summary instead. They are with no other
	// counter.
	Summarized uint64
}

// Missing returns how many events the output does not have.
func (d Delivery) Missing() uint64 { return d.Pending + d.Dropped }
