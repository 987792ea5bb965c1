package packet_test

import (
	"cmp"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// seen is what both decoders return of a packet.
type seen struct {
	Src, Dst         netip.Addr
	Proto            uint8
	SrcPort, DstPort uint16
	Flags            uint8
	Type, Code       uint8
	HasL4            bool
	Fragment         packet.Fragment
	FragID           uint32
	SrcMAC, DstMAC   string
	VLANs            [2]uint16
	Tags             int
	OuterSrc         netip.Addr
	OuterDst         netip.Addr
	Tunnel           string
	Key              uint32
}

func seenOf(p *packet.Packet) seen {
	s := seen{Src: p.Src.Netip(p.Family), Dst: p.Dst.Netip(p.Family), Proto: p.Proto, SrcPort: p.SrcPort, DstPort: p.DstPort,
		Flags: p.TCPFlags, Type: p.ICMPType, Code: p.ICMPCode, HasL4: p.HasL4, Fragment: p.Fragment, FragID: p.FragID,
		VLANs: p.VLAN, Tags: int(p.VLANs), Tunnel: p.Outer.Kind.String(), Key: p.Outer.ID}
	if p.HasMAC {
		s.SrcMAC, s.DstMAC = net.HardwareAddr(p.SrcMAC[:]).String(), net.HardwareAddr(p.DstMAC[:]).String()
	}
	if p.Outer.Kind != packet.TunnelNone {
		s.OuterSrc, s.OuterDst = p.Outer.Src.Netip(p.Outer.Family), p.Outer.Dst.Netip(p.Outer.Family)
	}
	return s
}

// testimony is gopacket's view of a frame.
type testimony struct {
	seen
	status packet.Status
	path   string // names of the layers
	depth  int    // IP headers
	kind   string // of the tunnel that the next IP header is in
	key    uint32
	wrong  bool // a version that is not that of the header, which gopacket lets pass
	all    []gopacket.Layer
}

// witness decodes a frame with gopacket. why is not empty if it cannot.
func witness(link packet.Link, data []byte) (w testimony, why string) {
	decoder, data := decoderOf(link, data)
	if decoder == nil {
		return w, "a link type that gopacket does not know"
	}
	p := gopacket.NewPacket(data, decoder, gopacket.DecodeOptions{NoCopy: true})
	w.all = p.Layers()
	w.path = layerNames(w.all)
	w.status = packet.NonIP
	for i, l := range w.all {
		w.layer(l)
		if w.stop(i) {
			break
		}
	}
	if e := p.ErrorLayer(); e != nil {
		return w, w.failed(reason(e.Error().Error()))
	}
	return w, w.dubious()
}

// failed says why a frame cannot be compared on which gopacket gave up. After
// an IP header it can, up to there; where no EtherType leads on, both must say
// so.
func (w *testimony) failed(why string) string {
	header := strings.Contains(why, "IP header") || strings.Contains(why, "IP length") || strings.Contains(why, "IP option")
	stranger := strings.Contains(why, "decode EthernetType") || strings.Contains(why, "not currently supported")
	if w.depth == 0 && !stranger || header {
		return "gopacket: " + why
	}
	return w.dubious()
}

// dubious says why a frame cannot be compared of which gopacket believes too much.
func (w *testimony) dubious() string {
	if w.wrong {
		return "an IP version that gopacket lets pass"
	}
	return ""
}

// reason is an error without its numbers, to count by.
func reason(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, text)
}

func decoderOf(link packet.Link, data []byte) (gopacket.Decoder, []byte) {
	switch link {
	case packet.LinkEthernet, packet.LinkNull, packet.LinkLoop, packet.LinkSLL, packet.LinkRaw, packet.LinkIPv4, packet.LinkIPv6:
		return layers.LinkType(link), data
	case packet.LinkRaw12, packet.LinkRaw14:
		return layers.LinkTypeRaw, data
	case packet.LinkSLL2: // not in this version of gopacket
		if len(data) >= 20 {
			return layers.EthernetType(binary.BigEndian.Uint16(data)), data[20:]
		}
	}
	return nil, nil
}

