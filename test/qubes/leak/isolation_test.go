//go:build linux

package leak_test

import (
	"testing"
	"time"
)

// attempts has work try to reach untrusted in three ways, and both families.
func (l *lab) attempts() {
	to, to6 := l.other.IP.String(), l.other.IP6.String()
	l.try(l.work, "ping -c2 -i0.2 -W1 "+to)
	l.try(l.work, "curl -sS -m 1 http://"+to+"/")
	l.try(l.work, "echo x | timeout 1 sh -c 'cat >/dev/udp/"+to+"/5353'; ping -6 -c2 -i0.2 -W1 "+to6)
	l.page(l.work)
	time.Sleep(1500 * time.Millisecond)
	l.page(l.work)
}

func TestScene30_between_qubes(t *testing.T) {
	l := newLab(t)
	l.attempts()
	l.check("30-between-qubes", wireGuard, "ISO-1 work pass")
}

func TestScene31_custom_forward(t *testing.T) {
	l := newLab(t)
	l.nft(l.Log, "insert rule ip qubes custom-forward ip saddr 10.137.0.6 ip daddr 10.137.0.9 accept")
	l.attempts()
	l.check("31-custom-forward", wireGuard, "ISO-1 work fail")
}

func TestScene34_client_of_vpn(t *testing.T) {
	l := newLab(t)
	l.try(l.client, "ping -c2 -i0.2 -W1 "+l.work.IP.String())
	time.Sleep(1500 * time.Millisecond)
	l.page(l.work)
	l.check("34-client-of-vpn", wireGuard, "ISO-1 sys-vpn pass")
}

func TestScene35_spoofed(t *testing.T) {
	l := newLab(t)
	l.spoof()
	l.check("35-spoofed", wireGuard, "ISO-3 work pass")
}

// spoof has work send from an address that is not its own.
func (l *lab) spoof() {
	l.page(l.other) // the uplink is captured
	l.sh(l.work, "ip addr add 10.137.1.128/32 dev eth0")
	l.try(l.work, "ping -c2 -i0.2 -W1 -I 10.137.1.128 198.51.100.7")
	time.Sleep(1500 * time.Millisecond)
	l.page(l.other)
}

func TestScene36_no_antispoofing(t *testing.T) {
	l := newLab(t)
	l.nft(l.Log, "flush chain ip qubes antispoof; insert rule ip qubes-firewall forward ip saddr 10.137.1.128 accept")
	l.spoof()
	l.check("36-no-antispoofing", wireGuard, "ISO-3 work fail")
}

func TestScene37_open_port(t *testing.T) {
	l := newLab(t, "python3")
	l.nft(l.Log, "insert rule ip qubes custom-input tcp dport 2222 accept")
	l.start(l.Log, "python3", nil, "-m", "http.server", "2222")
	l.eventually(l.Log, "curl -sS -o /dev/null http://"+gateway+":2222/")
	l.try(l.work, "curl -sS -m 2 -o /dev/null http://"+gateway+":2222/")
	l.check("37-open-port", wireGuard, "ISO-4 work fail")
}
