//go:build linux

package leaks_test

import (
	"cmp"
	"fmt"
	"time"

	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// scene is a situation, and what is to be said about it.
type scene struct {
	number int // of docs/verify.md
	name   string
	config string // of verify, instead of vpnExpected
	play   func(*stage)
	want   string       // check subject verdict; ..., of the packets
	live   string       // the same, of what is not in a capture
	before func(*stage) // the beat starts; may be nil
}

// expect returns the settings of verify.
func (c *scene) expect() string { return cmp.Or(c.config, vpnExpected) }

// vpnExpected expects the tunnel of WireGuard.
const vpnExpected = `expect: [{qubes: [sys-vpn], exit: vpn, protocol: wireguard, endpoints: ["203.0.113.9:51820/udp"]}, {qubes: [work, untrusted], exit: clear}]`

// ovpnExpected expects a tunnel of OpenVPN.
func ovpnExpected(endpoint string) string {
	return fmt.Sprintf(`expect: [{qubes: [sys-vpn], exit: vpn, protocol: openvpn, endpoints: [%q]}]`, endpoint)
}

// leak has a client of sys-vpn reach for the outside.
func (s *stage) leak() { s.ping(s.banking, 300, "198.51.100.7") }

// scenes are played with the real programs.
var scenes = []scene{
	{1, "wireguard-up", "", func(s *stage) { s.wireguard(); s.fetch(s.banking, "http://198.51.100.7/large?bytes=20000") },
		"VPN-1 sys-vpn pass; VPN-7 sys-vpn pass; VPN-10 sys-vpn pass; VPN-2 sys-vpn unknown(no-traffic)", "", nil},
	{2, "wireguard-idle", "", func(s *stage) {
		s.wireguard()
		s.ping(s.vpn, 100, "-I eth0 10.137.0.5")
		s.pass(3 * time.Second)
	}, "VPN-1 sys-vpn unknown(no-traffic)|pass; VPN-2 sys-vpn unknown(no-traffic)", "", nil}, // a kernel may send something into the tunnel
	{3, "packets-lost", "", (*stage).losePackets, "", "VPN-1 sys-vpn unknown(capture-lost)", (*stage).smallBuffer},
	{4, "wireguard-server-gone", "", func(s *stage) {
		t := s.wireguard()
		s.fetch(s.banking, "http://198.51.100.7/")
		s.kill(t.server)
		for range 4 {
			s.ping(s.banking, 300, "198.51.100.7")
			s.pass(5 * time.Second)
		}
	}, "VPN-1 sys-vpn pass; VPN-2 sys-vpn unknown(needs-probe)", "", nil},
	{5, "wireguard-ended", "", func(s *stage) {
		t := s.wireguard()
		s.fetch(s.banking, "http://198.51.100.7/")
		s.end(t)
		s.leak()
	}, "VPN-1 sys-vpn fail; VPN-2 sys-vpn fail", "", nil},
	{6, "wireguard-ended-in-a-connection", "", func(s *stage) {
		t := s.wireguard()
		slow := s.startArgs(s.banking, nil, "bash", "-c", `exec 3<>/dev/tcp/198.51.100.7/80; printf 'GET / HTTP/1.1\r\n' >&3; while sleep 0.2; do printf 'X: y\r\n' >&3; done`)
		s.pass(700 * time.Millisecond)
		s.end(t)
		s.pass(3 * time.Second)
		s.kill(slow)
	}, "VPN-1 sys-vpn fail; VPN-2 sys-vpn fail", "", nil},
	{7, "kill-switch-in-output", "", func(s *stage) {
		t := s.wireguard()
		s.nft(s.vpn, fmt.Sprintf("table ip seed { chain output { type filter hook output priority 0; oifname != { %q, lo } ct state new ip daddr != %s drop; }; }", t.device, endpoint))
		s.end(t)
		s.leak()
	}, "VPN-1 sys-vpn fail; VPN-2 sys-vpn fail", "", nil},
	{8, "kill-switch-for-ipv4", "", func(s *stage) {
		t := s.wireguard()
		s.nft(s.vpn, "table ip guard { chain forward { type filter hook forward priority -1; iifgroup 1 drop; oifgroup 1 drop; }; }")
		s.fetch(s.banking, "http://198.51.100.7/")
		s.end(t)
		s.leak()
		s.ping(s.banking, 300, "-6 2001:db8::7")
	}, "VPN-4 sys-vpn fail; VPN-1 sys-vpn fail", "", nil},
	{9, "kill-switch-with-canaries", "", func(s *stage) {
		t := s.wireguard()
		s.killSwitch()
		s.fetch(s.banking, "http://198.51.100.7/")
		s.canaries(judge.ProbeTunnel, s.banking, judge.CanaryCommand(nonce, 2))
		s.end(t)
		s.canaries(judge.ProbeDown, s.banking, judge.CanaryCommand(nonce, 2))
		s.leak()
	}, "VPN-1 sys-vpn pass; VPN-9 sys-vpn pass; VPN-2 sys-vpn pass", "", nil},
	{10, "kill-switch", "", func(s *stage) {
		t := s.wireguard()
		s.killSwitch()
		s.fetch(s.banking, "http://198.51.100.7/")
		s.end(t)
		s.leak()
		s.ping(s.banking, 300, "-6 2001:db8::7")
		s.pass(2 * time.Second)
	}, "VPN-1 sys-vpn pass; VPN-4 sys-vpn unknown(no-traffic); VPN-2 sys-vpn unknown(no-traffic)", "", nil},
	{11, "vpn-itself", "", func(s *stage) {
		t := s.wireguard()
		s.killSwitch()
		s.fetch(s.banking, "http://198.51.100.7/")
		s.end(t)
		s.fetch(s.vpn, "http://198.51.100.7/")
	}, "VPN-1 sys-vpn fail; VPN-2 sys-vpn unknown(no-traffic)", "", nil},
	{12, "rules-for-ipv4-both-tables", "", func(s *stage) {
		s.wireguard()
		s.nft(s.vpn, "table ip one { chain forward { type filter hook forward priority -1; oifgroup 1 reject; }; }")
		s.nft(s.vpn, "table ip two { chain forward { type filter hook forward priority -2; iifgroup 1 reject; }; }")
		s.fetch(s.banking, "http://198.51.100.7/")
		s.ping(s.banking, 300, "-6 2001:db8::7")
	}, "VPN-4 sys-vpn fail", "", nil},
	{12, "rules-for-ipv4-and-canaries", "", func(s *stage) {
		s.wireguard()
		s.nft(s.vpn, "table ip one { chain forward { type filter hook forward priority -1; oifgroup 1 reject; }; }")
		s.canaries(judge.ProbeTunnel, s.banking, judge.CanaryCommand(nonce, 2))
	}, "VPN-4 sys-vpn fail contained; VPN-9 sys-vpn fail contained", "", nil},
	{13, "before-the-tunnel", "", func(s *stage) {
		s.leak()
		s.wireguard()
		s.fetch(s.banking, "http://198.51.100.7/")
	}, "VPN-3 sys-vpn fail; VPN-1 sys-vpn fail", "", nil},
	{14, "nothing-before-the-tunnel", "", func(s *stage) {
		s.killSwitch()
		s.leak()
		s.wireguard()
		s.fetch(s.banking, "http://198.51.100.7/")
	}, "VPN-3 sys-vpn unknown(needs-probe); VPN-1 sys-vpn pass", "", nil},
	{15, "openvpn-udp", ovpnExpected("203.0.113.9:1194/udp"), func(s *stage) {
		s.openvpn(ovpn{"udp", 1194, nil})
		s.fetch(s.banking, "http://198.51.100.7/large?bytes=20000")
	}, "VPN-1 sys-vpn pass; VPN-7 sys-vpn pass", "", nil},
	{15, "openvpn-tls-auth", ovpnExpected("203.0.113.9:1194/udp"), func(s *stage) {
		s.openvpn(ovpn{"udp", 1194, []string{"--tls-auth=KEY"}})
		s.fetch(s.banking, "http://198.51.100.7/large?bytes=20000")
	}, "VPN-1 sys-vpn pass; VPN-7 sys-vpn pass", "", nil},
	{15, "openvpn-tls-crypt", ovpnExpected("203.0.113.9:1194/udp"), func(s *stage) {
		s.openvpn(ovpn{"udp", 1194, []string{"--tls-crypt=KEY"}})
		s.fetch(s.banking, "http://198.51.100.7/large?bytes=20000")
	}, "VPN-1 sys-vpn pass; VPN-7 sys-vpn pass", "", nil},
	{15, "openvpn-tls-crypt-v2", ovpnExpected("203.0.113.9:1194/udp"), func(s *stage) {
		s.openvpn(ovpn{"udp", 1194, []string{"--tls-crypt-v2=KEY"}})
		s.fetch(s.banking, "http://198.51.100.7/large?bytes=20000")
	}, "VPN-1 sys-vpn pass; VPN-7 sys-vpn pass", "", nil},
	{15, "openvpn-tcp", ovpnExpected("203.0.113.9:1443/tcp"), func(s *stage) {
		s.openvpn(ovpn{"tcp", 1443, nil})
		s.fetch(s.banking, "http://198.51.100.7/large?bytes=20000")
	}, "VPN-1 sys-vpn pass; VPN-7 sys-vpn pass", "", nil},
	{16, "openvpn-terminated", ovpnExpected("203.0.113.9:1194/udp"), func(s *stage) {
		t := s.openvpn(ovpn{"udp", 1194, nil})
		s.fetch(s.banking, "http://198.51.100.7/")
		s.terminate(t)
		s.leak()
	}, "VPN-1 sys-vpn fail; VPN-2 sys-vpn fail", "", nil},
	{17, "openvpn-joined-late", ovpnExpected("203.0.113.9:1194/udp"), func(s *stage) {
		s.openvpn(ovpn{"udp", 1194, nil})
		s.forget()
		s.fetch(s.banking, "http://198.51.100.7/")
	}, "VPN-1 sys-vpn pass; VPN-7 sys-vpn unknown(no-traffic)", "", nil},
	{18, "canaries-in-wireguard", "", func(s *stage) {
		s.wireguard()
		s.killSwitch()
		s.canaries(judge.ProbeTunnel, s.banking, judge.CanaryCommand(nonce, 2))
	}, "VPN-9 sys-vpn pass; VPN-1 sys-vpn pass", "", nil},
	{18, "canaries-in-openvpn", ovpnExpected("203.0.113.9:1194/udp"), func(s *stage) {
		s.openvpn(ovpn{"udp", 1194, nil})
		s.killSwitch()
		s.canaries(judge.ProbeTunnel, s.banking, judge.CanaryCommand(nonce, 2))
	}, "VPN-9 sys-vpn pass; VPN-1 sys-vpn pass", "", nil},
	{18, "canaries-of-other-sizes", "", func(s *stage) {
		s.wireguard()
		s.killSwitch()
		s.canaries(judge.ProbeTunnel, s.banking, padded)
	}, "VPN-9 sys-vpn not_tested(needs-probe)|unknown(probe-failed); VPN-1 sys-vpn pass", "", nil},
	{19, "nonce-of-another-qube", "", func(s *stage) {
		s.wireguard()
		s.killSwitch()
		s.fetch(s.banking, "http://198.51.100.7/")
		s.canaries(judge.ProbeTunnel, s.work, judge.CanaryCommand(nonce, 1))
	}, "VPN-9 sys-vpn not_tested(needs-probe)|unknown(probe-failed); VPN-1 sys-vpn pass; VPN-1 work unknown(no-traffic)", "", nil},
	{20, "client-pings-the-endpoint", "", func(s *stage) {
		s.wireguard()
		s.fetch(s.banking, "http://198.51.100.7/")
		s.ping(s.banking, 300, endpoint)
	}, "VPN-7 sys-vpn fail", "", nil},
	{21, "client-in-the-local-network", "", func(s *stage) {
		s.wireguard()
		s.fetch(s.banking, "http://198.51.100.7/")
		s.must(s.vpn, "ip route add 192.168.1.1/32 via 10.137.0.5 dev eth0 onlink")
		s.ping(s.banking, 300, "192.168.1.1")
	}, "VPN-6 sys-vpn fail", "", nil},
	{22, "route-of-dhcp-option-121", "", func(s *stage) { // sys-net has the lease: only its routes change
		s.wireguard()
		s.must(s.Net, "ip route add 198.51.0.0/17 dev lo")
		s.fetch(s.banking, "http://198.51.100.7/large?bytes=20000")
	}, "VPN-1 sys-vpn pass; VPN-6 sys-vpn unknown(no-traffic); VPN-7 sys-vpn pass", "", nil},
	{23, "dns-in-the-tunnel", "", func(s *stage) {
		s.wireguard()
		s.must(s.Net, "ip addr add 10.64.0.53/32 dev lo")
		s.nft(s.vpn, "table ip dns { chain pre { type nat hook prerouting priority -101; iifgroup 2 udp dport 53 dnat to 192.0.2.53; }; }")
		s.try(s.banking, "dig +tries=1 +time=2 @10.139.1.1 leak.example.com")
		s.fetch(s.banking, "http://198.51.100.7/")
	}, "VPN-1 sys-vpn pass; VPN-5 sys-vpn unknown(no-traffic); DNS-3 sys-vpn not_tested(needs-probe)", "", nil},
	{24, "dns-beside-the-tunnel", "", func(s *stage) {
		s.wireguard()
		s.must(s.vpn, "ip route add 10.139.1.1/32 via 10.137.0.5 dev eth0 onlink")
		s.fetch(s.banking, "http://198.51.100.7/")
		s.try(s.banking, "dig +tries=1 +time=2 @10.139.1.1 leak.example.com")
	}, "VPN-5 sys-vpn fail; DNS-3 sys-vpn fail; VPN-1 sys-vpn fail", "", nil},
	{25, "name-of-the-endpoint", `expect: [{qubes: [sys-vpn], exit: vpn, protocol: wireguard, endpoints: ["203.0.113.9:51820/udp"], names: [www.example.org]}]`, func(s *stage) {
		s.try(s.vpn, "dig +tries=1 +time=2 @10.139.1.1 www.example.org")
		s.wireguard()
		s.fetch(s.banking, "http://198.51.100.7/")
	}, "VPN-5 sys-vpn pass; VPN-1 sys-vpn pass", "", nil},
	{25, "another-name", `expect: [{qubes: [sys-vpn], exit: vpn, protocol: wireguard, endpoints: ["203.0.113.9:51820/udp"], names: [www.example.org]}]`, func(s *stage) {
		s.try(s.vpn, "dig +tries=1 +time=2 @10.139.1.1 other.example.org")
		s.wireguard()
		s.fetch(s.banking, "http://198.51.100.7/")
	}, "VPN-5 sys-vpn fail; VPN-1 sys-vpn fail", "", nil},
	{26, "connectivity-check", "", func(s *stage) {
		s.wireguard()
		s.fetch(s.banking, "http://198.51.100.7/")
		s.must(s.vpn, "ip route add 198.51.100.80/32 via 10.137.0.5 dev eth0 onlink")
		s.try(s.vpn, "curl -sS -o /dev/null --max-time 2 http://198.51.100.80/")
	}, "VPN-1 sys-vpn fail", "", nil},
	{27, "qvm-firewall-keeps-it-in", "", func(s *stage) {
		t := s.wireguard()
		s.fetch(s.banking, "http://198.51.100.7/")
		s.end(t)
		s.leak()
		s.pass(2500 * time.Millisecond)
	}, "", "VPN-8 sys-vpn pass; VPN-1 sys-vpn fail contained", func(s *stage) {
		s.rules(vpnAddr, "drop", "action=accept dst4=203.0.113.9/32 proto=udp dstports=51820-51820")
		s.nft(s.Log, "insert rule ip qubes-firewall qubes-forward ip saddr "+vpnAddr+" ip daddr != 203.0.113.9 drop")
	}},
	{28, "two-sources-disagree", "", func(s *stage) {
		s.wireguard()
		s.fetch(s.banking, "http://198.51.100.7/")
	}, "", "VPN-1 sys-vpn unknown(no-expectation)", func(s *stage) {
		s.rules(vpnAddr, "drop", "action=accept dst4=203.0.113.77/32 proto=udp dstports=51820-51820")
	}},
	{29, "endpoint-changes", "", func(s *stage) {
		t := s.wireguard()
		s.fetch(s.banking, "http://198.51.100.7/")
		s.must(s.Net, "ip addr add 203.0.113.10/32 dev lo")
		s.must(s.vpn, "ip route add 203.0.113.10/32 via 10.137.0.5 dev eth0 onlink")
		peer := s.must(s.vpn, "wg show "+t.device+" peers")
		s.must(s.vpn, fmt.Sprintf("wg set %s peer %s endpoint 203.0.113.10:51820", t.device, peer))
		s.ping(s.banking, 300, "198.51.100.7")
	}, "VPN-1 sys-vpn fail; VPN-10 sys-vpn fail", "", nil},
	{30, "between-qubes", "", func(s *stage) {
		s.ping(s.work, 300, untrustedAddr)
		s.try(s.work, "curl -sS --max-time 1 http://"+untrustedAddr+"/")
		s.pass(2500 * time.Millisecond)
	}, "ISO-1 work pass", "ISO-2 this machine pass; ISO-5 work pass", func(s *stage) { s.rules(workAddr, "accept") }},
	{31, "between-qubes-accepted", "", func(s *stage) {
		s.nft(s.Log, "add rule ip qubes custom-forward ip saddr "+workAddr+" ip daddr "+untrustedAddr+" accept")
		s.ping(s.work, 300, untrustedAddr)
		s.pass(2500 * time.Millisecond)
	}, "ISO-1 work fail", "ISO-2 this machine fail", nil},
	{31, "between-qubes-allowed", vpnExpected + ", isolation: {allow: [work>untrusted]}", func(s *stage) {
		s.nft(s.Log, "add rule ip qubes custom-forward ip saddr "+workAddr+" ip daddr "+untrustedAddr+" accept")
		s.pass(time.Second) // until the rules are read: what packets show is of those that were loaded
		s.ping(s.work, 300, untrustedAddr)
		s.pass(2500 * time.Millisecond)
	}, "ISO-1 work pass", "", nil},
	{32, "rules-flushed", "", func(s *stage) {
		s.nft(s.Log, "flush chain ip qubes forward")
		s.ping(s.work, 100, "10.137.0.5")
		s.pass(2500 * time.Millisecond)
	}, "", "ISO-2 this machine fail", nil},
	{33, "between-qubes-ipv6", "", func(s *stage) {
		s.ping(s.work, 300, "-6 "+untrustedIP6)
		s.pass(2500 * time.Millisecond)
	}, "ISO-1 work pass", "", nil},
	{34, "client-of-the-vpn-to-work", "", func(s *stage) {
		s.ping(s.banking, 300, workAddr)
		s.pass(2500 * time.Millisecond)
	}, "ISO-1 sys-vpn pass", "", nil},
	{35, "spoofed", "", func(s *stage) {
		s.fetch(s.untrusted, "http://198.51.100.7/")
		s.must(s.work, "ip addr add 10.137.1.128/32 dev eth0")
		s.ping(s.work, 300, "-I 10.137.1.128 198.51.100.7")
		s.fetch(s.untrusted, "http://198.51.100.7/")
		s.pass(2500 * time.Millisecond)
	}, "ISO-3 work pass", "", nil},
	{36, "spoofed-without-antispoofing", "", func(s *stage) {
		s.fetch(s.untrusted, "http://198.51.100.7/")
		s.nft(s.Log, "flush chain ip qubes antispoof")
		s.nft(s.Log, "flush chain ip qubes prerouting")
		s.nft(s.Log, "insert rule ip qubes-firewall qubes-forward ip saddr 10.137.1.128 accept")
		s.must(s.work, "ip addr add 10.137.1.128/32 dev eth0")
		s.ping(s.work, 300, "-I 10.137.1.128 198.51.100.7")
		s.pass(2500 * time.Millisecond)
	}, "ISO-3 work fail", "", nil},
	{37, "open-port", "", func(s *stage) {
		s.nft(s.Log, "add rule ip qubes custom-input tcp dport 22 accept")
		s.start(s.Log, nil, "python3 -m http.server 22 --bind 10.137.0.5")
		s.await("the server on port 22", func() bool { return s.must(s.Log, "ss -Htln sport = :22") != "" })
		s.try(s.work, "curl -sS -o /dev/null --max-time 2 http://10.137.0.5:22/")
	}, "ISO-4 work fail", "", nil},
	{38, "no-chain-for-a-client", "", func(s *stage) {
		s.ping(s.work, 100, "10.137.0.5")
		s.pass(6 * time.Second)
		s.ping(s.work, 100, "10.137.0.5")
		s.pass(6 * time.Second)
	}, "", "ISO-5 work fail", func(s *stage) {
		s.rules(workAddr, "accept")
		s.nft(s.Log, "flush chain ip qubes-firewall qubes-forward")
	}},
	{39, "connection-outlives-its-rule", "", func(s *stage) {
		slow := s.startArgs(s.work, nil, "bash", "-c", `exec 3<>/dev/tcp/198.51.100.7/80; printf 'GET / HTTP/1.1\r\n' >&3; while sleep 0.2; do printf 'X: y\r\n' >&3; done`)
		s.pass(2 * time.Second)
		s.rules(workAddr, "drop")
		s.pass(9 * time.Second)
		s.kill(slow)
	}, "", "ISO-6 work fail", func(s *stage) { s.rules(workAddr, "accept") }},
	{39, "connection-ends-with-its-rule", "", func(s *stage) {
		slow := s.startArgs(s.work, nil, "bash", "-c", `exec 3<>/dev/tcp/198.51.100.7/80; printf 'GET / HTTP/1.1\r\n' >&3; while sleep 0.2; do printf 'X: y\r\n' >&3; done`)
		s.pass(2 * time.Second)
		s.nft(s.Log, "insert rule ip qubes-firewall forward ip saddr "+workAddr+" drop")
		s.rules(workAddr, "drop")
		s.pass(9 * time.Second)
		s.kill(slow)
	}, "", "ISO-6 work pass", func(s *stage) { s.rules(workAddr, "accept") }},
	{40, "tor", `expect: [{qubes: [sys-vpn], exit: tor, relays: RELAYS}]`, func(s *stage) { s.useTor() },
		"TOR-1 sys-vpn pass; TOR-2 sys-vpn unknown(no-traffic); TOR-3 sys-vpn pass; TOR-4 sys-vpn pass", "", (*stage).startTor},
	{40, "tor-without-a-list", `expect: [{qubes: [sys-vpn], exit: tor}]`, func(s *stage) { s.useTor() },
		"TOR-1 sys-vpn pass; TOR-3 sys-vpn unknown(no-expectation); TOR-4 sys-vpn pass", "", (*stage).startTor},
	{43, "https-beside-a-running-tor", `expect: [{qubes: [sys-vpn], exit: tor, relays: RELAYS}]`, func(s *stage) {
		s.useTor()
		s.try(s.vpn, "curl -sSk -o /dev/null --max-time 3 --resolve www.example.org:443:198.51.100.7 https://www.example.org/")
	}, "TOR-1 sys-vpn pass; TOR-3 sys-vpn fail; TOR-4 sys-vpn fail", "", (*stage).startTor},
	{45, "tor-stopped", `expect: [{qubes: [sys-vpn], exit: tor, relays: RELAYS}]`, func(s *stage) {
		t := s.useTor()
		s.kill(t)
		s.nft(s.vpn, "table inet whonix { chain forward { type filter hook forward priority -1; drop; }; }")
		s.leak()
		s.pass(2 * time.Second)
	}, "TOR-1 sys-vpn pass; TOR-7 sys-vpn unknown(needs-probe)", "", (*stage).startTor},
	{42, "beside-tor", `expect: [{qubes: [sys-vpn], exit: tor}]`, func(s *stage) {
		s.ping(s.vpn, 300, "198.51.100.7")
		s.try(s.vpn, "dig +tries=1 +time=1 @10.139.1.1 leak.example.com")
	}, "TOR-1 sys-vpn fail; TOR-2 sys-vpn fail; DNS-3 sys-vpn fail", "", nil},
	{43, "https-beside-tor", `expect: [{qubes: [sys-vpn], exit: tor}]`, func(s *stage) {
		s.try(s.vpn, "curl -sSk -o /dev/null --max-time 3 --resolve www.example.org:443:198.51.100.7 https://www.example.org/")
	}, "TOR-4 sys-vpn fail", "", nil},
	{44, "pluggable-transport", `expect: [{qubes: [sys-vpn], exit: tor}]`, func(s *stage) {
		s.try(s.vpn, "dig +tries=1 +time=1 -p 3478 @198.51.100.7 stun.example.com")
	}, "TOR-1 sys-vpn fail", "", nil},
	{47, "address-of-a-disposable", dispExpected, (*stage).disposables, "", "", nil},
	{48, "vpn-restarted", "", (*stage).restartVPN, "", "", nil},
	{49, "vpn-is-above", `expect: [{qubes: [sys-net], exit: vpn, endpoints: ["203.0.113.9:51820/udp"]}]`, func(s *stage) {
		s.ping(s.work, 100, "10.137.0.5")
		s.pass(time.Second)
		s.viewed("VPN-1 sys-net unknown(not-in-position)|unknown(not-attached)")
	}, "", "", nil},
	{51, "flood-beside-the-tunnel", "", (*stage).flood, "", "VPN-1 sys-vpn fail; VPN-2 sys-vpn fail", nil},
	{46, "anonymous-qube-attached-here", `expect: [{qubes: [work], exit: anon}]`, func(s *stage) { s.fetch(s.work, "http://198.51.100.7/") },
		"TOR-6 work fail", "", nil},
}
