//go:build linux

package testbed

import (
	"errors"
	"net/netip"
	"os/exec"
	"sync"
	"syscall"
)

// netClient describes sys-net. Addresses and Xen ids of the fixed qubes are
// those of an installation where dom0 starts them first.
func netClient() Client {
	return Client{
		Name: "sys-net", Label: "red", ProvidesNetwork: true, DomID: 1,
		IP: netip.MustParseAddr("10.137.0.3"), IP6: netip.MustParseAddr("fd09:24ef:4179::a89:3"),
	}
}

// logClient describes sys-log.
func logClient() Client {
	return Client{
		Name: "sys-log", Label: "orange", ProvidesNetwork: true, DomID: 2,
		IP: netip.MustParseAddr("10.137.0.5"), IP6: netip.MustParseAddr("fd09:24ef:4179::a89:5"),
	}
}

// Config holds the settings of a network. The zero value resembles Qubes most
// closely.
type Config struct {
	// NoOffload turns segmentation and checksum offload off on the cables
	// between qubes, so that frames on the vifs are at most one MTU long and
	// carry true checksums. With offload, as in Qubes, a frame can be a super
	// frame of 64 kB.
	NoOffload bool

	// NoFirewall leaves out nft: no NAT, no antispoofing, plain routes.
	NoFirewall bool
}

// Network is a running Qubes network. Its methods must be called from one
// goroutine, those of its qubes from any.
type Network struct {
	// Net stands for sys-net and the world behind it. It is never nil.
	Net *Qube

	// Log is sys-log, the netvm of the clients. It is never nil.
	Log *Qube

	tb   TB
	conf Config

	mu sync.Mutex // guards qubes
	// qubes holds all qubes, including former ones, by name.
	qubes map[string]*Qube
}

// New returns a network of sys-net and sys-log, which ends with the test. It
// skips the test, with a hint, if the kernel does not allow it.
func New(tb TB, c Config) *Network {
	tb.Helper()
	Programs(tb, "ip")
	if _, err := exec.LookPath("nft"); err != nil {
		c.NoFirewall = true
	}
	n := &Network{tb: tb, conf: c, qubes: map[string]*Qube{}}
	tb.Cleanup(n.close)

	spec := netClient().withDefaults()
	world, err := newHost(spec.Name)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EROFS) {
		tb.Skipf("needs CAP_SYS_ADMIN and a writable /proc/sys/net: %v\nrun: %s", err, unprivileged)
	}
	if err != nil {
		tb.Fatalf("testbed: %v", err)
	}
	n.Net = &Qube{Client: spec, Host: world, running: true}
	n.qubes[spec.Name] = n.Net
	n.must(n.bootWorld())
	n.must(n.bootRouter(n.Net))
	n.Log = n.add(logClient(), n.Net)
	return n
}

// HasFirewall reports whether the qubes that provide network have Qubes' nft
// rules: masquerade, antispoofing, no traffic between clients.
func (n *Network) HasFirewall() bool { return !n.conf.NoFirewall }

// AddClient starts a qube and plugs it into c.NetVM, or sys-log if that is
// nil. The test fails if this does not work.
func (n *Network) AddClient(c Client) *Qube {
	n.tb.Helper()
	netvm := c.NetVM
	if netvm == nil {
		netvm = n.Log
	}
	return n.add(c, netvm)
}

// RemoveClient stops a qube: its programs are killed and its vif disappears.
// It stays in the inventory, halted, unless it is a disposable. Qubes behind
// it must have been removed before.
func (n *Network) RemoveClient(q *Qube) {
	n.tb.Helper()
	n.must(n.unplug(q))
	q.Host.close()

	n.mu.Lock()
	defer n.mu.Unlock()
	q.running = false
	if q.Class == "DispVM" {
		delete(n.qubes, q.Name)
	}
}

// ReAdd stops q and starts it again, as a restart of the qube does: same name
// and address, new Xen id, new vif. The returned qube replaces q.
func (n *Network) ReAdd(q *Qube, domID int) *Qube {
	n.tb.Helper()
	c := q.Client
	c.DomID, c.NetVM = domID, q.netvm
	n.RemoveClient(q)
	return n.AddClient(c)
}

// close removes the network.
func (n *Network) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, q := range n.qubes {
		if q.running {
			q.Host.close()
		}
	}
}

// must fails the test if err is not nil.
func (n *Network) must(err error) {
	n.tb.Helper()
	if err != nil {
		n.tb.Fatalf("testbed: %v", err)
	}
}
