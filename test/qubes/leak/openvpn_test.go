//go:build linux

package leak_test

import (
	"syscall"
	"testing"
)

// newOpenVPN returns a lab with a server of OpenVPN in sys-net, and starts the client in
// sys-vpn. Each side trusts the certificate of the other.
func newOpenVPN(t *testing.T, proto, port string, crypt ...string) *lab {
	t.Helper()
	l := newLab(t, "openvpn", "openssl")
	for _, side := range []string{"server", "client"} {
		l.sh(l.Net, "cd "+l.dir+" && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN="+side+
			" -keyout "+side+".key -out "+side+".crt")
	}
	l.sh(l.Net, "cd "+l.dir+" && openvpn --genkey secret ta.key && openvpn --genkey tls-crypt-v2-server v2s.key && "+
		"openvpn --tls-crypt-v2 v2s.key --genkey tls-crypt-v2-client v2c.key")
	args := func(side, peer string) []string {
		a := []string{"--cd", l.dir, "--dev", "tun" + side[:1], "--dev-type", "tun", "--cert", side + ".crt", "--key", side + ".key", "--ca", peer + ".crt",
			"--keepalive", "2", "10", "--disable-dco", "--verb", "3", "--ifconfig-nowarn"}
		if side == "server" {
			a = append(a, "--dh", "none")
		}
		for _, c := range crypt {
			key := map[bool]string{true: "v2" + side[:1] + ".key", false: "ta.key"}[c == "tls-crypt-v2"]
			a = append(a, "--"+c, key)
		}
		return a
	}
	l.start(l.Net, "openvpn", nil, append(args("server", "client"), "--proto", proto+serverEnd(proto), "--local", serverAddr, "--port", port,
		"--tls-server", "--ifconfig", "10.9.0.1", "10.9.0.2")...)
	l.sh(l.vpn, "ip route add "+serverAddr+" via "+gateway+" dev eth0 onlink")
	l.start(l.vpn, "openvpn", nil, append(args("client", "server"), "--proto", proto+clientEnd(proto), "--remote", serverAddr, port, "--nobind",
		"--tls-client", "--ifconfig", "10.9.0.2", "10.9.0.1")...)
	l.eventually(l.vpn, "ip addr show tunc | grep -q 10.9.0.2 && ping -c1 -W1 -I tunc 10.9.0.1")
	l.sh(l.vpn, "ip route replace default dev tunc")
	l.page(l.client)
	return l
}

func serverEnd(proto string) string {
	if proto == "tcp" {
		return "4-server"
	}
	return "4"
}

func clientEnd(proto string) string {
	if proto == "tcp" {
		return "4-client"
	}
	return "4"
}

func TestScene15_openvpn(t *testing.T) {
	for name, tt := range map[string]struct {
		proto, port string
		crypt       []string
	}{
		"udp": {"udp", "1194", nil}, "tls-auth": {"udp", "1194", []string{"tls-auth"}}, "tls-crypt": {"udp", "1194", []string{"tls-crypt"}},
		"tls-crypt-v2": {"udp", "1194", []string{"tls-crypt-v2"}}, "tcp": {"tcp", "443", nil},
	} {
		t.Run(name, func(t *testing.T) {
			l := newOpenVPN(t, tt.proto, tt.port, tt.crypt...)
			l.check("15-openvpn-"+name, settings("openvpn", serverAddr+":"+tt.port+"/"+tt.proto), "VPN-1 sys-vpn pass", "VPN-7 sys-vpn pass")
		})
	}
}

func TestScene16_openvpn_ended(t *testing.T) {
	l := newOpenVPN(t, "udp", "1194")
	l.stop(l.vpn, "openvpn", syscall.SIGTERM)
	l.sh(l.vpn, "ip route replace default via "+gateway+" dev eth0 onlink")
	l.pings(l.client)
	l.check("16-openvpn-ended", settings("openvpn", serverAddr+":1194/udp"), "VPN-2 sys-vpn fail")
}
