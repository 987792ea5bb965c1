package verify

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/probe"
	"github.com/qubesbeat/qubesbeat/internal/tunnelmark"
)

// ProbeKind is what a probe is to show.
type ProbeKind uint8

// The kinds of probes.
const (
	ProbeTunnel ProbeKind = iota // the tunnel is up: the canaries are in it
	ProbeDown                    // the tunnel was ended: no canary comes out
)

// Probe says that canaries are sent in a qube. They are echo requests of certain sizes to
// an address of documentation (RFC 5737, RFC 3849), with a pattern that has the nonce.
type Probe struct {
	Kind   ProbeKind
	Via    string // the attached qube that makes the tunnel
	Client string // the qube that sends: behind Via, or Via itself
	Nonce  [8]byte
	Sizes  []int // of the IP packets, bytes, in the order in which they are sent
	// From and Until are when they are sent, in nanoseconds since the Unix epoch.
	From, Until int64
	// Sent says that they were sent: see [Verifier.Sent].
	Sent bool
}

// CanaryCommand returns the command line that sends the canaries of a probe in a qube, hops
// routers away from where they are to end. They are sent at once, so that their order is
// theirs; a qube without ping sends none.
func CanaryCommand(nonce [8]byte, hops int) string {
	pattern := hex.EncodeToString(probe.Nonce(nonce).Pattern())
	var sizes []string
	for _, n := range probe.Sizes() {
		sizes = append(sizes, strconv.Itoa(n-canaryHeaders))
	}
	return fmt.Sprintf("for s in %s; do ping -n -c1 -W1 -t %d -s $s -p %s %s & sleep 0.1; done; ping -6 -n -c1 -W1 -t %d -s 64 -p %s %s; wait",
		strings.Join(sizes, " "), hops, pattern, probe.Echo4(), hops, pattern, probe.Echo6())
}

// canaryHeaders is what IPv4 and ICMP add to an echo request, in bytes.
const canaryHeaders = 28

// The networks that canaries are sent to.
var canary4, canary6 = probe.Net4(), probe.Net6()

// maxProbes bounds the probes that are remembered.
const maxProbes = 32

// inOrder is within which time the canaries of a probe must be seen, in nanoseconds.
const inOrder = int64(2 * time.Second)

// maxSizes is how many sizes of canaries are looked for: as many as may be announced.
const maxSizes = 16

// controlFor is how long the control of a kill switch's probe is good for, in nanoseconds.
const controlFor = int64(30 * time.Minute)

// probes are those that run, and that have ended.
type probes struct {
	list [maxProbes]probeState
	next int
	n    int
}

// probeState is a probe and what was seen of it.
type probeState struct {
	Probe
	matched int             // sizes, in order
	began   int64           // own time of the first that matched
	last    [maxSizes]int64 // own time of the last packet of each size, 0 for none
	done    bool            // judged
	good    bool            // all sizes were seen in the tunnel
	leaked  bool            // a canary was seen in clear
	used    bool            // something was sent to an endpoint
	basis   basis
}

// AddProbe has the verifier look for the canaries of a probe.
func (v *Verifier) AddProbe(p Probe) {
	l := &v.probes
	l.list[l.next] = probeState{Probe: p, basis: basis{p.Client, v.netvmOf(p.Client)}}
	l.next = (l.next + 1) % len(l.list)
	l.n = min(l.n+1, len(l.list))
}

// Sent says that the canaries of the last probe with a nonce were sent: that none came out
// proves something only then. It reports whether that probe still runs.
func (v *Verifier) Sent(nonce [8]byte) bool {
	var last *probeState
	for i := range v.probes.n {
		if one := &v.probes.list[i]; one.Nonce == nonce && !one.done && (last == nil || one.From >= last.From) {
			last = one
		}
	}
	if last != nil {
		last.Sent = true
	}
	return last != nil
}

// running returns the probe that runs through a qube at a packet time, nil if none does.
func (l *probes) running(s *subject, kind ProbeKind, at int64) *probeState {
	if l.n == 0 || s.qube == nil {
		return nil
	}
	for i := range l.n {
		if one := &l.list[i]; one.Via == s.qube.Name && one.Kind == kind && one.From <= at && at <= one.Until {
			return one
		}
	}
	return nil
}

// sent notes that a packet went to an endpoint: a tunnel that sends has not ended, whatever it
// sends, and whether or not someone answers. The end of a connection is none.
func (l *probes) sent(s *subject, p *packet.Packet) {
	if l.n == 0 || s.qube == nil || p.Proto == packet.ProtoTCP && p.TCPFlags&(packet.FIN|packet.RST) != 0 {
		return
	}
	for i := range l.n {
		if one := &l.list[i]; one.Via == s.qube.Name && one.From <= p.Time && p.Time <= one.Until {
			one.used = true
		}
	}
}

