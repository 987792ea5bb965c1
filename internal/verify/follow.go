package verify

import (
	"net/netip"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// following is what the packet that is being judged is followed for: it is followed once, for all
// checks.
type following struct {
	checks, proves set
	awaits         bool // it may be one to this machine, see [Verifier.await]
}

// add adds checks. proves says that they agree if the packet does not come out.
func (f *following) add(which set, proves bool) {
	f.checks |= which
	if proves {
		f.proves |= which
	}
}

// follow follows a packet to see whether it comes out. One on its last hop never does: it takes no room, and
// is no evidence for isolation; but it has not left.
func (v *Verifier) follow(s *subject, p *packet.Packet, frame []byte) {
	f := v.following
	v.following = following{}
	if onLastHop(p, frame) {
		for c := range (f.checks &^ isolation).all {
			s.records[c].Traced++
		}
		return
	}
	whole := staysWhole(p, frame)
	if v.forgetful() {
		s.loose(f.checks)
		f.proves = 0
	}
	if f.proves&isolation != 0 && !(whole && v.forwards(s, p, frame)) {
		f.proves &^= isolation
	}
	x := &v.print
	x.take(p, frame)
	one := v.tracer.add(s, x, f, v.now)
	if one == nil {
		s.missed(f.checks, v.now)
		return
	}
	if one.copies.others = v.arrivals.like(x, p.Time); f.checks&isolation != 0 || f.awaits {
		one.sample = sampleOf(s, p, frame, "")
	}
	if one.pieces = !whole; !whole {
		s.loose(f.checks) // it leaves in pieces, or with others, which may come later
	}
	v.recent.find(x, p.Time, func(iface uint32) { v.cameThrough(x, iface) })
}

// forwards reports whether this machine would forward a packet if no rule about its addresses dropped it:
// it begins a connection between hosts, or goes on with one.
func (v *Verifier) forwards(s *subject, p *packet.Packet, frame []byte) bool {
	src, dst := p.Src.Netip(p.Family), p.Dst.Netip(p.Family)
	return (beginsNew(p) || v.goesOn(p)) && s.taken(p, frame) && isHost(src) && isHost(dst) && !v.conf.World.Local(src)
}

// goesOn reports whether a packet is one of a connection that is open.
func (v *Verifier) goesOn(p *packet.Packet) bool {
	return p.TCPFlags&packet.SYN == 0 && v.flow.Established()
}

// isHost reports whether an address may be that of one host whose packets are forwarded. The last of a
// network is often its broadcast address.
func isHost(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.Is4In6() {
		return false
	}
	if b := a.AsSlice(); a.Is4() {
		return b[0] != 0 && b[0] < 240 && b[3] != 255
	}
	return true
}

// mayHide are the checks that a packet may speak against whose ports are not known, since it may be one of DNS.
var mayHide = setOf(DNS1, VPN5)

// mayMiss are the checks of which, for a while, nothing is known if a packet was not followed, or not read.
var mayMiss = restsOnRules | mayHide | setOf(VPN1, TOR1, TOR4)

// missing reports whether a packet was not followed in a time before now.
func (r *record) missing(now, within int64) bool { return r.missed != 0 && now-r.missed < within }

// missed notes that a packet was not followed, mostly for want of room: what it could have shown is not
// known.
func (s *subject) missed(which set, now int64) {
	for c := range which.all {
		r := &s.records[c]
		r.missed, r.loose = max(now, 1), true
	}
}

// loose notes that it is not known whether a packet against some checks has left.
func (s *subject) loose(which set) {
	for c := range which.all {
		s.records[c].loose = true
	}
}

// leaves looks whether a packet that goes out somewhere is one that is followed.
func (v *Verifier) leaves(p *packet.Packet, frame []byte) {
	if !v.unordered() && !v.tracer.isTo(&p.Dst) {
		return
	}
	x := &v.print
	x.take(p, frame)
	if v.unordered() {
		v.recent.note(x, p)
	}
	v.cameThrough(x, p.Iface)
}

// cameThrough judges the packets that are followed and may be the one that goes out of an interface. If two qubes
// have sent packets that cannot be told apart, it is not known whose it is.
func (v *Verifier) cameThrough(x *imprint, iface uint32) {
	one := v.tracer.see(x)
	if one == nil || one.found || one.subject == nil || one.subject.iface == iface && one.subject.name != "" {
		return
	}
	s, more, shared := one.subject, false, false
	v.tracer.alike(x, func(other *trace) {
		if !other.found {
			more = other.copies.leave(iface) || more
			shared = shared || other.subject != s
		}
	})
	if !more {
		return // it may be one that is not followed
	}
	v.tracer.alike(x, func(other *trace) {
		if shared && !other.found {
			other.subject.missed(other.checks, v.now)
			other.checks = 0
		}
		other.found = true
	})
	if !shared {
		v.came(one)
	}
}

// came counts a packet that has come out against its checks.
func (v *Verifier) came(one *trace) {
	for c := range one.checks.all {
		if c == ISO1 || c == ISO3 || one.awaits {
			v.cameOut(one, c)
		}
		r := &one.subject.records[c]
		r.Traced++
		r.Left++
	}
	if one.checks.has(ISO1) {
		v.reached.note(&one.sample, v.now)
	}
}

// cameOut counts a packet against a check of isolation.
func (v *Verifier) cameOut(one *trace, c Check) {
	r := &one.subject.records[c]
	first := r.verdict != Fail
	p := packet.Packet{Time: one.sample.Time, Length: one.sample.Length}
	v.speaksAgainst(r, &p, func() Sample { return one.sample })
	if first {
		v.reportNow(one.subject, c, true)
	}
}

// seenFor is how long after its last packet an interface without a qube counts as captured,
// in nanoseconds.
const seenFor = int64(time.Minute)

// traced judges a packet whose time is over. That it did not come out says something only
// if the interface where it would have come out is captured; for ISO-1 that was asked before.
func (v *Verifier) traced(one *trace) {
	s := one.subject
	if one.found {
		if one.checks.has(ISO6) && s.rules == one.rules { // else new rules have let it out
			v.cameOut(one, ISO6)
		}
		return
	}
	if one.copies.left > 0 { // by one that was like it, or by itself
		s.missed(one.checks, v.now)
		return
	}
	if one.awaits {
		v.awaited(one)
		return
	}
	sees := v.seesUplink(one.at)
	for c := range one.checks.all {
		r := &s.records[c]
		switch {
		case c == ISO1 && v.oneWay(one.at), c != ISO1 && !sees:
		case isolation.has(c) && !one.proves.has(c):
		case isolation.has(c):
			r.agreed(v.now-v.shift, v.now)
		default:
			r.Traced++
		}
	}
}

// seesUplink reports whether something has left by an interface that is no vif, shortly before an own
// time or since.
func (v *Verifier) seesUplink(at int64) bool {
	left := v.accounts.traffic[0].last
	return left != 0 && at-left < seenFor
}

// oneWay reports whether the capture has only what vifs send: qubes have sent something to the outside,
// and nothing has gone out anywhere, shortly before an own time or since.
func (v *Verifier) oneWay(at int64) bool {
	if v.outward == 0 || v.seesUplink(at) {
		return false
	}
	for i := 1; i < ofLoopback; i++ {
		if sent := v.accounts.traffic[2*i].last; sent != 0 && at-sent < seenFor {
			return false
		}
	}
	return true
}
