package verify_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/verify"
)

// The qubes of the lab: V makes a tunnel, W uses Tor, C is a client of V.
var (
	work      = &qube.Qube{Name: "work", XID: 4, NetVM: "sys-log", IP: netip.MustParseAddr("10.137.0.6"), IP6: netip.MustParseAddr("fd09:24ef:4179::a89:6")}
	untrusted = &qube.Qube{Name: "untrusted", XID: 5, NetVM: "sys-log", IP: netip.MustParseAddr("10.137.0.9"), IP6: netip.MustParseAddr("fd09:24ef:4179::a89:9")}
	sysVPN    = &qube.Qube{Name: "sys-vpn", XID: 7, NetVM: "sys-log", ProvidesNetwork: true, IP: netip.MustParseAddr("10.137.0.20"), IP6: netip.MustParseAddr("fd09:24ef:4179::a89:14")}
	sysWhonix = &qube.Qube{Name: "sys-whonix", XID: 9, NetVM: "sys-log", ProvidesNetwork: true, IP: netip.MustParseAddr("10.137.0.21")}
	banking   = &qube.Qube{Name: "banking", XID: 12, NetVM: "sys-vpn", IP: netip.MustParseAddr("10.137.0.22")}
)

// The interfaces of the lab.
const eth0, ofWork, ofUntrusted, ofVPN, ofWhonix = 1, 4, 5, 7, 9

// Addresses of the lab.
const (
	endpoint = "203.0.113.9:51820"
	server   = "198.51.100.7:443"
	world6   = "[2001:db8:77::7]:443"
	resolver = "10.139.1.1:53"
	start    = int64(1_700_000_000e9)
)

// lab is a world with a verifier in it. Time passes when a test wants it.
type lab struct {
	tb      testing.TB
	v       *verify.Verifier
	env     verify.Environment
	expects map[string]*verify.Expectation
	rules   map[netip.Addr]*verify.Rules
	qubes   []*qube.Qube
	names   map[uint32]string
	now     int64
	reports []verify.Result
	decoded packet.Packet
	flows   *flow.Table     // for the notes; nil for a verifier that knows of no flows
	plain   bool            // packets have no direction, as in most capture files
	local   string          // one more address of this machine
	unknown bool            // the addresses of this machine toward qubes are not known
	several bool            // the file has more than one interface
	batch   int             // packets that the verifier is shown at once; 0 for one
	packets []packet.Packet // that wait for it
	bytes   [][]byte
}

