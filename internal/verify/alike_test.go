package verify_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/verify"
)

// captured shows a packet as a capture has it that keeps some bytes of each frame, 0 for all, behind a header of its
// link.
func (l *lab) captured(f frame, link packet.Link, snap int) {
	l.tb.Helper()
	l.now += int64(time.Millisecond)
	data := f.bytes()
	switch link {
	case packet.LinkRaw:
		data = data[14:]
	case packet.LinkSLL:
		data = append([]byte{0, 4, 0, 1, 0, 6, 2, 1, 1, 1, 1, 1, 0, 0, data[12], data[13]}, data[14:]...)
	}
	l.decoded.Time, l.decoded.Iface, l.decoded.Length, l.decoded.Direction = l.now, f.iface, uint32(len(data)), packet.Inbound
	if f.out {
		l.decoded.Direction = packet.Outbound
	}
	if snap != 0 {
		data = data[:min(snap, len(data))]
	}
	if status := l.decoded.Decode(link, data); status != packet.OK {
		l.tb.Fatalf("Decode = %v of %x", status, data)
	}
	l.judge(&l.decoded, data)
}

// TestVerifier_cut_short finds a packet again of which one interface has more bytes than the other, and tells those
// apart of which both have what differs.
func TestVerifier_cut_short(t *testing.T) {
	t.Parallel()
	const behind, within = 60, 2 // bytes of the payload
	for name, f := range map[string]frame{
		"UDP":  attempt(ofWork, spoofedSource, farAway),
		"UDP6": {iface: ofWork, proto: packet.ProtoUDP, src: "[2001:db8:99::1]:5", dst: "[2001:db8:77::7]:9"},
		"ping": {iface: ofWork, proto: packet.ProtoICMP, icmp: 8, src: "10.137.1.128", dst: "198.51.100.9"},
		"ESP":  {iface: ofWork, proto: packet.ProtoESP, src: "10.137.1.128", dst: "198.51.100.9"},
		"TCP":  {iface: ofWork, proto: packet.ProtoTCP, src: spoofedSource, dst: farAway, flags: syn},
	} {
		f.payload = make([]byte, 120)
		out := f.masqueraded()
		if f.src[0] == '[' {
			out.src = "[2001:db8:1::5]:5"
		}
		for _, links := range [][2]packet.Link{{packet.LinkEthernet, packet.LinkRaw}, {packet.LinkEthernet, packet.LinkSLL}, {packet.LinkRaw, packet.LinkEthernet}} {
			for _, snaps := range [][2]int{{68, 68}, {96, 96}, {68, 0}, {0, 68}, {54, 54}} {
				for _, unordered := range []bool{false, true} {
					for at, want := range map[int]string{-1: "fail", behind: "fail", within: "pass"} {
						if f.src[0] == '[' && snaps[0] == 54 || at >= 0 && (f.proto != packet.ProtoUDP || snaps[0] == 96 || snaps[0] == 54) || at == behind && f.src[0] != '[' {
							continue
						}
						l := newLab(t)
						l.v, l.several = verify.New(verify.Config{World: l, Unordered: unordered}), true
						l.apply()
						l.uplink()
						l.udp(ofWork, srcWork+":1", server, nil)
						in := f
						in.payload = append([]byte(nil), f.payload...)
						if at >= 0 {
							in.payload[at] = 1
						}
						if unordered {
							l.now += int64(time.Millisecond)
							l.captured(out, links[1], snaps[1])
							l.now -= int64(3 * time.Millisecond)
							l.captured(in, links[0], snaps[0])
						} else {
							l.captured(in, links[0], snaps[0])
							l.captured(out, links[1], snaps[1])
						}
						l.wait(3 * time.Second)
						if _, ok := l.want("ISO-3 work " + want); !ok {
							t.Errorf("%s of links %v with %v bytes, another one at %d, unordered: %t", name, links, snaps, at, unordered)
						}
					}
				}
			}
		}
	}
}

