//go:build linux

package leak_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/probe"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// wireGuard are the settings of these scenes.
var wireGuard = settings("wireguard", serverAddr+":51820/udp")

// newWireGuard returns a lab with a server of WireGuard in sys-net.
func newWireGuard(t *testing.T) *lab {
	t.Helper()
	l := newLab(t, "wireguard-go", "wg")
	for _, side := range []string{"server", "client"} {
		key := l.sh(l.Net, "wg genkey")
		l.file(side+".key", key)
		l.file(side+".pub", l.sh(l.Net, "echo "+key+" | wg pubkey"))
	}
	l.wgStart(l.Net, "qbs", "server", "client", "listen-port 51820", "allowed-ips 10.8.0.2/32")
	l.sh(l.Net, "ip addr add 10.8.0.1/24 dev qbs && ip link set qbs up mtu 1420")
	return l
}

// file writes a file of the lab and returns its path.
func (l *lab) file(name, text string) string {
	l.t.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return path
}

// wgStart starts one end of the tunnel.
func (l *lab) wgStart(q *testbed.Qube, name, own, peer, local, remote string) {
	l.t.Helper()
	l.start(q, "wireguard-go", []string{"WG_PROCESS_FOREGROUND=1", "LOG_LEVEL=error"}, "-f", name)
	l.eventually(q, "test -S /var/run/wireguard/"+name+".sock && wg show "+name)
	l.sh(q, "wg set "+name+" private-key "+l.dir+"/"+own+".key "+local+" peer $(cat "+l.dir+"/"+peer+".pub) "+remote)
}

// up brings the tunnel up in sys-vpn: all of IPv4 goes through it.
func (l *lab) up() {
	l.t.Helper()
	l.wgStart(l.vpn, "qbc", "client", "server", "", "allowed-ips 0.0.0.0/0 endpoint "+serverAddr+":51820")
	l.sh(l.vpn, "ip addr add 10.8.0.2/24 dev qbc && ip link set qbc up mtu 1420")
	l.sh(l.vpn, "ip route add "+serverAddr+" via "+gateway+" dev eth0 onlink && ip route replace default dev qbc")
	l.eventually(l.vpn, "ping -c1 -W1 10.8.0.1")
}

// down ends the tunnel's program; the default route is back at eth0.
func (l *lab) down() {
	l.t.Helper()
	l.stop(l.vpn, "wireguard-go", syscall.SIGTERM)
	l.eventually(l.vpn, "! ip link show qbc 2>/dev/null")
	l.sh(l.vpn, "ip route replace default via "+gateway+" dev eth0 onlink")
}

// pings has a client send four echo requests that may be lost.
func (l *lab) pings(q *testbed.Qube) { l.try(q, "ping -c3 -i0.2 -W1 "+testbed.WebAddr) }

// pings6 is pings for IPv6.
func (l *lab) pings6(q *testbed.Qube) { l.try(q, "ping -6 -c3 -i0.2 -W1 "+testbed.WebAddr6) }

// page fetches a page that the client needs the tunnel for.
func (l *lab) page(q *testbed.Qube) { l.sh(q, "curl -sS -m 5 -o /dev/null "+testbed.SmallURL) }

func TestScene01_up(t *testing.T) {
	l := newWireGuard(t)
	l.up()
	l.page(l.client)
	l.pings(l.client)
	l.check("01-wireguard", wireGuard, "VPN-1 sys-vpn pass", "VPN-7 sys-vpn pass", "VPN-10 sys-vpn pass", "VPN-2 sys-vpn unknown")
}

func TestScene04_server_gone(t *testing.T) {
	l := newWireGuard(t)
	l.up()
	l.pings(l.client)
	l.stop(l.Net, "wireguard-go", syscall.SIGKILL)
	l.try(l.client, "ping -c22 -i1 -W1 "+testbed.WebAddr)
	l.check("04-server-gone", wireGuard, "VPN-1 sys-vpn pass", "VPN-2 sys-vpn unknown")
}

func TestScene05_fallback(t *testing.T) {
	l := newWireGuard(t)
	l.up()
	l.pings(l.client)
	l.down()
	l.pings(l.client)
	l.check("05-fallback", wireGuard, "VPN-1 sys-vpn fail", "VPN-2 sys-vpn fail")
}

func TestScene06_connection_from_before(t *testing.T) {
	l := newWireGuard(t)
	l.up()
	l.start(l.client, "curl", nil, "-sS", "-o", "/dev/null", "--limit-rate", "3k", testbed.LargeURL+"60000")
	time.Sleep(time.Second)
	l.down()
	time.Sleep(3 * time.Second)
	l.check("06-connection", wireGuard, "VPN-1 sys-vpn fail", "VPN-2 sys-vpn fail")
}

func TestScene07_output_rule(t *testing.T) {
	l := newWireGuard(t)
	l.nft(l.vpn, "table ip seed { chain output { type filter hook output priority 0; oifname != \"qbc\" ct state new drop; }; }")
	l.nft(l.vpn, "insert rule ip seed output ip daddr "+serverAddr+" accept")
	l.up()
	l.pings(l.client)
	l.down()
	l.pings(l.client)
	l.check("07-output-rule", wireGuard, "VPN-1 sys-vpn fail", "VPN-2 sys-vpn fail")
}

// nft loads rules in a qube.
func (l *lab) nft(q *testbed.Qube, rules string) {
	l.t.Helper()
	if err := q.Nft(rules); err != nil {
		l.t.Fatal(err)
	}
}