func newLab(tb testing.TB) *lab {
	tb.Helper()
	l := &lab{tb: tb, now: start, expects: map[string]*verify.Expectation{}, qubes: []*qube.Qube{work, untrusted, sysVPN, sysWhonix, banking},
		names: map[uint32]string{eth0: "eth0", ofWork: "vif4.0", ofUntrusted: "vif5.0", ofVPN: "vif7.0", ofWhonix: "vif9.0"}}
	l.env.Expect = func(q *qube.Qube) *verify.Expectation { return l.expects[q.Name] }
	l.v = verify.New(verify.Config{World: l, Report: func(r *verify.Result) { l.reports = append(l.reports, *r) }})
	l.apply()
	var err error
	if l.flows, err = flow.New(flow.Config{Report: func(*flow.Record) {}, IdleTimeout: time.Minute, MaxFlows: 1000}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(l.onlyKnownPasses)
	return l
}

// apply gives the environment to the verifier.
func (l *lab) apply() {
	env := l.env
	l.v.SetEnvironment(&env)
}

func (l *lab) Name(iface uint32) string { return l.names[iface] }

func (l *lab) ByDomain(domid int32, _ time.Time) *qube.Qube {
	i := slices.IndexFunc(l.qubes, func(q *qube.Qube) bool { return q.XID == domid })
	if i < 0 {
		return nil
	}
	return l.qubes[i]
}

func (l *lab) ByAddr(a netip.Addr, _ time.Time) *qube.Qube {
	i := slices.IndexFunc(l.qubes, func(q *qube.Qube) bool { return q.Owns(a) })
	if i < 0 {
		return nil
	}
	return l.qubes[i]
}

func (l *lab) ByName(name string) *qube.Qube {
	for _, q := range l.qubes {
		if q.Name == name {
			return q
		}
	}
	return nil
}

func (l *lab) Local(a netip.Addr) bool {
	return !l.unknown && a == netip.MustParseAddr("10.137.0.5") || a.String() == l.local || a == netip.MustParseAddr("192.168.1.5")
}

func (l *lab) KnowsItself() bool { return !l.unknown }

func (l *lab) HasVif(domid int32) bool { return l.names[uint32(domid)] != "" }

func (l *lab) Several() bool { return l.several }

// Epoch has all that a test may change in it.
func (l *lab) Epoch(time.Time) uint64 {
	h := fnv.New64()
	for _, q := range l.qubes {
		fmt.Fprintf(h, "%p %v\n", q, *q)
	}
	fmt.Fprint(h, l.names)
	return h.Sum64()
}

// vpn has sys-vpn be expected to use a WireGuard tunnel.
func (l *lab) vpn() *verify.Expectation {
	return l.expect("sys-vpn", verify.ProtocolWireGuard, endpoint+"/udp")
}

// expect has a qube be expected to use a tunnel.
func (l *lab) expect(name string, p verify.Protocol, endpoints ...string) *verify.Expectation {
	x := &verify.Expectation{Exit: verify.ExitVPN, Protocol: p, Source: "config"}
	for _, text := range endpoints {
		e, ok := verify.ParseEndpoint(text)
		if !ok {
			l.tb.Fatalf("ParseEndpoint(%q) fails", text)
		}
		x.Endpoints = append(x.Endpoints, e)
	}
	l.expects[name] = x
	l.apply()
	return x
}

// torExit has sys-whonix be expected to use Tor.
func (l *lab) torExit() *verify.Expectation {
	x := &verify.Expectation{Exit: verify.ExitTor, Source: "config"}
	l.expects["sys-whonix"] = x
	l.apply()
	return x
}

// wait lets time pass without packets.
func (l *lab) wait(d time.Duration) {
	l.flush()
	l.now += int64(d)
	l.v.Tick(l.now)
}

// vifMAC is the MAC address that Xen gives to the end of a vif in this machine.
const vifMAC = "\xfe\xff\xff\xff\xff\xff"

// frame is a packet to be made.
type frame struct {
	iface   uint32
	out     bool // toward the qube, or out of the uplink
	proto   uint8
	src     string // host:port
	dst     string
	ttl     uint8
	flags   uint8  // of TCP
	icmp    uint8  // type
	options []byte // of IPv4, or the extension headers of IPv6
	payload []byte
	pad     int // length of the payload on the wire, if it is longer
}

// send makes a packet and shows it to the verifier, a millisecond after the last.
func (l *lab) send(f frame) {
	l.tb.Helper()
	l.now += int64(time.Millisecond)
	l.show(f)
}

func (l *lab) show(f frame) {
	l.tb.Helper()
	data := f.bytes()
	l.decoded.Time, l.decoded.Iface, l.decoded.Length, l.decoded.Direction = l.now, f.iface, uint32(len(data)), packet.Inbound
	if f.out {
		l.decoded.Direction = packet.Outbound
	}
	if l.plain {
		l.decoded.Direction = packet.DirectionUnknown
	}
	if status := l.decoded.Decode(packet.LinkEthernet, data); status != packet.OK {
		l.tb.Fatalf("Decode = %v of %x", status, data)
	}
	l.judge(&l.decoded, data)
}

// judge shows a packet to the verifier, as the meter does.
func (l *lab) judge(p *packet.Packet, data []byte) {
	l.packets, l.bytes = append(l.packets, *p), append(l.bytes, data)
	if len(l.packets) >= l.batch {
		l.flush()
	}
}

// flush shows the packets that wait to the verifier.
func (l *lab) flush() {
	if len(l.packets) == 0 {
		return
	}
	var refs [flow.BatchSize]flow.Ref
	if l.flows != nil {
		l.flows.UpdateBatchRefs(l.packets, &refs)
	}
	l.v.Packets(l.packets, func(i int) []byte { return l.bytes[i] }, refs[:])
	l.packets, l.bytes = l.packets[:0], l.bytes[:0]
}

// bytes returns the frame.
func (f frame) bytes() []byte {
	src, dst := addrPort(f.src), addrPort(f.dst)
	payload := append(slices.Clone(f.payload), make([]byte, max(f.pad-len(f.payload), 0))...)
	var l4 []byte
	switch f.proto {
	case packet.ProtoUDP:
		l4 = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, src.Port()), dst.Port())
		l4 = append(binary.BigEndian.AppendUint16(l4, uint16(8+len(payload))), 0, 0)
	case packet.ProtoTCP:
		l4 = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, src.Port()), dst.Port())
		l4 = append(l4, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, f.flags, 0xff, 0xff, 0, 0, 0, 0)
	case packet.ProtoICMP, packet.ProtoICMPv6:
		l4 = []byte{f.icmp, 0, 0, 0, 0, 1, 0, 1}
	}
	l4 = append(l4, payload...)
	ttl := f.ttl
	if ttl == 0 {
		ttl = 64
	}
	mac := make([]byte, 12)
	if f.out {
		copy(mac[6:], vifMAC)
	} else {
		copy(mac, vifMAC)
	}
	if src.Addr().Is4() {
		l4 = append(slices.Clone(f.options), l4...)
		ip := append(mac, 8, 0, 0x45+byte(len(f.options)/4), 0)
		ip = binary.BigEndian.AppendUint16(ip, uint16(20+len(l4)))
		ip = append(ip, 0, 0, 0, 0, ttl, f.proto, 0, 0)
		ip = append(append(ip, src.Addr().AsSlice()...), dst.Addr().AsSlice()...)
		ip = append(ip, l4...)
		checksum(ip)
		return ip
	}
	next := f.proto
	if len(f.options) > 0 {
		f.options[0], next = f.proto, protoDestinationOptions
	}
	l4 = append(slices.Clone(f.options), l4...)
	ip := append(mac, 0x86, 0xdd, 0x60, 0, 0, 0)
	ip = append(binary.BigEndian.AppendUint16(ip, uint16(len(l4))), next, ttl)
	ip = append(append(ip, src.Addr().AsSlice()...), dst.Addr().AsSlice()...)
	return append(ip, l4...)
}