// TestVerifier_whose_copy decides nothing for a qube by a packet of another one, or by another packet of its own, that
// is like one of it and may leave, and fails it if more have left.
func TestVerifier_whose_copy(t *testing.T) {
	t.Parallel()
	const fail, unknown, pass = "fail", "unknown(capture-lost)", "pass"
	six := frame{iface: ofWork, proto: packet.ProtoUDP, src: "[2001:db8:99::1]:5", dst: "[2001:db8:77::7]:9", payload: []byte("hello, hello")}
	for family, bad := range map[string]frame{"IPv4": attempt(ofWork, spoofedSource, farAway), "IPv6": six} {
		other, own, out := bad, bad, bad.masqueraded()
		other.iface, other.src, own.src = ofUntrusted, "10.137.0.9:5000", srcWork+":5000"
		if family == "IPv6" {
			other.src, own.src, out.src = "[fd09:24ef:4179::a89:9]:5", "[fd09:24ef:4179::a89:6]:5", "[2001:db8:1::5]:5"
		}
		last, wide := other, out
		last.ttl, wide.iface = 1, 2
		misled := other
		misled.ttl = 99
		for name, tt := range map[string]struct {
			list []frame
			want string
		}{
			"none":                       {[]frame{bad}, pass},
			"its own":                    {[]frame{bad, out}, fail},
			"another qube's":             {[]frame{bad, other, out}, unknown},
			"another qube's, over two":   {[]frame{bad, other, out, wide}, unknown},
			"both":                       {[]frame{bad, other, out, out}, fail},
			"both, one by one":           {[]frame{bad, out, other, out}, fail},
			"another one of its own":     {[]frame{bad, own, out}, unknown},
			"one on its last hop":        {[]frame{bad, last, out}, fail},
			"one to another MAC address": {[]frame{bad, misled, out}, fail},
			"three of another's":         {[]frame{bad, other, other, other, out, out, out}, unknown},
			"one more than of another's": {[]frame{bad, other, other, out, out, out}, fail},
			"again":                      {[]frame{bad, bad, other, out}, unknown},
			"again, and out":             {[]frame{bad, out, bad, other, out}, fail},
		} {
			for _, settled := range []bool{false, true} {
				l := newLab(t)
				l.uplink()
				for range 3 {
					if settled {
						l.show(other)
						l.show(own)
					}
				}
				l.wait(3 * time.Second)
				l.uplink()
				for _, f := range tt.list {
					if f.ttl == misled.ttl {
						l.altered(f, 0, func(b []byte) { b[0] = 2 })
						continue
					}
					l.send(f)
				}
				l.wait(3 * time.Second)
				if _, ok := l.want("ISO-3 work " + tt.want); !ok {
					t.Errorf("%s: the copy is %s, of a settled flow: %t", family, name, settled)
				}
			}
		}
	}
}

// TestVerifier_whose_copy_in_a_file does so if the other one stands in front of it.
func TestVerifier_whose_copy_in_a_file(t *testing.T) {
	t.Parallel()
	for _, snap := range []int{0, 68} {
		l := newLab(t)
		l.v, l.several = verify.New(verify.Config{World: l, Unordered: true}), true
		l.apply()
		l.uplink()
		l.udp(ofWork, srcWork+":1", server, nil)
		bad, other := attempt(ofWork, spoofedSource, farAway), attempt(ofUntrusted, "10.137.0.9:5000", farAway)
		bad.pad, other.pad = 120, 120
		for range 3 {
			l.captured(other, packet.LinkEthernet, snap)
			l.captured(bad.masqueraded(), packet.LinkEthernet, snap)
		}
		l.now -= int64(10 * time.Millisecond)
		l.captured(bad, packet.LinkEthernet, snap)
		l.wait(3 * time.Second)
		if _, ok := l.want("ISO-3 work unknown(capture-lost)"); !ok {
			t.Errorf("with %d bytes of each", snap)
		}
	}
}

// TestVerifier_counted_once counts a packet that has come out once, whatever is like it afterwards.
func TestVerifier_counted_once(t *testing.T) {
	t.Parallel()
	bad, other := attempt(ofWork, spoofedSource, farAway), attempt(ofUntrusted, "10.137.0.9:5000", farAway)
	l := newLab(t)
	l.uplink()
	for _, f := range []frame{bad, bad.masqueraded(), bad, other, bad.masqueraded()} {
		l.send(f)
	}
	l.wait(3 * time.Second)
	if n := l.result("work", "ISO-3").Evidence.Against; n != 1 {
		t.Errorf("%d packets against; want 1", n)
	}
}

// TestVerifier_flow_label tells packets of IPv6 apart by their flow label.
func TestVerifier_flow_label(t *testing.T) {
	t.Parallel()
	for label, want := range map[byte]string{7: "fail", 8: "pass"} {
		l := newLab(t)
		l.uplink()
		f := frame{iface: ofWork, proto: packet.ProtoUDP, src: "[2001:db8:99::1]:5", dst: "[2001:db8:77::7]:9", payload: []byte("hello, hello")}
		l.altered(f, 0, func(b []byte) { b[17] = 7 })
		f.iface, f.out, f.src = eth0, true, "[2001:db8:1::5]:5"
		l.altered(f, 0, func(b []byte) { b[17] = label })
		l.wait(3 * time.Second)
		l.want("ISO-3 work " + want)
	}
}
