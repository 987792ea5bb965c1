//go:build linux

package leaks_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// dispExpected expects a tunnel of the disposables.
const dispExpected = `expect: [{qubes: ["disp*"], exit: vpn, protocol: wireguard, endpoints: ["203.0.113.9:51820/udp"]}]`

// disposables has two disposables use one address, one right after the other. What the first
// has sent is not the second's.
func (s *stage) disposables() {
	add := func(name string, id int) *testbed.Qube {
		q := s.AddClient(testbed.Client{Name: name, Label: "red", Class: "DispVM", IP: netip.MustParseAddr("10.138.4.218"), DomID: id})
		s.renew()
		return q
	}
	first := add("disp1", 19)
	s.pass(1500 * time.Millisecond)
	s.ping(first, 300, "198.51.100.7")
	s.viewed("VPN-1 disp1 fail")
	s.RemoveClient(first)
	second := add("disp2", 20)
	s.ping(second, 100, "10.137.0.5")
	s.pass(1500 * time.Millisecond)
	s.ping(second, 100, "10.137.0.5")
	s.viewed("VPN-1 disp2 unknown(no-traffic)")
}

// restartVPN has sys-vpn stop and start again: the pass is void.
func (s *stage) restartVPN() {
	s.wireguard()
	s.fetch(s.banking, "http://198.51.100.7/")
	s.viewed("VPN-1 sys-vpn pass")
	s.RemoveClient(s.banking)
	s.vpn = s.ReAdd(s.vpn, 27)
	s.renew()
	s.pass(1500 * time.Millisecond)
	s.ping(s.vpn, 100, "10.137.0.5")
	s.viewed("VPN-1 sys-vpn unknown(no-traffic)")
}

// smallBuffer gives the beat the smallest buffer.
func (s *stage) smallBuffer() { s.config = "  interfaces.buffer_size_mb: 1\n" + s.config }

// losePackets stops the beat while more packets come than its buffer has room for.
func (s *stage) losePackets() {
	s.wireguard()
	s.fetch(s.banking, "http://198.51.100.7/")
	s.viewed("VPN-1 sys-vpn pass")
	s.beat.Signal(s.tb, syscall.SIGSTOP)
	for sent := 0; sent < 100_000; { // several times of what the buffer holds
		n, err := s.work.Blast(60_000, time.Second, datagram(netip.MustParseAddr(workAddr)))
		if sent += n; err != nil {
			s.tb.Fatal(err)
		}
	}
	s.beat.Signal(s.tb, syscall.SIGCONT)
	s.viewed("VPN-1 sys-vpn unknown(capture-lost)")
}

// datagram returns what makes the payload of frames for Blast: small datagrams from an
// address to the outside.
func datagram(from netip.Addr) func(b []byte, n int) []byte {
	src, dst := from.As4(), netip.MustParseAddr("198.51.100.7").As4()
	return func(b []byte, n int) []byte {
		at := len(b)
		b = append(b, 0x45, 0, 0, 40, 0, 0, 0x40, 0, 63, 17, 0, 0)
		b = append(append(b, src[:]...), dst[:]...)
		sum := uint32(0)
		for i := at; i < len(b); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(b[i:]))
		}
		sum = sum>>16 + sum&0xffff
		binary.BigEndian.PutUint16(b[at+10:], ^uint16(sum>>16+sum))
		b = binary.BigEndian.AppendUint16(b, uint16(1024+n%60_000))
		return append(b, 0x27, 0x0f, 0, 20, 0, 0, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l')
	}
}

// floodRate is how many packets a second are beside the tunnel in a flood.
const floodRate = 10_000

// floodFor returns how long the flood of a scene lasts.
func (s *stage) floodFor() time.Duration {
	text := os.Getenv("QUBESBEAT_FLOOD")
	if text == "" {
		return 5 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		s.tb.Fatalf("QUBESBEAT_FLOOD=%s: %v", text, err)
	}
	return d
}

// flood sends many packets beside the tunnel: one alert, all of them counted, and memory that
// does not grow.
func (s *stage) flood() {
	s.tb.Helper()
	d := s.floodFor()
	half := func() int {
		sent, err := s.vpn.Blast(floodRate, d/2, datagram(netip.MustParseAddr(vpnAddr)))
		if err != nil {
			s.tb.Fatal(err)
		}
		return sent
	}
	sent := half()
	before := s.memory()
	sent += half()
	after := s.memory()
	var v judge.View
	for end := time.Now().Add(30 * time.Second); ; s.pass(100 * time.Millisecond) {
		if err := s.client().Get(s.ctx, "/verify", nil, &v); err == nil && againstVPN(&v)+v.Lost >= uint64(sent) {
			break
		}
		if time.Now().After(end) {
			s.tb.Errorf("%d packets beside the tunnel are counted and %d lost; want %d", againstVPN(&v), v.Lost, sent)
			break
		}
	}
	s.tb.Logf("%d packets beside the tunnel in %v: %d counted, %d lost; %d MiB in use after the first half, %d after the second",
		sent, d, againstVPN(&v), v.Lost, before>>20, after>>20)
	s.after = func(events beat.Events) {
		n := 0
		for _, e := range events {
			if e["event.dataset"] == "qubesbeat.verify" && e.Text("event.kind") == "alert" {
				n++
			}
		}
		if n != 1 {
			s.tb.Errorf("%d alerts of a flood; want one", n)
		}
	}
	if after > before+before/4+(8<<20) {
		s.tb.Errorf("%d bytes in use after half of the flood, %d after all of it; want no growth", before, after)
	}
}

// againstVPN returns how many packets VPN-1 of sys-vpn has against it.
func againstVPN(v *judge.View) uint64 {
	for _, l := range v.Verdicts {
		if l.Check == "VPN-1" && l.Subject == "sys-vpn" {
			return l.Against
		}
	}
	return 0
}

// memory returns how many bytes of memory the beat uses now.
func (s *stage) memory() int64 {
	s.tb.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(s.beat.PID()) + "/statm")
	if err != nil {
		s.tb.Fatal(err)
	}
	var total, resident int64
	if _, err := fmt.Sscan(string(text), &total, &resident); err != nil {
		s.tb.Fatal(err)
	}
	return resident * int64(os.Getpagesize())
}
