package verify

import (
	"net/netip"
	"slices"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Sample is a packet that speaks against a check.
type Sample struct {
	Time             int64 // nanoseconds since the Unix epoch
	Iface            uint32
	Length           uint32 // bytes on the wire
	Family, Proto    uint8
	ICMPType         uint8 // valid if Proto is ICMP
	TTL              uint8 // as it crossed the vif; 0 if it is not known
	Spoofed          bool  // the source is not an address of the qube
	SrcPort, DstPort uint16
	Src, Dst         packet.Addr
	// Name is the name that was asked for, or that the ClientHello has; "" if there is none.
	Name string
}

// Source returns the address and port that the packet is from.
func (s *Sample) Source() netip.AddrPort {
	return netip.AddrPortFrom(s.Src.Netip(s.Family), s.SrcPort)
}

// Destination returns the address and port that the packet is to.
func (s *Sample) Destination() netip.AddrPort {
	return netip.AddrPortFrom(s.Dst.Netip(s.Family), s.DstPort)
}

// Itself reports whether the qube itself has made the packet, as opposed to a qube behind
// it: each router on the way takes one off the TTL that systems begin with.
func (s *Sample) Itself() bool { return ownTTL(s.TTL) }

// The values that systems begin a TTL with, and how many routers may have taken one off it: a lower
// TTL was chosen, as traceroute does.
var firstTTLs = [...]uint8{64, 128, 255}

const maxRouters = 32

func ownTTL(ttl uint8) bool { return slices.Contains(firstTTLs[:], ttl) }

// forwarded reports whether, by this TTL, a qube behind has made a packet.
func forwarded(ttl uint8) bool {
	return slices.ContainsFunc(firstTTLs[:], func(first uint8) bool { return ttl < first && first-ttl <= maxRouters })
}

// Evidence is what the packets say about one check of one subject. Times are those of
// packets, in nanoseconds since the Unix epoch; 0 if there is none.
type Evidence struct {
	Packets, Bytes            uint64 // that agree
	First, Last               int64
	Against, AgainstBytes     uint64
	FirstAgainst, LastAgainst int64
	// Traced are those of Against that were looked for on the other interfaces, and Left
	// those that were found there: they have left this machine, or reached a qube.
	Traced, Left uint64
}

// record is the evidence of a check and what was reported of it.
type record struct {
	Evidence
	sample Sample
	before uint64 // how many of Packets came before the last packet against
	again  int64  // packet time of the first of the others
	seen   int64  // own time of Last
	missed int64  // own time of the last packet that was not followed and might have spoken against; 0 for none
	loose  bool   // it is not known whether all of Against that can leave were kept in
	failed int64  // own time of LastAgainst
	awake  int64  // the same, see [Verifier.awake]
	acked  uint64 // how many of Against are acknowledged
	probed bool   // what agrees was sent by a probe
	undone bool   // the last probe has shown nothing

	reported bool
	verdict  Verdict // as reported
	reason   Reason
	stale    bool
	inside   bool  // contained, as reported
	since    int64 // packet time of the change
	told     int64 // own time of the last report
	counted  uint64
}

// agrees counts a packet that agrees.
func (r *record) agrees(p *packet.Packet, now int64) {
	r.Bytes += uint64(p.Length)
	r.agreed(p.Time, now)
}

// agreed counts a packet that agrees, at a packet time.
func (r *record) agreed(at, now int64) {
	if r.Packets == 0 {
		r.First = at
	}
	if !r.agreeing() {
		r.again = at
	}
	r.Packets++
	r.Last, r.seen = at, now
}

// agreeing reports whether a packet has agreed since the last one against.
func (r *record) agreeing() bool { return r.Packets > r.before }

// forgetAgreed removes what agrees. What speaks against stays.
func (r *record) forgetAgreed() {
	r.Packets, r.Bytes, r.First, r.Last, r.seen, r.probed = 0, 0, 0, 0, 0, false
	r.before, r.again = 0, 0
}

// speaksAgainst counts a packet that does not agree, and keeps the first as a sample.
func (v *Verifier) speaksAgainst(r *record, p *packet.Packet, sample func() Sample) {
	if r.Against == r.acked {
		r.FirstAgainst, r.sample = p.Time, sample()
		r.Traced, r.Left, r.loose = 0, 0, false
	}
	r.before = r.Packets
	r.Against++
	r.AgainstBytes += uint64(p.Length)
	r.LastAgainst, r.failed, r.awake = p.Time, v.now, v.awake()
}

// contained reports whether none of the packets against has left this machine, as far as
// they were followed to the end, and whether all of them were that can leave. Those that are still
// followed do not count, or a client could have it change with each of its packets.
func (r *record) contained() bool { return r.Traced > 0 && r.Left == 0 && !r.loose }
