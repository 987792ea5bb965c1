package leaks_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// beside is tshark's filter for packets that sys-vpn has sent and that are not for its
// tunnel. What is for the logging qube itself is not judged by VPN-1, nor is an ICMP error
// about a packet of the endpoint. The direction is asked for, and the first address (#1):
// an ICMP error quotes the packet that it is about, and tshark has its addresses, too.
const beside = `frame.interface_name == "vif7.0" && frame.packet_flags_direction == 1 && (ip || ipv6) && ` +
	`!(ip.dst#1 == 203.0.113.9 && (udp.dstport#1 == 51820 && !icmp || icmp.type in {3, 11, 12})) && !(ip.dst#1 == 10.137.0.5) && !icmpv6.type >= 130`

// TestJudge counts with tshark what goes beside the tunnel of WireGuard in each recording,
// which must be what VPN-1 has.
func TestJudge(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("needs the program tshark; run: apt-get install tshark")
	}
	paths, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	leaks := 0
	for _, path := range paths {
		name := strings.TrimSuffix(path, ".json")
		r := readRecorded(t, name)
		if !strings.Contains(r.Config, "["+`"203.0.113.9:51820/udp"`+"]") || strings.Contains(r.Config, "names:") {
			continue
		}
		out, err := exec.Command("tshark", "-r", name+".pcapng", "-Y", beside).Output()
		if err != nil {
			t.Fatalf("tshark: %v", err)
		}
		want := bytes.Count(out, []byte("\n"))
		if got := against(t, name, r.Config); got != want {
			t.Errorf("%s: VPN-1 has %d packets beside the tunnel; tshark has %d:\n%s", name, got, want, out)
		}
		leaks += want
	}
	if leaks == 0 {
		t.Error("no packet is beside a tunnel in all recordings")
	}
}

// against returns how many packets of a recording VPN-1 of sys-vpn has against it.
func against(t *testing.T, name, config string) int {
	t.Helper()
	home, dir := beat.NewHome(t), filepath.Dir(name)
	abs, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(abs, filepath.Base(name))
	file := beat.Write(t, home, "qubesbeat.yml", "qubesbeat:\n"+config+"  inventory.file: "+base+".inventory\noutput.console.enabled: true\n")
	c := beat.Self(t, "qubesbeat")
	c.Home, c.Args = home, append([]string{"verify", "-I", base + ".pcapng", "--json"}, beat.Flags(home, file)...)
	r := c.Run(t, time.Minute)
	var view struct {
		Verdicts []struct {
			Check, Subject string
			Against        int
		}
	}
	if err := json.Unmarshal([]byte(r.Stdout), &view); err != nil {
		t.Fatalf("verify -I: %v, status %d\n%s", err, r.Code, r.Stderr)
	}
	for _, v := range view.Verdicts {
		if v.Check == "VPN-1" && v.Subject == "sys-vpn" {
			return v.Against
		}
	}
	return 0
}
