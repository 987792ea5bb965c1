//go:build linux

package testbed

import (
	"fmt"
	"net/netip"
	"strings"
)

// The MACs of both ends of every cable. They are the same for all qubes, so
// that they identify nothing.
const (
	frontendMAC = "00:16:3e:5e:6c:00"
	backendMAC  = "fe:ff:ff:ff:ff:ff"
)

// Client describes a qube.
type Client struct {
	Name  string
	Label string // "red" if empty

	// Class is the qube's class, "AppVM" if empty.
	Class string

	// IP is the address that dom0 gave the qube. It must be valid.
	IP netip.Addr

	// IP6 is its IPv6 address. The zero value switches IPv6 off for the qube,
	// as the absence of the feature ipv6 does.
	IP6 netip.Addr

	// DomID is the Xen id, which names the vif. It must be unique among the
	// running qubes.
	DomID int

	// ProvidesNetwork makes the qube a ProxyVM: others may use it as NetVM.
	ProvidesNetwork bool

	// NetVM is the qube that this one is plugged into, sys-log if nil.
	NetVM *Qube

	// Rules are nft statements of the qube's qvm-firewall chain, tried in
	// order before the final accept, such as
	// "tcp dport 81 reject with icmp type admin-prohibited".
	Rules []string
}

// withDefaults returns c with the documented defaults.
func (c Client) withDefaults() Client {
	if c.Label == "" {
		c.Label = "red"
	}
	if c.Class == "" {
		c.Class = "AppVM"
	}
	return c
}

// Qube is a qube that has been started.
type Qube struct {
	Client
	*Host

	// Vif is the name of the qube's interface in its netvm, "" for sys-net.
	Vif string

	netvm   *Qube
	running bool // guarded by Network.mu

	// chains has the clients with a qvm-firewall chain in this qube.
	chains map[string]bool
}

// String returns the name of the qube.
func (q *Qube) String() string { return q.Name }

// add starts a qube below netvm.
func (n *Network) add(c Client, netvm *Qube) *Qube {
	n.tb.Helper()
	c = c.withDefaults()
	h, err := newHost(c.Name)
	n.must(err)
	q := &Qube{Client: c, Host: h, netvm: netvm, running: true, Vif: fmt.Sprintf("vif%d.0", c.DomID)}
	n.mu.Lock()
	if old := n.qubes[c.Name]; old != nil && old.running {
		n.mu.Unlock()
		h.close()
		n.tb.Fatalf("testbed: qube %s runs already", c.Name)
	}
	n.qubes[c.Name] = q
	n.mu.Unlock()

	if q.ProvidesNetwork {
		n.must(n.bootRouter(q))
	}
	n.must(n.plug(q))
	return q
}

// bootRouter makes q forward packets, before it has clients.
func (n *Network) bootRouter(q *Qube) error {
	q.chains = map[string]bool{}
	for _, key := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
		if err := q.Sysctl(key, "1"); err != nil {
			return err
		}
	}
	if n.conf.NoFirewall {
		return nil
	}
	return q.loadFirewall()
}

// plug connects q to its netvm, in the order of Qubes' scripts: vif-route-qubes
// in the netvm, setup-ip in the qube.
func (n *Network) plug(q *Qube) error {
	up := q.netvm
	err := up.ip(
		fmt.Sprintf("link add %s address %s type veth peer name eth0 address %s netns %s",
			q.Vif, backendMAC, frontendMAC, q.Path()),
		"link set "+q.Vif+" group 2",
	)
	if err != nil {
		return err
	}
	if err = q.ip("link set eth0 group 1"); err != nil {
		return err
	}
	if n.conf.NoOffload {
		if err = up.offloadOff(q.Vif); err != nil {
			return err
		}
		if err = q.offloadOff("eth0"); err != nil {
			return err
		}
	}
	if !n.conf.NoFirewall {
		if err = up.admit(q); err != nil {
			return err
		}
	}
	if err = up.routeTo(q); err != nil {
		return err
	}
	if err = q.setupIP(); err != nil {
		return err
	}
	return n.routesBack(q)
}

// routeTo is Qubes' vif-route-qubes: it makes q reachable from its netvm.
func (q *Qube) routeTo(client *Qube) error {
	if err := q.Sysctl("ipv4/conf/"+client.Vif+"/proxy_arp", "1"); err != nil {
		return err
	}
	lines := []string{"link set " + client.Vif + " up"}
	for _, a := range client.addrs() {
		if a.Is6() {
			if err := q.Sysctl("ipv6/conf/"+client.Vif+"/disable_ipv6", "0"); err != nil {
				return err
			}
		}
		own := q.sameFamily(a)
		lines = append(lines,
			// The newest vif of an address wins.
			fmt.Sprintf("route add %v dev %s scope link metric %d", a, client.Vif, 32752-client.DomID),
			fmt.Sprintf("neigh replace to %v dev %s lladdr %s nud permanent", a, client.Vif, frontendMAC),
			fmt.Sprintf("addr add %s dev %s", host(own), client.Vif),
		)
	}
	return q.ip(lines...)
}

// setupIP is Qubes' setup-ip: the qube's own side of the cable. R4.2 has a
// permanent entry for the IPv4 gateway too; here the qube asks with ARP, as
// qubes of R4.1 and Windows do, so that vifs carry frames that are not IP.
func (q *Qube) setupIP() error {
	lines := []string{"link set eth0 up"}
	for _, a := range q.addrs() {
		if a.Is6() {
			if err := q.Sysctl("ipv6/conf/eth0/disable_ipv6", "0"); err != nil {
				return err
			}
		}
		gw := q.netvm.sameFamily(a)
		lines = append(lines,
			fmt.Sprintf("addr add %s dev eth0", host(a)),
			fmt.Sprintf("route add default via %v dev eth0 onlink", gw),
		)
		if a.Is6() {
			// Without link-local addresses a router cannot ask for a
			// neighbour on behalf of others.
			lines = append(lines, fmt.Sprintf("neigh replace to %v dev eth0 lladdr %s nud permanent", gw, backendMAC))
		}
	}
	return q.ip(lines...)
}

// routesBack makes q reachable from above its netvm, if there is no masquerading.
func (n *Network) routesBack(q *Qube) error {
	if !n.conf.NoFirewall {
		return nil
	}
	for hop := q.netvm; hop.netvm != nil; hop = hop.netvm {
		for _, a := range q.addrs() {
			err := hop.netvm.ip(fmt.Sprintf("route replace %v via %v dev %s onlink", a, hop.sameFamily(a), hop.Vif))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// unplug removes the cable of q, and its routes and addresses with it.
func (n *Network) unplug(q *Qube) error {
	if !n.conf.NoFirewall {
		if err := q.netvm.expel(q); err != nil {
			return err
		}
	}
	return q.netvm.ip("link del " + q.Vif)
}

// addrs returns the addresses that q has.
func (q *Qube) addrs() []netip.Addr {
	if q.IP6.IsValid() {
		return []netip.Addr{q.IP, q.IP6}
	}
	return []netip.Addr{q.IP}
}

// sameFamily returns q's address of the family of a.
func (q *Qube) sameFamily(a netip.Addr) netip.Addr {
	if a.Is4() {
		return q.IP
	}
	return q.IP6
}

// host writes an address as a prefix of itself alone.
func host(a netip.Addr) string {
	if a.Is4() {
		return a.String() + "/32"
	}
	return a.String() + "/128 nodad"
}

// dashed writes an address as Qubes writes it in chain names.
func dashed(a netip.Addr) string {
	return strings.NewReplacer(".", "-", ":", "-").Replace(a.String())
}
