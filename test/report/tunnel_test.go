//go:build linux

package report_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

const (
	endpoint = "203.0.113.9" // of the tunnel, in sys-net
	gateway  = "10.137.0.5"
)

// sh runs a command line in a qube, which must succeed.
func (s *scene) sh(q *testbed.Qube, line string) string {
	s.t.Helper()
	out, errText, err := q.Run(s.ctx, "sh", "-c", line)
	if err != nil {
		s.t.Fatalf("%s: %s: %v\n%s", q, line, err, errText)
	}
	return strings.TrimSpace(out)
}

// wireGuard starts an end of the tunnel; the keys are files of its name and the other's.
func (s *scene) wireGuard(q *testbed.Qube, device, own, peer, local, remote string) *exec.Cmd {
	s.t.Helper()
	c := exec.Command("wireguard-go", "-f", device)
	c.Env = append(os.Environ(), "WG_PROCESS_FOREGROUND=1", "LOG_LEVEL=error")
	if err := q.Start(c); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	poll.Until(s.t, "the device "+device, func() bool { return testbed.WireGuardAnswers(device) })
	s.sh(q, "wg set "+device+" private-key "+s.home+"/"+own+".key "+local+" peer $(cat "+s.home+"/"+peer+".pub) "+remote)
	return c
}

// tunnelUp has all of sys-vpn's clients leave through a tunnel.
func (s *scene) tunnelUp() (client *exec.Cmd) {
	s.t.Helper()
	s.sh(s.Net, "ip addr add "+endpoint+"/32 dev lo")
	for _, side := range []string{"server", "client"} {
		key := s.sh(s.Net, "wg genkey")
		if err := os.WriteFile(filepath.Join(s.home, side+".key"), []byte(key), 0o600); err != nil {
			s.t.Fatal(err)
		}
		s.sh(s.Net, "wg pubkey <"+s.home+"/"+side+".key >"+s.home+"/"+side+".pub")
	}
	s.wireGuard(s.Net, "qrs", "server", "client", "listen-port 51820", "allowed-ips 10.8.0.2/32")
	s.sh(s.Net, "ip addr add 10.8.0.1/24 dev qrs && ip link set qrs up mtu 1420")
	client = s.wireGuard(s.vpn, "qrc", "client", "server", "", "allowed-ips 0.0.0.0/0 endpoint "+endpoint+":51820")
	s.sh(s.vpn, "ip addr add 10.8.0.2/24 dev qrc && ip link set qrc up mtu 1420")
	s.sh(s.vpn, "ip route add "+endpoint+" via "+gateway+" dev eth0 onlink && ip route replace default dev qrc")
	s.sh(s.vpn, "ping -c1 -W3 10.8.0.1")
	return client
}

// tunnelDown ends the tunnel of sys-vpn, which has no kill switch: what its clients send
// then goes out beside it.
func (s *scene) tunnelDown(client *exec.Cmd) {
	s.t.Helper()
	_ = client.Process.Signal(syscall.SIGTERM)
	s.sh(s.vpn, "for i in $(seq 100); do ip link show qrc 2>/dev/null >&2 || exit 0; sleep 0.1; done; exit 1")
	s.sh(s.vpn, "ip route replace default via "+gateway+" dev eth0 onlink")
}