// tunnelled compares the size of a packet in a tunnel with those of the canaries. Their order says something only if there
// is one packet of each size about that time: in a busy tunnel, any sizes come in any order.
func (l *probes) tunnelled(s *subject, p *packet.Packet, frame []byte, now int64) {
	one := l.running(s, ProbeTunnel, p.Time)
	if one == nil || one.good {
		return
	}
	payload, ok := p.Payload(frame)
	if !ok || !one.match(s.expect.Protocol, length(p, frame, payload), now) {
		return
	}
	one.good = true
	r := &s.records[VPN9]
	r.agrees(p, now)
	r.probed, r.undone, s.basis = true, false, one.basis
}

// match notes a packet of a length in a tunnel, and reports whether it is the last of the canaries.
func (one *probeState) match(protocol Protocol, length int, now int64) bool {
	if one.matched > 0 && now-one.began > inOrder {
		one.matched = 0
	}
	for i, size := range one.Sizes[:min(len(one.Sizes), maxSizes)] {
		if length != tunnelledLength(protocol, size) {
			continue
		}
		if before := one.last[i]; before != 0 && now-before <= inOrder {
			one.matched = 0 // it is one of something else, or the other one was
			one.last[i] = now
			return false
		}
		one.last[i] = now
		if i == one.matched {
			one.matched++
		}
		if i == 0 {
			one.began = now
		}
	}
	return one.matched != 0 && one.matched == len(one.Sizes)
}

// tunnelledLength returns the UDP payload in which a tunnel sends an IP packet of n bytes,
// -1 if that is not known.
func tunnelledLength(p Protocol, n int) int {
	switch p {
	case ProtocolWireGuard:
		return tunnelmark.WGLength(n)
	case ProtocolOpenVPN:
		return n + tunnelmark.OVOverhead
	}
	return -1
}

// clear returns the checks that a canary in clear speaks against. A canary whose nonce was
// announced for another qube is none.
func (l *probes) clear(s *subject, p *packet.Packet, frame []byte) set {
	if l.n == 0 || s.qube == nil || !isCanaryAddr(p.Dst.Netip(p.Family)) {
		return 0
	}
	for i := range l.n {
		one := &l.list[i]
		if one.Via != s.qube.Name || one.From > p.Time || p.Time > one.Until || !one.isCanary(p, frame) {
			continue
		}
		one.leaked = true
		if one.Kind == ProbeDown {
			return setOf(VPN9, VPN2)
		}
		return setOf(VPN9)
	}
	return 0
}

func isCanaryAddr(a netip.Addr) bool { return canary4.Contains(a) || canary6.Contains(a) }

// isCanary reports whether a packet is one of the probe's: an echo request with its pattern, or
// a datagram or segment to the address and port that its nonce makes.
func (one *probeState) isCanary(p *packet.Packet, frame []byte) bool {
	if p.IsICMP() {
		return carries(p.Transport(frame), one.Nonce)
	}
	n := probe.Nonce(one.Nonce)
	dst := netip.AddrPortFrom(p.Dst.Netip(p.Family), p.DstPort)
	return p.HasL4 && (dst == n.Host4() || dst == n.Host6())
}

// carries reports whether a message has the pattern of a nonce.
func carries(b []byte, nonce [8]byte) bool {
	pattern := probe.Nonce(nonce).Pattern()
	return bytes.Contains(b, pattern)
}

// judgeProbes judges the probes whose time is over. One that has shown nothing makes its check
// unknown: an older pass does not stand in for it.
func (v *Verifier) judgeProbes() {
	for i := range v.probes.n {
		one := &v.probes.list[i]
		if one.done || v.now-v.shift <= one.Until {
			continue
		}
		one.done = true
		s := v.byName(one.Via)
		switch {
		case s == nil || one.leaked || one.Kind == ProbeTunnel && one.good:
		case one.Kind == ProbeTunnel:
			s.records[VPN9].undone = true
		default:
			s.records[VPN2].undone = !v.judgeDown(s, one)
		}
	}
}

// judgeDown decides what a kill switch has shown: that no canary came out says something only
// if they were sent, if the same qube's canaries were seen in the tunnel before, if nothing was sent
// to an endpoint meanwhile, and if the capture was complete. A packet from an endpoint says nothing:
// WireGuard sends a keepalive ten seconds after the last data, to whom has gone, too.
func (v *Verifier) judgeDown(s *subject, one *probeState) bool {
	lost := v.lost != 0 && v.lost >= one.From+v.shift
	if !one.Sent || lost || !v.probes.controlled(one) || one.used {
		return false
	}
	r := &s.records[VPN2]
	if r.Packets == 0 {
		r.First = one.From
	}
	r.Packets += uint64(len(one.Sizes))
	r.Last, r.seen, r.probed, s.basis = one.Until, v.now, true, one.basis
	return true
}

// controlled reports whether a probe with the tunnel up has succeeded shortly before.
func (l *probes) controlled(down *probeState) bool {
	for i := range l.n {
		c := &l.list[i]
		if c.Kind == ProbeTunnel && c.good && !c.leaked && c.Via == down.Via && c.Client == down.Client && down.From-c.Until <= controlFor && c.From <= down.From {
			return true
		}
	}
	return false
}

// byName returns the subject of a qube, nil if it is not attached.
func (v *Verifier) byName(name string) *subject {
	for _, s := range v.all() {
		if s.qube != nil && s.qube.Name == name {
			return s
		}
	}
	return nil
}
