package flow

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"

	meter "github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Layer flags and offset slots of packetbeat's flow id
// (packetbeat/flows/flowid.go).
const (
	idEthernet  = 1 << 0
	idOuterVLAN = 1 << 1
	idVLAN      = 1 << 2
	idIPv4      = 1 << 4
	idIPv6      = 1 << 6
	idUDP       = 1 << 9
	idTCP       = 1 << 10
	idConn      = 1 << 11

	slotEthernet  = 0
	slotOuterVLAN = 1
	slotVLAN      = 2
	slotIPv4      = 4
	slotIPv6      = 6
	slotUDP       = 9
	slotTCP       = 10
	slotConn      = 11
	slots         = 12
)

// ID returns the identifier of the flow that the record belongs to, in packetbeat's
// encoding: the same in all records of one flow, and different between any two flows.
// The connection id at the end, which packetbeat appends for some TCP flows only, is
// made of the time of the flow's first packet and of what distinguishes flows apart from
// addresses and ports. So two connections on the same ports have different ids, and a
// replay gives the same ones.
func ID(r *meter.Record) string {
	b := idBuilder{record: r, buf: make([]byte, 0, 96)}
	for i := range b.offsets {
		b.offsets[i] = 0xff
	}
	b.layers()
	head := make([]byte, 0, 128)
	head = binary.LittleEndian.AppendUint16(head, b.flags)
	head = append(head, b.offsets[:]...)
	head = append(head, b.counts[:]...)
	head = append(head, b.buf...)
	return base64.RawStdEncoding.EncodeToString(head)
}

type idBuilder struct {
	record  *meter.Record
	flags   uint16
	offsets [slots]byte
	counts  [3]byte // Ethernet, VLAN and IP headers
	buf     []byte
	reverse bool // the destination's half of each layer comes first
	decided bool
}

func (b *idBuilder) layers() {
	r := b.record
	if r.HasMAC {
		b.pair(slotEthernet, idEthernet, r.Source.MAC[:], r.Destination.MAC[:])
		b.counts[0]++
	}
	b.vlans()
	n, slot, flag := 4, slotIPv4, uint16(idIPv4)
	if r.Family == 6 {
		n, slot, flag = 16, slotIPv6, idIPv6
	}
	b.pair(slot, flag, r.Source.Addr[:n], r.Destination.Addr[:n])
	b.counts[2]++
	b.transport()
	b.mark(slotConn, idConn)
	b.buf = binary.LittleEndian.AppendUint64(b.buf, connection(r))
}

func (b *idBuilder) vlans() {
	r := b.record
	switch r.VLANs {
	case 1:
		b.mark(slotVLAN, idVLAN)
	case 2:
		b.mark(slotOuterVLAN, idOuterVLAN)
	}
	for i := range int(r.VLANs) {
		if i == 1 {
			b.mark(slotVLAN, idVLAN)
		}
		b.buf = binary.LittleEndian.AppendUint16(b.buf, r.VLAN[i])
		b.counts[1]++
	}
}

func (b *idBuilder) transport() {
	r := b.record
	var src, dst [2]byte
	binary.LittleEndian.PutUint16(src[:], r.Source.Port)
	binary.LittleEndian.PutUint16(dst[:], r.Destination.Port)
	switch r.Proto {
	case packet.ProtoTCP:
		b.pair(slotTCP, idTCP, src[:], dst[:])
	case packet.ProtoUDP:
		b.pair(slotUDP, idUDP, src[:], dst[:])
	}
}

func (b *idBuilder) mark(slot int, flag uint16) {
	b.flags |= flag
	b.offsets[slot] = byte(len(b.buf))
}

// pair appends both halves of a layer. The first layer whose halves differ decides the
// order for all layers.
func (b *idBuilder) pair(slot int, flag uint16, src, dst []byte) {
	b.mark(slot, flag)
	if !b.decided {
		if order := bytes.Compare(src, dst); order != 0 {
			b.decided, b.reverse = true, order > 0
		}
	}
	if b.reverse {
		src, dst = dst, src
	}
	b.buf = append(append(b.buf, src...), dst...)
}

// Key returns the number at the end of [ID].
func Key(r *meter.Record) uint64 { return connection(r) }

// KeyOf returns the number at the end of an identifier that [ID] has made, and whether it
// is one.
func KeyOf(id string) (key uint64, ok bool) {
	const fixed = 2 + slots + 3
	b, err := base64.RawStdEncoding.DecodeString(id)
	if err != nil || len(b) < fixed+8 || binary.LittleEndian.Uint16(b)&idConn == 0 || int(b[2+slotConn]) != len(b)-fixed-8 {
		return 0, false
	}
	return binary.LittleEndian.Uint64(b[len(b)-8:]), true
}

// connection mixes the parts into 64 bits. Each is mixed separately, so that changes of
// two parts cannot cancel out.
func connection(r *meter.Record) uint64 {
	x := mix(uint64(r.Born))
	x = mix(x ^ (uint64(r.Iface)<<32 | uint64(r.ICMPID)<<16 | uint64(r.ICMPKind)))
	src, dst := r.Source.Port, r.Destination.Port
	if order := r.Source.Addr.Compare(&r.Destination.Addr); order > 0 || order == 0 && src > dst {
		src, dst = dst, src // the same whichever endpoint is the source
	}
	x = mix(x ^ (uint64(r.Proto)<<32 | uint64(src)<<16 | uint64(dst)))
	if r.Outer.Kind == packet.TunnelNone {
		return x
	}
	x = mix(x ^ (uint64(r.Outer.Kind)<<32 | uint64(r.Outer.ID)))
	a, b := r.Outer.Src, r.Outer.Dst
	if a.Compare(&b) > 0 {
		a, b = b, a
	}
	for _, half := range [][]byte{a[:8], a[8:], b[:8], b[8:]} {
		x = mix(x ^ binary.LittleEndian.Uint64(half))
	}
	return x
}

// mix is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
