package kernellog

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// MaxLine is the maximum length of a line in bytes. The kernel's own limit is 1024
// (LOG_LINE_MAX).
const MaxLine = 4096

// Parse parses a message of the kernel, as [Reader.Line] returns it. It reports whether the
// message is from a LOG rule and has addresses and a protocol, which is 0 if an IPv6 packet ends before it. It does not
// set At and Source.
func Parse(message string) (o firewall.Observation, ok bool) {
	message, o.Times = repeated(message)
	at := start(message)
	if at < 0 || len(message) > MaxLine {
		return firewall.Observation{}, false
	}
	o.Prefix = strings.Clone(message[:at]) // not to retain the whole line
	outside, inside, isError := strings.Cut(message[at:], "[SRC=")
	f := words{tuple: &o.Tuple}
	f.read(outside)
	o.In, o.Out, o.Length = f.in, f.out, f.length
	if isError {
		g := words{tuple: &o.Inner}
		g.read("SRC=" + inside)
		o.HasInner = g.complete()
	}
	return o, f.complete()
}

// start returns the offset of the kernel's text: that of IN=, which follows the prefix
// without a separator. A prefix may itself contain "IN=", so that the first one whose value
// is followed by OUT= counts. It returns -1 if there is none.
func start(message string) int {
	for from := 0; ; {
		i := strings.Index(message[from:], "IN=")
		if i < 0 {
			return -1
		}
		i += from
		value, rest, ok := strings.Cut(message[i+len("IN="):], " ")
		if ok && len(value) < maxName && strings.HasPrefix(rest, "OUT=") {
			return i
		}
		from = i + len("IN=")
	}
}

// maxName exceeds the length of any name of an interface (IFNAMSIZ).
const maxName = 16

// words collects the words of one packet.
type words struct {
	tuple   *firewall.Tuple
	in, out string
	length  uint32
	hasType bool // TYPE, the ICMP type, was read
	proto   string
	chain   chain
}

// complete reports whether the packet has addresses and a protocol. Of IPv6, the kernel
// does not write all protocols.
func (f *words) complete() bool {
	t := f.tuple
	if !t.Src.IsValid() || !t.Dst.IsValid() {
		return false
	}
	if f.proto == "" && f.chain.begun && t.Src.Is6() {
		t.Proto, f.proto = f.chain.proto(), "in the headers"
	}
	return f.proto != ""
}

// read reads words from left to right.
func (f *words) read(text string) {
	inOptions := false
	for word := range strings.FieldsSeq(text) {
		f.chain.word(word)
		switch {
		case inOptions: // IP or TCP options in hexadecimal: "OPT (94040000)", "OPT ( )"
			inOptions = !strings.HasSuffix(word, ")")
		case word == "OPT":
			inOptions = true
		case word == "]": // the end of the packet
			return
		default:
			if key, value, ok := strings.Cut(word, "="); ok {
				f.set(key, value)
			}
		}
	}
}

// set adds one word. Each of the first keys comes once; if it comes again, it is no word
// of the kernel's.
func (f *words) set(key, value string) {
	switch key {
	case "IN":
		f.in = cmp.Or(f.in, name(value))
	case "OUT":
		f.out = cmp.Or(f.out, name(value))
	case "SRC":
		f.tuple.Src = cmp.Or(f.tuple.Src, address(value))
	case "DST":
		f.tuple.Dst = cmp.Or(f.tuple.Dst, address(value))
	case "LEN":
		if f.proto == "" { // after PROTO it is that of the UDP header
			f.length = uint32(number(value, 32))
		}
	case "PROTO":
		if f.proto == "" {
			f.proto, f.tuple.Proto = value, protocol(value)
		}
	default:
		f.setTransport(key, value)
	}
}

// setTransport adds a word of the transport header, which follows PROTO.
func (f *words) setTransport(key, value string) {
	t := f.tuple
	switch key {
	case "SPT":
		t.SrcPort = uint16(number(value, 16))
	case "DPT":
		t.DstPort = uint16(number(value, 16))
	case "TYPE":
		t.ICMPType, f.hasType = uint8(number(value, 8)), true
	case "CODE":
		t.ICMPCode = uint8(number(value, 8))
	case "ID":
		if f.hasType { // before TYPE it is that of the IP header
			t.ICMPID = uint16(number(value, 16))
		}
	}
}

// name returns the name of an interface, "" if it is too long.
func name(value string) string {
	if len(value) >= maxName {
		return ""
	}
	return strings.Clone(value)
}

// address parses an address. It returns the zero Addr if it is invalid.
func address(value string) netip.Addr {
	a, err := netip.ParseAddr(value)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}
	}
	return a
}

// number parses a decimal number. It returns 0 if it is invalid or out of range.
func number(value string, bits int) uint64 {
	n, err := strconv.ParseUint(value, 10, bits)
	if err != nil {
		return 0
	}
	return n
}

// protocol returns the number of a protocol. The kernel writes names for some, and numbers
// for the others.
func protocol(value string) uint8 {
	switch value {
	case "TCP":
		return packet.ProtoTCP
	case "UDP":
		return packet.ProtoUDP
	case "UDPLITE":
		return packet.ProtoUDPLite
	case "ICMP":
		return packet.ProtoICMP
	case "ICMPv6":
		return packet.ProtoICMPv6
	case "ESP":
		return packet.ProtoESP
	case "AH":
		return protoAH
	}
	return uint8(number(value, 8))
}