// killSwitch are rules as `qubesbeat verify explain VPN-2` prints them, for a family.
func killSwitch(family string) string {
	return "table " + family + " qubesbeat-killswitch { chain forward { type filter hook forward priority -1; policy accept; " +
		"oifname \"eth0\" counter drop; iifname \"eth0\" counter drop; }; }"
}

func TestScene08_table_ip(t *testing.T) {
	l := newWireGuard(t)
	l.nft(l.vpn, killSwitch("ip"))
	l.up()
	l.pings(l.client)
	l.pings6(l.client)
	l.check("08-table-ip", wireGuard, "VPN-4 sys-vpn fail", "VPN-1 sys-vpn fail", "VPN-2 sys-vpn unknown")
}

// canaries sends those of a probe.
func (l *lab) canaries(kind judge.ProbeKind) {
	from := time.Now()
	l.try(l.client, judge.CanaryCommand([8]byte{1, 2, 3, 4, 5, 6, 7, 8}, 2))
	l.probes = append(l.probes, judge.Probe{Kind: kind, Via: "sys-vpn", Client: "banking", Nonce: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}, Sizes: probe.Sizes(),
		From: from.UnixNano(), Until: time.Now().UnixNano(), Sent: true})
}

func TestScene09_kill_switch(t *testing.T) {
	l := newWireGuard(t)
	l.nft(l.vpn, killSwitch("inet"))
	l.up()
	l.canaries(judge.ProbeTunnel)
	l.down()
	time.Sleep(time.Second)
	l.canaries(judge.ProbeDown)
	l.pings(l.client)
	l.pings6(l.client)
	time.Sleep(time.Second)
	l.page(l.work) // time passes
	l.check("09-kill-switch", wireGuard, "VPN-1 sys-vpn pass", "VPN-9 sys-vpn pass", "VPN-2 sys-vpn pass")
}

func TestScene10_kill_switch_without_canaries(t *testing.T) {
	l := newWireGuard(t)
	l.nft(l.vpn, killSwitch("inet"))
	l.up()
	l.pings(l.client)
	l.down()
	l.pings(l.client)
	l.page(l.work)
	l.check("10-no-canaries", wireGuard, "VPN-1 sys-vpn pass", "VPN-2 sys-vpn unknown")
}

func TestScene12_table_ip_canary(t *testing.T) {
	l := newWireGuard(t)
	l.nft(l.vpn, killSwitch("ip"))
	l.up()
	l.canaries(judge.ProbeTunnel)
	l.check("12-table-ip-canary", wireGuard, "VPN-4 sys-vpn fail", "VPN-9 sys-vpn fail")
}

func TestScene18_canaries(t *testing.T) {
	l := newWireGuard(t)
	l.nft(l.vpn, killSwitch("inet"))
	l.up()
	l.canaries(judge.ProbeTunnel)
	l.check("18-canaries", wireGuard, "VPN-9 sys-vpn pass", "VPN-1 sys-vpn pass")
}

func TestScene11_itself(t *testing.T) {
	l := newWireGuard(t)
	l.nft(l.vpn, killSwitch("inet"))
	l.up()
	l.pings(l.client)
	l.down()
	l.page(l.vpn)
	l.check("11-itself", wireGuard, "VPN-1 sys-vpn fail", "VPN-2 sys-vpn unknown")
}

func TestScene13_boot(t *testing.T) {
	l := newWireGuard(t)
	l.pings(l.client)
	l.up()
	l.pings(l.client)
	l.check("13-boot", wireGuard, "VPN-3 sys-vpn fail", "VPN-1 sys-vpn fail")
}

func TestScene14_boot_with_rules(t *testing.T) {
	l := newWireGuard(t)
	l.nft(l.vpn, killSwitch("inet"))
	l.pings(l.client)
	l.up()
	l.pings(l.client)
	l.check("14-boot-rules", wireGuard, "VPN-3 sys-vpn unknown", "VPN-1 sys-vpn pass")
}

func TestScene20_endpoint_address(t *testing.T) {
	l := newWireGuard(t)
	l.up()
	l.try(l.client, "ping -c2 -i0.2 -W1 "+serverAddr)
	l.check("20-endpoint-address", wireGuard, "VPN-7 sys-vpn fail", "VPN-1 sys-vpn fail")
}

func TestScene21_local_network(t *testing.T) {
	l := newWireGuard(t)
	l.up()
	l.sh(l.vpn, "ip route add 192.168.1.0/24 via "+gateway+" dev eth0 onlink")
	l.try(l.client, "ping -c2 -i0.2 -W1 192.168.1.1")
	l.check("21-local-network", wireGuard, "VPN-6 sys-vpn fail")
}

func TestScene24_dns_beside(t *testing.T) {
	l := newWireGuard(t)
	l.up()
	l.sh(l.vpn, "ip route add "+testbed.MagicDNS+" via "+gateway+" dev eth0 onlink")
	l.try(l.client, "dig +tries=1 +time=1 @"+testbed.MagicDNS+" qbv-0123456789ab.example.com")
	l.check("24-dns-beside", wireGuard, "VPN-5 sys-vpn fail", "DNS-3 sys-vpn fail")
}

func TestScene27_contained(t *testing.T) {
	l := newWireGuard(t)
	l.nft(l.Log, "table ip lab { chain forward { type filter hook forward priority 1; ip saddr 10.137.0.20 ip daddr != "+serverAddr+" drop; }; }")
	l.up()
	l.pings(l.client)
	l.down()
	l.pings(l.client)
	l.page(l.work) // the uplink is captured, and time passes
	time.Sleep(1500 * time.Millisecond)
	l.page(l.work)
	l.check("27-contained", wireGuard, "VPN-1 sys-vpn fail contained", "VPN-2 sys-vpn fail contained")
}
