//go:build linux

package leaks_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// tunnel is a tunnel of sys-vpn to the endpoint.
type tunnel struct {
	client, server *exec.Cmd
	device         string
}

// wireguard brings a tunnel up, with the default route of sys-vpn in it.
func (s *stage) wireguard() *tunnel {
	s.tb.Helper()
	testbed.Programs(s.tb, "wireguard-go", "wg")
	s.hasTun()
	server, client := s.wgKey("server"), s.wgKey("client")
	t := &tunnel{device: "wgc" + s.suffix}
	far := "wgs" + s.suffix
	t.server = s.wgDevice(s.Net, far)
	s.must(s.Net, fmt.Sprintf("wg set %s listen-port %d private-key %s peer %s allowed-ips 0.0.0.0/0", far, wireguardPort, server.file, client.public))
	s.must(s.Net, fmt.Sprintf("ip addr add %s/24 dev %s", insideServer, far))
	s.must(s.Net, "ip link set "+far+" up")
	t.client = s.wgDevice(s.vpn, t.device)
	s.must(s.vpn, fmt.Sprintf("wg set %s private-key %s peer %s allowed-ips 0.0.0.0/0 endpoint %s:%d", t.device, client.file, server.public, endpoint, wireguardPort))
	s.must(s.vpn, fmt.Sprintf("ip addr add %s/32 dev %s", inside, t.device))
	s.must(s.vpn, "ip link set "+t.device+" mtu 1420 up")
	s.routeInto(t.device)
	return t
}

// routeInto has sys-vpn send all but the tunnel itself into a device.
func (s *stage) routeInto(device string) {
	s.tb.Helper()
	s.must(s.vpn, "ip route add "+endpoint+"/32 via 10.137.0.5 dev eth0 onlink")
	s.must(s.vpn, "ip route add 0.0.0.0/1 dev "+device)
	s.must(s.vpn, "ip route add 128.0.0.0/1 dev "+device)
}

// hasTun skips the test if there is no tun here.
func (s *stage) hasTun() {
	s.tb.Helper()
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		s.tb.Skipf("needs /dev/net/tun: %v; run as root: modprobe tun", err)
	}
	_ = f.Close()
}

// wgDevice starts a user-space WireGuard and waits until its control socket accepts. It must not be
// asked for by wg before: wg unlinks a socket that refuses.
func (s *stage) wgDevice(q *testbed.Qube, device string) *exec.Cmd {
	s.tb.Helper()
	cmd := s.start(q, []string{"WG_PROCESS_FOREGROUND=1", "LOG_LEVEL=silent"}, "wireguard-go -f "+device)
	s.await("the device "+device, func() bool {
		conn, err := net.Dial("unix", filepath.Join("/var/run/wireguard", device+".sock"))
		if err != nil {
			return false
		}
		_ = conn.Close()
		return true
	})
	return cmd
}

// wgKey is a pair of keys.
type wgKey struct{ file, public string }

func (s *stage) wgKey(name string) wgKey {
	s.tb.Helper()
	private := s.must(s.vpn, "wg genkey")
	file := filepath.Join(s.tb.TempDir(), name)
	if err := os.WriteFile(file, []byte(private), 0o600); err != nil {
		s.tb.Fatal(err)
	}
	cmd := exec.CommandContext(s.ctx, "wg", "pubkey")
	cmd.Stdin = strings.NewReader(private)
	public, err := cmd.Output()
	if err != nil {
		s.tb.Fatal(err)
	}
	return wgKey{file: file, public: strings.TrimSpace(string(public))}
}

// await waits until something holds.
func (s *stage) await(what string, holds func() bool) {
	s.tb.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); s.pass(20 * time.Millisecond) {
		if time.Now().After(end) {
			s.tb.Fatalf("%s: not within 30 s", what)
		}
	}
}

