package supervisor

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// A source that crashes the analyzers maxCrashes times is not analyzed for
// quarantineTime, in packet time.
const (
	maxCrashes     = 3
	quarantineTime = int64(10 * time.Minute)
)

// The bounds of a quarantine. What exceeds them clears the list.
const (
	maxConnections = 4096
	maxOffenders   = 1024
)

// quarantine holds what has crashed the analyzers: the connections, which are not
// analyzed any more, and the sources that did so repeatedly.
type quarantine struct {
	interfaceName func(iface uint32) string
	connections   map[feed.Key]bool
	offenders     map[source]offender
}

// offender is a source of packets on which the analyzers crashed.
type offender struct {
	crashes int
	until   int64 // packet time until which it is not analyzed
}

// source is where packets come from: a vif is one qube, whatever the address; on
// other interfaces the address distinguishes sources.
type source struct {
	iface uint32
	addr  packet.Addr
}

func newQuarantine(interfaceName func(uint32) string) quarantine {
	return quarantine{interfaceName: interfaceName, connections: map[feed.Key]bool{}, offenders: map[source]offender{}}
}

// add records a crash at a packet. It reports whether the source is quarantined
// because of it.
func (q *quarantine) add(p *feed.Packet) bool {
	if len(q.connections) >= maxConnections {
		clear(q.connections)
	}
	q.connections[p.Key()] = true
	if len(q.offenders) >= maxOffenders {
		clear(q.offenders)
	}
	from := q.sourceOf(p, p.Src)
	o := q.offenders[from]
	o.crashes++
	skip := o.crashes >= maxCrashes
	if skip {
		o = offender{until: p.Time + quarantineTime}
	}
	q.offenders[from] = o
	return skip
}

// has reports whether a packet is not to be analyzed.
func (q *quarantine) has(p *feed.Packet) bool {
	if len(q.connections) == 0 {
		return false
	}
	k := p.Key()
	return q.connections[k] || q.connections[k.Reverse()] || q.skips(p, p.Src) || q.skips(p, p.Dst)
}

// skips reports whether the source at one of a packet's addresses is quarantined.
func (q *quarantine) skips(p *feed.Packet, addr packet.Addr) bool {
	return p.Time < q.offenders[q.sourceOf(p, addr)].until
}

func (q *quarantine) sourceOf(p *feed.Packet, addr packet.Addr) source {
	if _, onVif := qube.VifDomain(q.interfaceName(p.Iface)); onVif {
		addr = packet.Addr{}
	}
	return source{p.Iface, addr}
}
