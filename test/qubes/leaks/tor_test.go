//go:build linux

package leaks_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// torNetwork is a private network of Tor in the world: three authorities and three relays.
type torNetwork struct {
	s    *stage
	dirs []string
	auth []string // lines DirAuthority
}

// torNode returns the address of a node.
func torNode(i int) string { return fmt.Sprintf("203.0.113.%d", 21+i) }

const (
	torAuthorities = 3
	torNodes       = 6
)

// startTor starts the network, waits for its first consensus, and keeps that as the list of
// relays.
func (s *stage) startTor() {
	s.tb.Helper()
	testbed.Programs(s.tb, "tor", "tor-gencert")
	n := &torNetwork{s: s}
	for i := range torNodes {
		s.must(s.Net, fmt.Sprintf("ip addr add %s/32 dev lo", torNode(i)))
	}
	var consensus string
	n.attempt("a consensus of all relays", func() []*exec.Cmd {
		started := n.nodes()
		consensus = filepath.Join(n.dirs[torNodes-1], "cached-microdesc-consensus")
		return started
	}, func() bool {
		text, err := os.ReadFile(consensus)
		return err == nil && strings.Count(string(text), "\nr ") >= torNodes
	})
	s.relays = consensus
	s.tor = n
}

// nodes starts all nodes with new keys.
func (n *torNetwork) nodes() (started []*exec.Cmd) {
	n.s.tb.Helper()
	n.dirs, n.auth = nil, nil
	for range torNodes {
		n.dirs = append(n.dirs, n.s.tb.TempDir())
	}
	for i := range torAuthorities {
		n.authority(i)
	}
	for i := range torNodes {
		started = append(started, n.s.start(n.s.Net, nil, "tor -f "+n.write(i)))
	}
	return started
}

// authority makes the keys of an authority.
func (n *torNetwork) authority(i int) {
	n.s.tb.Helper()
	keys := filepath.Join(n.dirs[i], "keys")
	if err := os.Mkdir(keys, 0o700); err != nil {
		n.s.tb.Fatal(err)
	}
	cmd := exec.CommandContext(n.s.ctx, "tor-gencert", "--create-identity-key", "-m", "12", "-a", torNode(i)+":7000", "--passphrase-fd", "0")
	cmd.Dir, cmd.Stdin = keys, strings.NewReader("test\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		n.s.tb.Fatalf("tor-gencert: %v\n%s", err, out)
	}
	certificate, err := os.ReadFile(filepath.Join(keys, "authority_certificate"))
	if err != nil {
		n.s.tb.Fatal(err)
	}
	ident := regexp.MustCompile(`(?m)^fingerprint ([0-9A-F]{40})$`).FindSubmatch(certificate)
	empty := filepath.Join(n.dirs[i], "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		n.s.tb.Fatal(err)
	}
	out := n.s.must(n.s.Net, fmt.Sprintf("tor --list-fingerprint --hush -f %s --DataDirectory %s --ORPort %s:5000 --Nickname auth%d --AssumeReachable 1", empty, n.dirs[i], torNode(i), i))
	prints := regexp.MustCompile(`(?:[0-9A-F]{4} ?){10}`).FindString(out)
	if ident == nil || prints == "" {
		n.s.tb.Fatalf("an authority has no fingerprint: %s", out)
	}
	n.auth = append(n.auth, fmt.Sprintf("DirAuthority auth%d orport=5000 no-v2 v3ident=%s %s:7000 %s", i, ident[1], torNode(i), strings.ReplaceAll(prints, " ", "")))
}

// write writes the configuration of a node; i is torNodes for a client.
func (n *torNetwork) write(i int) string {
	n.s.tb.Helper()
	if i == torNodes {
		n.dirs = append(n.dirs[:i], n.s.tb.TempDir())
	}
	dir := n.dirs[i]
	lines := append([]string{"TestingTorNetwork 1", "DataDirectory " + dir, "Log notice file " + filepath.Join(dir, "log"), "AssumeReachable 1",
		"V3AuthVotingInterval 20", "V3AuthVoteDelay 4", "V3AuthDistDelay 4", "TestingV3AuthInitialVotingInterval 20", "TestingV3AuthInitialVoteDelay 4",
		"TestingV3AuthInitialDistDelay 4", "PathsNeededToBuildCircuits 0.25"}, n.auth...)
	switch {
	case i == torNodes:
		lines = append(lines, "SocksPort 127.0.0.1:9050")
	case i < torAuthorities:
		lines = append(lines, fmt.Sprintf("Nickname auth%d", i), "Address "+torNode(i), "ORPort "+torNode(i)+":5000", "DirPort "+torNode(i)+":7000",
			"AuthoritativeDirectory 1", "V3AuthoritativeDirectory 1", "TestingDirAuthVoteGuard *", "TestingDirAuthVoteExit *", "ContactInfo none", "SocksPort 0")
	default:
		lines = append(lines, fmt.Sprintf("Nickname relay%d", i), "Address "+torNode(i), "ORPort "+torNode(i)+":5000", "ExitRelay 1", "ExitPolicy accept *:*",
			"ExitPolicyRejectPrivate 0", "ContactInfo none", "SocksPort 0")
	}
	file := filepath.Join(dir, "torrc")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		n.s.tb.Fatal(err)
	}
	return file
}

// useTor starts Tor in sys-vpn, which stands for sys-whonix, and fetches a page through it.
func (s *stage) useTor() *exec.Cmd {
	s.tb.Helper()
	return s.tor.attempt("Tor carries packets", func() []*exec.Cmd {
		return []*exec.Cmd{s.start(s.vpn, nil, "tor -f "+s.tor.write(torNodes))}
	}, func() bool {
		_, _, err := s.vpn.Run(s.ctx, "curl", "-sS", "-o", "/dev/null", "--max-time", "5", "--socks5", "127.0.0.1:9050", "http://198.51.100.7/")
		return err == nil
	})[0]
}

// attempt starts programs until what they do holds, and returns them. A node of Tor that has
// missed a vote or asked in vain waits longer each time before it asks again, so after a while
// all is started again, without what was kept. The logs are printed when the last attempt fails.
func (n *torNetwork) attempt(what string, start func() []*exec.Cmd, holds func() bool) []*exec.Cmd {
	n.s.tb.Helper()
	for range 4 {
		started := start()
		for end := time.Now().Add(time.Minute); time.Now().Before(end); n.s.pass(200 * time.Millisecond) {
			if holds() {
				return started
			}
		}
		for _, cmd := range started {
			n.s.kill(cmd)
		}
	}
	for _, dir := range n.dirs {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		n.s.tb.Logf("%s:\n%s", dir, log[max(0, len(log)-4096):])
	}
	n.s.tb.Fatalf("%s: not in four minutes", what)
	return nil
}