// end ends the tunnel at the side of sys-vpn, so that its default route is the old one.
func (s *stage) end(t *tunnel) {
	s.kill(t.client)
	s.await("the device is gone", func() bool {
		_, _, err := s.vpn.Run(s.ctx, "ip", "link", "show", t.device)
		return err != nil
	})
}

// ovpn is how a tunnel of OpenVPN is brought up.
type ovpn struct {
	proto string   // udp or tcp
	port  int      // of the server
	more  []string // arguments of both sides: a key in common
}

// openvpn brings a tunnel up, with the default route of sys-vpn in it.
func (s *stage) openvpn(o ovpn) *tunnel {
	s.tb.Helper()
	testbed.Programs(s.tb, "openvpn", "openssl")
	s.hasTun()
	dir := s.tb.TempDir()
	for _, name := range []string{"server", "client"} {
		s.must(s.Net, fmt.Sprintf("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout %[1]s/%[2]s.key -out %[1]s/%[2]s.crt -days 2 -subj /CN=%[2]s", dir, name))
	}
	const common = " --dev-type tun --verb 1 --ping 2 --ping-restart 60 --data-ciphers AES-256-GCM --auth-nocache"
	side := func(own, peer string) string {
		return fmt.Sprintf(" --cert %[1]s/%[2]s.crt --key %[1]s/%[2]s.key --ca %[1]s/%[3]s.crt", dir, own, peer)
	}
	proto, clientProto := o.proto, o.proto
	if o.proto == "tcp" {
		proto, clientProto = "tcp-server", "tcp-client"
	}
	t := &tunnel{device: "ovc" + s.suffix}
	serverKeys, clientKeys := s.keys(dir, o.more)
	t.server = s.start(s.Net, nil, fmt.Sprintf("openvpn --dev ovs%s --proto %s --local %s --port %d --tls-server --dh none --ifconfig 10.64.0.1 10.64.0.2%s%s%s",
		s.suffix, proto, endpoint, o.port, side("server", "client"), common, serverKeys))
	t.client = s.start(s.vpn, nil, fmt.Sprintf("openvpn --dev %s --proto %s --remote %s %d --nobind --tls-client --ifconfig 10.64.0.2 10.64.0.1%s%s%s",
		t.device, clientProto, endpoint, o.port, side("client", "server"), common, clientKeys))
	s.await("OpenVPN is up", func() bool {
		out, _, err := s.vpn.Run(s.ctx, "ip", "addr", "show", t.device)
		return err == nil && strings.Contains(out, "10.64.0.2")
	})
	s.routeInto(t.device)
	s.await("the tunnel carries packets", func() bool {
		_, _, err := s.vpn.Run(s.ctx, "ping", "-n", "-c1", "-W1", insideServer)
		return err == nil
	})
	return t
}

// keys makes the files of the keys for words that end in =KEY, and returns the arguments of
// both sides.
func (s *stage) keys(dir string, args []string) (server, client string) {
	s.tb.Helper()
	for _, a := range args {
		name, ok := strings.CutSuffix(a, "=KEY")
		if !ok {
			s.tb.Fatalf("%s is no key", a)
		}
		own := filepath.Join(dir, "common.key")
		if name != "--tls-crypt-v2" {
			s.must(s.Net, "openvpn --genkey secret "+own)
			server, client = server+" "+name+" "+own, client+" "+name+" "+own
			continue
		}
		theirs := filepath.Join(dir, "client.v2.key")
		s.must(s.Net, "openvpn --genkey tls-crypt-v2-server "+own)
		s.must(s.Net, "openvpn --tls-crypt-v2 "+own+" --genkey tls-crypt-v2-client "+theirs)
		server, client = server+" "+name+" "+own, client+" "+name+" "+theirs
	}
	return server, client
}

// terminate ends OpenVPN as a service manager does.
func (s *stage) terminate(t *tunnel) {
	_ = t.client.Process.Signal(syscall.SIGTERM)
	_ = t.client.Wait()
}
