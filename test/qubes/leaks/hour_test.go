package leaks_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestHour plays an hour of what is recorded of each tunnel, at top speed: every minute the
// tunnel comes up, which renews its keys, and a client uses it. In between, its endpoint
// moves, it goes over IPv6, the machine sleeps for three hours, and its clock is set back.
// work does what it likes, in clear. Nothing of that is a fail.
func TestHour(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, from, to, want string }{
		{"01-wireguard-up", `"203.0.113.9:51820/udp"`, `"203.0.113.9:51820/udp", "203.0.113.10:51820/udp", "[2001:db8:9::9]:51820/udp"`,
			"VPN-1 sys-vpn pass; VPN-7 sys-vpn pass; VPN-10 sys-vpn pass; VPN-4 sys-vpn pass"},
		{"15-openvpn-tls-auth", `"203.0.113.9:1194/udp"`, `"203.0.113.9:1194/udp", "203.0.113.10:1194/udp", "[2001:db8:9::9]:1194/udp"`,
			"VPN-1 sys-vpn pass; VPN-7 sys-vpn pass; VPN-10 sys-vpn pass; VPN-4 sys-vpn pass"},
		{"15-openvpn-tcp", `"203.0.113.9:1443/tcp"`, `"203.0.113.9:1443/tcp", "203.0.113.10:1443/tcp"`, "VPN-1 sys-vpn pass; VPN-7 sys-vpn pass"},
		{"40-tor-without-a-list", "exit: tor", "exit: tor", "TOR-1 sys-vpn pass; TOR-4 sys-vpn pass"},
		{"40-tor", "exit: tor", "exit: tor", "TOR-1 sys-vpn pass; TOR-3 sys-vpn pass; TOR-4 sys-vpn pass"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := readRecorded(t, "testdata/"+tt.name)
			if !strings.Contains(r.Config, tt.from) {
				t.Fatalf("the settings have no %s: %s", tt.from, r.Config)
			}
			r.Config = strings.Replace(r.Config, tt.from, tt.to, 1)
			all := hour(readFrames(t, "testdata/"+tt.name), strings.Contains(tt.to, "2001:db8"))
			v := view(t, writeFrames(t, "testdata/"+tt.name, all), &r)
			for _, l := range v.Verdicts {
				if l.Verdict == "fail" {
					t.Errorf("%s of %s fails: %s", l.Check, l.Subject, l.Text)
				}
				if l.Since.After(v.At) || l.Last.After(v.At.Add(time.Minute)) {
					t.Errorf("%s of %s is of %v, after %v", l.Check, l.Subject, l.Since, v.At)
				}
			}
			t.Logf("%d packets: %s", len(all), compare(t, verdictsOf(v), tt.want))
		})
	}
}

// hour returns an hour that is made of what was recorded.
func hour(recorded []kept, over6 bool) (all []kept) {
	first := recorded[0].at
	recorded = slices.DeleteFunc(slices.Clone(recorded), func(f kept) bool { return f.at-first >= int64(time.Minute) })
	shift := time.Duration(0)
	for minute := range 60 {
		switch minute {
		case 30:
			shift += 3 * time.Hour
		case 40:
			shift -= 10 * time.Minute
		}
		by := time.Duration(minute)*time.Minute + shift
		switch {
		case minute >= 20 && minute < 25:
			all = append(all, later(recorded, by, []byte{203, 0, 113, 9}, []byte{203, 0, 113, 10})...)
		case minute >= 50 && minute < 55 && over6:
			all = append(all, later(overIPv6(recorded), by, nil, nil)...)
		default:
			all = append(all, later(recorded, by, nil, nil)...)
		}
		all = append(all, clear4(first+int64(by+59*time.Second), minute)...)
	}
	return all
}

// overIPv6 returns the packets between sys-vpn and its endpoint, as they are over IPv6.
func overIPv6(all []kept) (over []kept) {
	self, peer := []byte{0xfd, 9, 0x24, 0xef, 0x41, 0x79, 0, 0, 0, 0, 0, 0, 0xa, 0x89, 0, 0x14}, []byte{0x20, 1, 0xd, 0xb8, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}
	for _, f := range all {
		if f.vif != "vif7.0" || len(f.data) < 42 || f.data[12] != 8 || f.data[13] != 0 || f.data[23] != packet.ProtoUDP {
			continue
		}
		src, dst := self, peer
		if f.out {
			src, dst = peer, self
		}
		data := append(slices.Clone(f.data[:12]), 0x86, 0xdd, 0x60, 0, 0, 0)
		data = append(binary.BigEndian.AppendUint16(data, uint16(len(f.data)-34)), packet.ProtoUDP, 64)
		data = append(append(append(data, src...), dst...), f.data[34:]...)
		f.data, f.length = data, f.length+20
		over = append(over, f)
	}
	return over
}

// clear4 returns what work sends: a query, a segment, and a datagram to somewhere new.
func clear4(at int64, minute int) (all []kept) {
	for i, l4 := range [][]byte{
		{17, 0xc0, 0, 0, 53, 0, 25, 0, 0, 1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1},
		{6, 0xc0, 1, 1, 187, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0},
		{17, 0xc0, 2, 1, 187, 0, 12, 0, 0, 'a', 'b', 'c', 'd'},
	} {
		dst := [][]byte{{10, 139, 1, 1}, {198, 51, 100, 7}, {198, 51, 101, byte(minute)}}[i]
		data := append(make([]byte, 12), 8, 0, 0x45, 0, 0, byte(20+len(l4)-1), 0, 0, 0x40, 0, 64, l4[0], 0, 0, 10, 137, 0, 6)
		data = append(append(data, dst...), l4[1:]...)
		all = append(all, kept{at: at + int64(i), vif: "vif4.0", data: data, length: uint32(len(data))})
	}
	return all
}
