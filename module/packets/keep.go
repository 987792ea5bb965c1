package packets

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	meter "github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/module/flow"
)

var _ flow.Keeper = (*Service)(nil) // type check

// keeper is what belongs to the meter's goroutine.
type keeper struct {
	packet  packetstore.Packet // used again for every frame
	table   *meter.Table
	ref     meter.Ref
	record  meter.Record
	ledger  ledger
	scratch []byte // for frames whose tag is put back

	drops  uint64 // of the kernel, as of looked
	looked int64  // packet time, nanoseconds
}

// unstored counts frames that the store was not asked for.
type unstored struct {
	packets, bytes atomic.Uint64 // while no store is open
	noLink         atomic.Uint64

	filtered, filteredBytes atomic.Uint64 // refused by the filter
}

// Snap implements [flow.Keeper].
func (s *Service) Snap() uint32 {
	switch c := &s.conf.Packets; {
	case !c.Payload:
		return headerBytes
	case c.Snaplen > 0:
		return uint32(c.Snaplen)
	}
	return capture.WholeFrame
}

// Wants implements [flow.Keeper]: no packet of an excluded qube is stored.
func (s *Service) Wants(iface uint32) bool { return s.holders.wants(iface, time.Now()) }

// headerBytes is what the store keeps of a packet without its payload.
const headerBytes = 256

// Keep implements [flow.Keeper]. It does not wait, and allocates nothing.
func (s *Service) Keep(frames []capture.Frame, _ []packet.Packet, t *meter.Table, refs []meter.Ref) {
	store, k := s.store.Load(), &s.keeper
	if store != nil {
		store.Begin()
		defer store.End()
	}
	k.table = t
	for i := range frames {
		if !hasLink(&frames[i]) {
			s.unstored.noLink.Add(1)
			continue
		}
		k.packet.Account = nil
		if refs != nil {
			k.ref = refs[i]
			k.packet.Account = k.ledger.open(k.ref.Mark())
		}
		s.keep(store, &frames[i])
	}
	k.packet.Data, k.ref = nil, meter.Ref{}
}

// keep adds a frame, whose account is open, to a store, which may be nil.
func (s *Service) keep(store *packetstore.Store, f *capture.Frame) {
	k := &s.keeper
	q := &k.packet
	length := int(max(f.Length, uint32(len(f.Data))))
	if len(k.scratch) < len(f.Data)+tagBytes {
		k.scratch = make([]byte, len(f.Data)+tagBytes+1024)
	}
	q.Data = f.Tagged(k.scratch)
	if !s.sieve.Load().accepts(f.Iface, f.FileLink(), q.Data, f.Time) {
		s.unstored.filtered.Add(1)
		s.unstored.filteredBytes.Add(uint64(length))
		return
	}
	if store == nil {
		s.unstored.packets.Add(1)
		s.unstored.bytes.Add(uint64(length))
		if q.Account != nil {
			q.Account.Lose()
		}
		return
	}
	length = max(length, len(q.Data)) // a live source has counted the tag
	q.Iface, q.At, q.Length, q.LinkType, q.Flags = f.Iface, f.Time, length, uint16(f.FileLink()), f.EPBFlags()
	q.Dropped = s.newDrops(f.Time)
	store.Add(q)
}

// Report implements [flow.Keeper].
func (s *Service) Report(r *meter.Record) {
	if a := s.keeper.ledger.of(r.Mark); a != nil {
		r.Kept = a.Kept()
		r.Kept.Boot = s.boot
	}
}

// tagBytes is the length of a VLAN tag.
const tagBytes = 4

// hasLink reports whether a file can say what the frame begins with.
func hasLink(f *capture.Frame) bool {
	return f.EtherType == 0 || f.EtherType == 0x0800 || f.EtherType == 0x86dd
}

// newDrops returns how many frames the kernel has dropped since the last call, of which it
// is asked once a second.
func (s *Service) newDrops(now int64) uint32 {
	k := &s.keeper
	if d := now - k.looked; d >= 0 && d < int64(time.Second) {
		return 0
	}
	k.looked = now
	n := s.deps.KernelDrops()
	n, k.drops = n-min(n, k.drops), n
	return uint32(min(n, 1<<32-1))
}

// describe names the flow of the frame that is being kept.
func (s *Service) describe(f *packetstore.FlowInfo) {
	r := &s.keeper.record
	s.keeper.table.Describe(s.keeper.ref, r)
	from, to := &r.Source, &r.Destination
	if r.IsICMP() && !from.Sent && to.Sent {
		from, to = to, from // as in the flow's Community ID
	}
	*f = packetstore.FlowInfo{Key: flow.Key(r), Source: netipOf(from, r.Family), Destination: netipOf(to, r.Family),
		SourcePort: from.Port, DestinationPort: to.Port, Protocol: r.Proto, Born: r.Born}
	if r.IsICMP() {
		f.SourcePort, f.DestinationPort = uint16(from.ICMPType), uint16(from.ICMPCode)
	}
}

func netipOf(e *meter.Endpoint, family uint8) netip.Addr { return e.Addr.Netip(family) }

// goneAfter is how long after its end the last frames of an interface, which the ring may
// still hold, have been read.
const goneAfter = 5 * time.Second

// Gone implements [flow.Keeper]. The segment is sealed at once, and again what late frames
// have begun.
func (s *Service) Gone(iface uint32) {
	s.holders.gone(iface)
	s.sieve.Load().forget(iface)
	seal := func() {
		if store := s.store.Load(); store != nil {
			store.Gone(iface)
		}
	}
	seal()
	time.AfterFunc(goneAfter, seal)
}
