//go:build linux

package odd_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// section are the settings of both beats. Flows end soon, so that their ends are judged, too. A
// qube is meant to be behind a VPN, and is not.
const section = `
  flows: {period: -1s, timeout: 5s}
  inventory.file: HOME/inventory
  verify: {enabled: true, expect: [{qubes: [banking], exit: vpn, protocol: wireguard, endpoints: ["203.0.113.9:51820/udp"]}]}
`

// TestOdd has real programs do what the detection looks for: each of it is found live, and a
// replay of the packets finds the same, to the word.
func TestOdd(t *testing.T) {
	testbed.Require(t, "curl", "dig", "ping", "nmap", "iodine", "iodined")
	s := newStage(t)
	for _, deed := range []func(*testing.T){s.beacon, s.scan, s.tunnel} {
		deed(t)
	}
	s.rest(t)
	live := told(s.beat.Stop(t))
	for _, want := range []string{"beacon connections work www.example.org", "scan ports untrusted ", "scan neighbours untrusted ", "dns-tunnel volume banking t.example",
		"lateral to-qube untrusted 10.137.0.6"} {
		if !slices.ContainsFunc(live, func(line string) bool { return strings.HasPrefix(line, want) }) {
			t.Errorf("no finding %q live", want)
		}
	}
	const fails = "; the qube fails verification: "
	for _, line := range live {
		if of := strings.Contains(line, " banking "); of && strings.HasPrefix(line, "dns-tunnel volume") && !strings.Contains(line, fails) || !of && strings.Contains(line, fails) {
			t.Errorf("%q; want the checks that fail for banking in its findings alone", line)
		}
	}
	path := filepath.Join(t.TempDir(), "odd.pcapng")
	if err := os.WriteFile(path, s.recorder.Capture(t), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if diff := cmp.Diff(live, s.replay(t, path)); diff != "" {
			t.Fatalf("findings mismatch (-live +replay):\n%s", diff)
		}
	}
	t.Logf("found live, and in two replays:\n%s", strings.Join(live, "\n"))
}

// told returns what the findings among events say, in their order.
func told(events beat.Events) (lines []string) {
	for _, e := range events.Where(beat.Event{"event.dataset": "qubesbeat.finding"}) {
		destination := e.Text("destination.domain")
		if destination == "" {
			destination = e.Text("destination.ip")
		}
		if q := e.Text("dns.question.registered_domain"); q != "" {
			destination = q
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %s %s %s: %s", e.Text("rule.id"), e.Text("finding.method"), e.Text("qube.name"), destination,
			e.Text("finding.level"), e.Text("finding.id"), e.Text("event.reason")))
	}
	return lines
}

// replay returns what a replay finds.
func (s *stage) replay(t *testing.T, path string) []string {
	t.Helper()
	home := beat.NewHome(t)
	s.WriteInventory(filepath.Join(home, "inventory"))
	file := beat.Write(t, home, "qubesbeat.yml", "qubesbeat:\n"+section+"output.file: {path: HOME/out, filename: events}\n")
	c := beat.Command{Program: beat.Program(t), Home: home, Args: beat.Flags(home, file, "-t", "-I", path)}
	if r := c.Run(t, time.Minute); r.Code != 0 {
		t.Fatalf("status %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	return told(beat.ReadEvents(t, filepath.Join(home, "out")))
}

// beacon has work ask for a page every three seconds or so, sixteen times.
func (s *stage) beacon(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 16 {
		s.run(t, s.work, "dig +short @10.139.1.1 www.example.org")
		s.run(t, s.work, "curl -sk --max-time 5 -o /dev/null --resolve www.example.org:443:"+testbed.WebAddr+" https://www.example.org/")
		time.Sleep(2500*time.Millisecond + time.Duration(rng.IntN(500))*time.Millisecond)
	}
}

// scan has untrusted look for open ports of a server, for another qube, and for neighbours.
func (s *stage) scan(t *testing.T) {
	s.run(t, s.untrusted, "nmap -n -Pn -sT --max-retries 0 -p 1-40 "+testbed.WebAddr)
	s.run(t, s.untrusted, "nmap -n -Pn -sT --max-retries 0 -p 22 10.137.0.6")
	s.run(t, s.untrusted, "ip route add 10.137.9.0/27 dev eth0")
	s.run(t, s.untrusted, "nmap -n -sn -PR 10.137.9.0/27")
}

// tunnel has banking send echo requests through a tunnel of iodine.
func (s *stage) tunnel(t *testing.T) {
	s.start(t, s.Net, "iodined -f -c -P secret -l "+testbed.WebAddr+" 10.55.0.1 t.example")
	client := s.start(t, s.banking, "iodine -f -r -P secret "+testbed.WebAddr+" t.example")
	for range 60 {
		if _, _, err := s.banking.Run(t.Context(), "ping", "-c1", "-W1", "10.55.0.1"); err == nil {
			break
		}
		time.Sleep(250 * time.Millisecond)
	}
	s.run(t, s.banking, "ping -c20 -i0.2 -s400 10.55.0.1")
	_ = client.Process.Signal(os.Interrupt)
}

// rest waits until no packet comes any more: of what is recorded the beat must have seen all,
// and the last flows have ended.
func (s *stage) rest(t *testing.T) {
	for range 3 {
		time.Sleep(4 * time.Second)
		s.run(t, s.work, "ping -c1 -W1 "+testbed.WebAddr)
	}
}

// start starts a program, which ends with the test.
func (s *stage) start(t *testing.T, q *testbed.Qube, line string) *exec.Cmd {
	t.Helper()
	args := strings.Fields(line)
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	if err := q.Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// run runs a program in a qube.
func (s *stage) run(t *testing.T, q *testbed.Qube, line string) {
	t.Helper()
	args := strings.Fields(line)
	if _, stderr, err := q.Run(t.Context(), args[0], args[1:]...); err != nil {
		t.Errorf("%s: %s: %v %s", q, line, err, stderr)
	}
}