// checksum sets the checksum of the IPv4 header of a frame (RFC 1071).
func checksum(data []byte) {
	h := data[14 : 14+int(data[14]&15)*4]
	h[10], h[11] = 0, 0
	sum := uint32(0)
	for i := 0; i < len(h); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(h[i:]))
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(h[10:], ^uint16(sum)) //nolint:gosec // folded
}

// protoDestinationOptions is the number of an extension header (RFC 8200 section 4.6).
const protoDestinationOptions = 60

// addrPort reads an address with or without a port.
func addrPort(text string) netip.AddrPort {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(a, 0)
	}
	return netip.MustParseAddrPort(text)
}

// wg sends a message of WireGuard from V to an endpoint, or back.
func (l *lab) wg(kind byte, size int, back bool) {
	f := frame{iface: ofVPN, proto: packet.ProtoUDP, src: "10.137.0.20:40000", dst: endpoint, payload: []byte{kind, 0, 0, 0}, pad: size}
	if back {
		f.src, f.dst, f.out = f.dst, f.src, true
	}
	l.send(f)
	if !back { // it leaves this machine, masqueraded
		f.iface, f.src, f.out = eth0, "192.168.1.5:40000", true
		l.show(f)
	}
}

// handshake brings the tunnel of V up.
func (l *lab) handshake() {
	l.wg(1, 148, false)
	l.wg(2, 92, true)
	l.wg(4, 32, false)
}

// traffic sends data through the tunnel for some seconds, both ways.
func (l *lab) traffic(seconds int) {
	for range seconds {
		l.wg(4, 144, false)
		l.wg(4, 1456, true)
		l.wait(time.Second)
	}
}

// udp sends a datagram from a vif.
func (l *lab) udp(iface uint32, src, dst string, payload []byte) {
	l.send(frame{iface: iface, proto: packet.ProtoUDP, src: src, dst: dst, payload: payload})
}

// tcp sends a segment from a vif.
func (l *lab) tcp(iface uint32, src, dst string, flags uint8, payload []byte) {
	l.send(frame{iface: iface, proto: packet.ProtoTCP, src: src, dst: dst, flags: flags, payload: payload})
}

// ping sends an echo request with a TTL.
func (l *lab) ping(iface uint32, src, dst string, ttl uint8, payload ...byte) {
	f := frame{iface: iface, proto: packet.ProtoICMP, icmp: 8, src: src, dst: dst, ttl: ttl, payload: payload}
	if addrPort(dst).Addr().Is6() {
		f.proto, f.icmp = packet.ProtoICMPv6, 128
	}
	l.send(f)
}

// query returns a query in DNS.
func query(name string) []byte {
	msg := []byte{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for label := range strings.SplitSeq(name, ".") {
		msg = append(append(msg, byte(len(label))), label...)
	}
	return append(msg, 0, 0, 1, 0, 1)
}

// tlsHello returns the first record of a TLS client.
func tlsHello(tb testing.TB, name string) []byte {
	tb.Helper()
	c := tls.QUICClient(&tls.QUICConfig{TLSConfig: &tls.Config{ServerName: name, InsecureSkipVerify: name == "", MinVersion: tls.VersionTLS13,
		CurvePreferences: []tls.CurveID{tls.X25519}}})
	c.SetTransportParameters(nil)
	if err := c.Start(context.Background()); err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	for {
		switch e := c.NextEvent(); e.Kind {
		case tls.QUICWriteData:
			return append([]byte{22, 3, 1, byte(len(e.Data) >> 8), byte(len(e.Data))}, e.Data...)
		case tls.QUICNoEvent:
			tb.Fatal("the client says nothing")
		}
	}
}

// got returns the verdict on a check, with its reason and what qualifies it: "pass",
// "fail contained", "unknown(no-traffic)".
func (l *lab) got(subject, check string) string {
	for _, r := range l.v.Results() {
		if r.Subject != subject || r.Check.String() != check {
			continue
		}
		text := r.Verdict.String()
		if r.Reason != verify.NoReason {
			text += "(" + r.Reason.String() + ")"
		}
		if r.Contained {
			text += " contained"
		}
		if r.Stale {
			text += " stale"
		}
		return text
	}
	return "absent"
}

// result returns a result.
func (l *lab) result(subject, check string) verify.Result {
	l.tb.Helper()
	for _, r := range l.v.Results() {
		if r.Subject == subject && r.Check.String() == check {
			return r
		}
	}
	l.tb.Fatalf("no result of %s for %s", check, subject)
	return verify.Result{}
}

// alerts returns the reports that a person should see.
func (l *lab) alerts() (list []string) {
	for _, r := range l.reports {
		if r.Alert {
			list = append(list, r.Check.String()+" "+r.Subject)
		}
	}
	return list
}
