//go:build linux

package leak_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// authorities is the number of directory authorities of the private network, which are
// relays, too.
const authorities = 3

// torAddr returns the address of a node in sys-net.
func torAddr(i int) string { return fmt.Sprintf("203.0.113.%d", 40+i) }

// newTor returns a lab with a private network of Tor in sys-net, whose consensus is there,
// and sys-whonix, in which the client of Tor runs.
func newTor(t *testing.T) (l *lab, whonix *testbed.Qube) {
	t.Helper()
	l = newLab(t, "tor", "tor-gencert")
	whonix = l.AddClient(testbed.Client{Name: "sys-whonix", Label: "black", DomID: 9, IP: netip.MustParseAddr("10.137.0.21"), ProvidesNetwork: true})
	l.tap(whonix.Vif)
	var lines []string
	for i := range authorities {
		l.sh(l.Net, "ip addr add "+torAddr(i)+"/32 dev lo")
		lines = append(lines, l.authority(i))
	}
	common := strings.Join(lines, "\n") + `
TestingTorNetwork 1
AssumeReachable 1
SafeLogging 0
PathsNeededToBuildCircuits 0.25
TestingDirAuthVoteExit *
TestingDirAuthVoteHSDir *
TestingDirAuthVoteGuard *
V3AuthVotingInterval 20
V3AuthVoteDelay 4
V3AuthDistDelay 4
TestingV3AuthInitialVotingInterval 20
TestingV3AuthInitialVoteDelay 4
TestingV3AuthInitialDistDelay 4
`
	for i := range authorities {
		dir := filepath.Join(l.dir, fmt.Sprint("auth", i))
		l.torNode(l.Net, dir, common+fmt.Sprintf("AuthoritativeDirectory 1\nV3AuthoritativeDirectory 1\nContactInfo none@example.org\nSocksPort 0\nExitRelay 1\n"+
			"ExitPolicy accept *:*\nExitPolicyRejectPrivate 0\nExitPolicyRejectLocalInterfaces 0\nIPv6Exit 0\nNickname auth%d\nAddress %s\nOutboundBindAddress %s\nORPort %s:9001\nDirPort %s:9030\n", i, torAddr(i), torAddr(i), torAddr(i), torAddr(i)))
	}
	l.torNode(whonix, filepath.Join(l.dir, "client"), common+"SocksPort 127.0.0.1:9050\nClientRejectInternalAddresses 0\n")
	l.slowly(whonix, "curl -sS -m 8 --socks5-hostname 127.0.0.1:9050 -o /dev/null "+testbed.SmallURL)
	return l, whonix
}

// slowly runs a command line until it succeeds, for two minutes at most.
func (l *lab) slowly(q *testbed.Qube, line string) {
	l.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Second) {
		if _, _, err := q.Run(l.t.Context(), "sh", "-c", line); err == nil {
			return
		} else if time.Now().After(deadline) {
			l.t.Fatalf("%s: %s: %v", q, line, err)
		}
	}
}

// authority makes the keys of a directory authority and returns its DirAuthority line.
func (l *lab) authority(i int) string {
	l.t.Helper()
	dir := filepath.Join(l.dir, fmt.Sprint("auth", i))
	l.sh(l.Net, "mkdir -p -m 700 "+dir+"/keys && : > "+dir+"/empty")
	l.sh(l.Net, "cd "+dir+"/keys && echo pass | tor-gencert --create-identity-key -m 12 -a "+torAddr(i)+":9030 --passphrase-fd 0")
	print := l.sh(l.Net, "tor --list-fingerprint --quiet -f "+dir+"/empty --DataDirectory "+dir+" --ORPort "+torAddr(i)+":9001 --Nickname auth"+fmt.Sprint(i)+
		" --DirPort "+torAddr(i)+":9030 | tail -1")
	_, fingerprint, _ := strings.Cut(print, " ")
	v3 := l.sh(l.Net, "grep fingerprint "+dir+"/keys/authority_certificate | cut -d' ' -f2")
	return fmt.Sprintf("DirAuthority auth%d orport=9001 no-v2 v3ident=%s %s:9030 %s", i, v3, torAddr(i), fingerprint)
}

// torNode starts a Tor.
func (l *lab) torNode(q *testbed.Qube, dir, conf string) {
	l.t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		l.t.Fatal(err)
	}
	path := filepath.Join(dir, "torrc")
	if err := os.WriteFile(path, []byte(conf+"DataDirectory "+dir+"\nLog notice stdout\n"), 0o600); err != nil {
		l.t.Fatal(err)
	}
	l.start(q, "tor", nil, "-f", path)
}

// torSettings expect Tor of sys-whonix; relays is the file with them, "" for none.
func torSettings(relays string) *config.Verify {
	c := settings("any", serverAddr+":1/udp")
	c.Expect = []config.VerifyExpect{{Qubes: []string{"sys-whonix"}, Exit: "tor", Relays: relays}}
	return c
}

func TestScene40_tor(t *testing.T) {
	l, whonix := newTor(t)
	for range 3 {
		l.sh(whonix, "curl -sS -m 20 --socks5-hostname 127.0.0.1:9050 -o /dev/null "+testbed.LargeURL+"20000")
	}
	consensus := l.keep("40-tor.consensus", filepath.Join(l.dir, "client", "cached-microdesc-consensus"))
	l.check("40-tor", torSettings(consensus), "TOR-1 sys-whonix pass", "TOR-2 sys-whonix unknown", "TOR-3 sys-whonix pass", "TOR-4 sys-whonix pass")
}

// keep copies a file to where the scene is kept, and returns its path.
func (l *lab) keep(name, from string) string {
	l.t.Helper()
	dir := os.Getenv("QUBESBEAT_RECORD")
	if dir == "" {
		return from
	}
	text, err := os.ReadFile(from)
	if err != nil {
		l.t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		l.t.Fatal(err)
	}
	return path
}

func TestScene42_beside_tor(t *testing.T) {
	l, whonix := newTor(t)
	l.try(whonix, "ping -c2 -i0.2 -W1 "+testbed.WebAddr)
	l.try(whonix, "dig +tries=1 +time=1 @"+testbed.MagicDNS+" leak.example.com")
	l.check("42-beside-tor", torSettings(""), "TOR-1 sys-whonix fail", "TOR-2 sys-whonix fail", "TOR-3 sys-whonix unknown")
}

func TestScene43_https_beside_tor(t *testing.T) {
	l, whonix := newTor(t)
	l.try(whonix, "curl -sSk -m 5 -o /dev/null https://"+testbed.WebAddr+"/")
	l.check("43-https-beside-tor", torSettings(""), "TOR-4 sys-whonix fail", "TOR-1 sys-whonix pass")
}
