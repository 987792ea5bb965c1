package shunt

import (
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

var _ flow.Shunt = (*Shunt)(nil) // type check

// loopback is the index of that interface in every network namespace, LOOPBACK_IFINDEX of
// Linux' net_namespace.h. A packet there is shown twice.
const loopback = 1

// Begin implements [flow.Shunt].
func (s *Shunt) Begin(p *packet.Packet) uint16 {
	if !s.attached.Load() || s.captured(p.Iface) || !s.countable(p) {
		return 0
	}
	s.release()
	if !s.shares.Take(p.Iface, 1) {
		s.refused.Add(1)
		return 0
	}
	k := keyOf(p)
	tag := k.hash(s.seed)
	at := s.freePlace(bucketOf(tag))
	if at == 0 {
		s.shares.Give(p.Iface, 1)
		s.refused.Add(1)
		return 0
	}
	s.places[at] = place{iface: p.Iface, vlan: p.VLANs > 0, taken: true}
	s.write(at, &k)
	s.begun.Add(1)
	s.tag(at).Store(tag)
	s.changeLive(1)
	return at
}

// captured reports whether every packet of an interface has to be captured.
func (s *Shunt) captured(iface uint32) bool { return s.cfg.Captured != nil && s.cfg.Captured(iface) }

// countable reports whether the program reads the headers of p as the decoder does, and
// no one looks at such packets.
func (s *Shunt) countable(p *packet.Packet) bool {
	ports := &s.tcp
	switch {
	case p.Proto == packet.ProtoUDP && p.SrcPort != packet.PortVXLAN && p.DstPort != packet.PortVXLAN:
		ports = &s.udp
	case p.Proto != packet.ProtoTCP:
		return false
	}
	return p.HasL4 && p.HasMAC && p.Fragment == packet.FragmentNone && p.Outer.Kind == packet.TunnelNone && p.VLANs <= 1 &&
		p.Iface != loopback && p.Src != p.Dst && !ports.has(p.SrcPort) && !ports.has(p.DstPort) &&
		(s.cfg.Wanted == nil || s.cfg.Wanted(p))
}

// keyOf returns the key of the flow of p.
func keyOf(p *packet.Packet) (k wireKey) {
	k = wireKey{a: p.Src, b: p.Dst, aPort: port(p.SrcPort), bPort: port(p.DstPort), iface: p.Iface, proto: p.Proto, family: p.Family}
	if p.Src.Compare(&p.Dst) > 0 {
		k.a, k.b, k.aPort, k.bPort = k.b, k.a, k.bPort, k.aPort
	}
	if p.VLANs > 0 {
		k.vlan = 1<<16 | uint32(p.VLAN[0])
	}
	return k
}

// port returns a port as it is on the wire.
func port(n uint16) [2]byte { return [2]byte{byte(n >> 8), byte(n)} }

// freePlace returns a free place in a bucket, 0 if there is none.
func (s *Shunt) freePlace(bucket int) uint16 {
	for way := range ways {
		if at := uint16(bucket*ways + way + 1); !s.places[at].taken {
			return at
		}
	}
	return 0
}

// write fills in the key and the counters of a place that the program does not use.
func (s *Shunt) write(at uint16, k *wireKey) {
	mem := s.way(at)
	clear(mem)
	copy(mem, (*[keySize]byte)(unsafe.Pointer(k))[:])
	now := s.clock.now()
	for line := range 2 {
		word(mem, lineAt(line)+lastAt).Store(uint64(now)) // silence begins now
	}
}

// way returns the memory of a place.
func (s *Shunt) way(at uint16) []byte {
	bucket, way := int(at-1)/ways, int(at-1)%ways
	from := bucket*bucketSize + wayAt + way*waySize
	return s.mem[from : from+waySize]
}

// lineAt returns where the counters of a direction begin in a way: 0 for the packets of A.
func lineAt(line int) int { return lineSize * (1 + line) }

// tag returns the tag of a place in the shared memory.
func (s *Shunt) tag(at uint16) *atomic.Uint64 {
	return word(s.mem, int(at-1)/ways*bucketSize+int(at-1)%ways*tagSize)
}

// Read implements [flow.Shunt].
func (s *Shunt) Read(at uint16, c *flow.Counted) {
	p, mem := &s.places[at], s.way(at)
	if s.captured(p.iface) {
		s.Stop(at)
	}
	*c = flow.Counted{Over: s.tag(at).Load() == 0}
	var offset int64
	for line := range 2 {
		seen := &p.seen[line]
		if word(mem, lineAt(line)+packetsAt).Load() == seen.packets {
			continue
		}
		if offset == 0 {
			offset = s.clock.wallOffset()
		}
		packets, bytes, first, last, flags := readLine(mem[lineAt(line):])
		n := packets - seen.packets
		c.Packets[line], c.Bytes[line], c.Flags[line] = n, bytes-seen.bytes, flags
		if p.vlan {
			c.Bytes[line] += n * vlanLen
		}
		*seen = reading{packets, bytes}
		if first == 0 || first > last {
			first = last
		}
		if c.First == 0 || first+offset < c.First {
			c.First = first + offset
		}
		c.Last = max(c.Last, last+offset)
	}
}

// vlanLen is the length of a tag, which the kernel has taken off.
const vlanLen = 4

// attempts bounds how often a line is read until it is consistent: a packet changes it for
// some nanoseconds.
const attempts = 100

// readLine reads the counters of a direction. The time of the first packet is set to 0
// before, so that it is that of the first one after the reading; if one has come meanwhile,
// it is read again.
func readLine(line []byte) (packets, bytes uint64, first, last int64, flags uint8) {
	first = int64(word(line, firstAt).Load())
	for range attempts {
		word(line, firstAt).Store(0)
		packets = word(line, packetsAt).Load()
		bytes, last = word(line, bytesAt).Load(), int64(word(line, lastAt).Load())
		flags = uint8(word(line, flagsAt).Load())
		if word(line, begunAt).Load() == packets && word(line, firstAt).Load() == 0 {
			break
		}
	}
	return packets, bytes, first, last, flags
}

// Stop implements [flow.Shunt].
func (s *Shunt) Stop(at uint16) { s.tag(at).Store(0) }

// Free implements [flow.Shunt].
func (s *Shunt) Free(at uint16) {
	s.Stop(at)
	s.changeLive(-1)
	s.places[at].freed = true
	s.retired = append(s.retired, retiree{at, s.clock.now()})
}

// changeLive changes the number of flows that are counted. The program does nothing while
// it is 0.
func (s *Shunt) changeLive(by int64) {
	if n := s.current.Add(by); s.attached.Load() {
		s.live().Store(uint64(n))
	}
}

// Detach ends the counting of all flows. What was counted can still be read.
func (s *Shunt) Detach() {
	s.attached.Store(false)
	s.live().Store(0)
}

// Reset implements [flow.Shunt].
func (s *Shunt) Reset() {
	for at := uint16(1); at <= Places; at++ {
		if p := &s.places[at]; p.taken && !p.freed {
			s.Free(at)
		}
	}
}

// retiree is a place that is used again only when no packet can be on its way to it.
type retiree struct {
	at    uint16
	since int64
}

// defaultRetirement is how long that may take: the kernel does not let go of a CPU while it
// handles a packet, but a hypervisor may take it away.
const defaultRetirement = int64(time.Second)

// release makes retired places free, and counts what has come too late for its flow.
func (s *Shunt) release() {
	if len(s.retired) == 0 {
		return
	}
	now := s.clock.now()
	for len(s.retired) > 0 && now-s.retired[0].since > s.retirement {
		at := s.retired[0].at
		s.retired = s.retired[1:]
		for line := range 2 {
			packets := word(s.way(at), lineAt(line)+packetsAt).Load()
			s.late.Add(packets - s.places[at].seen[line].packets)
		}
		s.shares.Give(s.places[at].iface, 1)
		s.places[at] = place{}
	}
}
