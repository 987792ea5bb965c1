package kernellog

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// MaxLine is the length of the longest line that is read, in bytes. The kernel's
// own limit is 1024 (LOG_LINE_MAX).
const MaxLine = 4096

// Parse reads one message of the kernel, without what a log has put before it. It
// reports false where the message is not of a LOG rule, or was cut before the
// addresses. At and Source of the result are not set.
func Parse(message string) (o firewall.Observation, ok bool) {
	at := start(message)
	if at < 0 || len(message) > MaxLine {
		return o, false
	}
	o.Prefix = strings.Clone(message[:at]) // and not the whole line with it
	outside, inside, isError := strings.Cut(message[at:], "[SRC=")
	f := fields{tuple: &o.Tuple}
	f.read(outside)
	o.In, o.Out, o.Length = f.in, f.out, f.length
	if isError {
		g := fields{tuple: &o.Inner}
		g.read("SRC=" + inside)
		o.HasInner = g.complete()
	}
	return o, f.complete()
}

// start returns where the kernel's own text begins: at IN=, which is directly
// behind the prefix, whatever that ends with. A prefix may itself hold "IN=", so
// that the first one with OUT= behind its value counts.
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

// maxName is longer than any name of an interface (IFNAMSIZ).
const maxName = 16

// fields collects the words of one packet. The first of each key counts, but for
// those that a second header repeats.
type fields struct {
	tuple   *firewall.Tuple
	in, out string
	length  uint32
	hasType bool
	proto   string
}

func (f *fields) complete() bool {
	return f.tuple.Src.IsValid() && f.tuple.Dst.IsValid() && f.proto != ""
}

// read reads words from left to right.
func (f *fields) read(text string) {
	for word := range strings.FieldsSeq(text) {
		if word == "]" || strings.HasPrefix(word, "OPT") { // what follows is a tuple that is over, or bytes
			return
		}
		if key, value, ok := strings.Cut(word, "="); ok {
			f.set(key, value)
		}
	}
}

// set takes one word. Ports, types and ids come behind PROTO.
func (f *fields) set(key, value string) {
	t := f.tuple
	switch key {
	case "IN":
		f.in = name(value)
	case "OUT":
		f.out = name(value)
	case "SRC":
		t.Src = address(value)
	case "DST":
		t.Dst = address(value)
	case "LEN":
		if f.proto == "" {
			f.length = uint32(number(value, 32))
		}
	case "PROTO":
		f.proto, t.Proto = value, protocol(value)
	case "SPT":
		t.SrcPort = uint16(number(value, 16))
	case "DPT":
		t.DstPort = uint16(number(value, 16))
	case "TYPE":
		t.ICMPType, f.hasType = uint8(number(value, 8)), true
	case "CODE":
		t.ICMPCode = uint8(number(value, 8))
	case "ID":
		if f.hasType { // before PROTO it is that of the IP header
			t.ICMPID = uint16(number(value, 16))
		}
	}
}

func name(value string) string {
	if len(value) >= maxName {
		return ""
	}
	return strings.Clone(value)
}

func address(value string) netip.Addr {
	a, err := netip.ParseAddr(value)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}
	}
	return a
}

// number returns a decimal number, 0 where it is none.
func number(value string, bits int) uint64 {
	n, err := strconv.ParseUint(value, 10, bits)
	if err != nil {
		return 0
	}
	return n
}

// protocol returns the number of a protocol: the kernel writes those that it knows
// by name, and the rest as a number.
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
		return 51
	}
	return uint8(number(value, 8))
}