// stop reports whether the layer after i is none that Decode would step into,
// such as the payload of a tunnel that it does not know.
func (w *testimony) stop(i int) bool {
	switch w.all[i].(type) {
	case *layers.TCP, *layers.SCTP, *layers.ICMPv4, *layers.ICMPv6, *layers.UDPLite, *layers.IPSecESP, *layers.LLC:
		return true
	case *layers.IPSecAH:
		return w.Src.Is4()
	case *layers.UDP:
		return w.next(i) != layers.LayerTypeVXLAN
	case *layers.GRE:
		return !slices.Contains(insideGRE, w.next(i))
	}
	return false
}

// insideGRE are the layers that Decode looks for in GRE; not PPP (PPTP), ERSPAN
// or Cisco's own.
var insideGRE = []gopacket.LayerType{layers.LayerTypeIPv4, layers.LayerTypeIPv6, layers.LayerTypeEthernet}

func (w *testimony) next(i int) gopacket.LayerType {
	if i+1 < len(w.all) {
		return w.all[i+1].LayerType()
	}
	return gopacket.LayerTypeZero
}

func (w *testimony) layer(l gopacket.Layer) {
	switch l := l.(type) {
	case *layers.Ethernet:
		if w.depth == 0 {
			w.SrcMAC, w.DstMAC = l.SrcMAC.String(), l.DstMAC.String()
		}
	case *layers.Dot1Q:
		if w.depth == 0 && w.Tags < 2 {
			w.VLANs[w.Tags] = l.VLANIdentifier
			w.Tags++
		}
	case *layers.IPv4:
		w.wrong = w.wrong || l.Version != 4
		w.enter(l.SrcIP, l.DstIP, uint8(l.Protocol))
		w.piece(l.FragOffset != 0, l.Flags&layers.IPv4MoreFragments != 0, uint32(l.Id))
	case *layers.IPv6:
		w.wrong = w.wrong || l.Version != 6
		w.enter(l.SrcIP, l.DstIP, uint8(l.NextHeader))
	case *layers.IPv6HopByHop:
		w.Proto = uint8(l.NextHeader)
	case *layers.IPv6Routing:
		w.Proto = uint8(l.NextHeader)
	case *layers.IPv6Destination:
		w.Proto = uint8(l.NextHeader)
	case *layers.IPv6Fragment:
		w.Proto = uint8(l.NextHeader)
		w.piece(l.FragmentOffset != 0, l.MoreFragments, l.Identification)
	case *layers.IPSecAH:
		if w.Src.Is6() {
			w.Proto = uint8(l.NextHeader)
		}
	case *layers.GRE:
		w.mark("gre", l.Key)
	case *layers.VXLAN:
		w.mark("vxlan", l.VNI)
	default:
		w.transport(l)
	}
}

// mark notes what kind of tunnel the next IP header is in.
func (w *testimony) mark(kind string, key uint32) {
	if w.depth == 1 {
		w.kind, w.key = kind, key
	}
}

// enter begins a new IP header, the one before being its tunnel.
func (w *testimony) enter(src, dst net.IP, proto uint8) {
	if w.depth == 1 {
		w.Tunnel, w.Key = cmp.Or(w.kind, "ipip"), w.key
		w.OuterSrc, w.OuterDst = w.Src, w.Dst
	}
	w.depth++
	w.Src, _ = netip.AddrFromSlice(src)
	w.Dst, _ = netip.AddrFromSlice(dst)
	w.Proto, w.status = proto, packet.OK
	w.SrcPort, w.DstPort, w.HasL4 = 0, 0, false
	w.piece(false, false, 0)
}

func (w *testimony) piece(offset, more bool, id uint32) {
	w.Fragment, w.FragID = packet.FragmentNone, 0
	switch {
	case offset:
		w.Fragment, w.FragID = packet.FragmentLater, id
	case more:
		w.Fragment, w.FragID = packet.FragmentFirst, id
	}
}
