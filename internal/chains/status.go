package chains

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Facts is what State does not show.
type Facts struct {
	Listens bool // somebody listens at the resolver's port
	Reads   bool // somebody reads the NFLOG group

	// Name returns the qube that the inventory has for an address, "" for none. It
	// is nil where there is no inventory, and Why says why.
	Name func(netip.Addr) string
	Why  string
	// Domain returns the address that the inventory has for a vif, none where it has
	// no domain ids or does not know that one.
	Domain func(vif string) []netip.Addr
	// Connected are the clients that QubesDB lists (/connected-ips). They include
	// those that do not run, and have the address that net.fake-ip shows. Nil where
	// QubesDB cannot be read.
	Connected []netip.Addr
}

// Finding is one line of a status.
type Finding struct {
	Good bool
	Text string
}

// Status says in plain words what is in force, what Qubes has made of it and what
// goes around it.
func Status(s *State, cfg Config, f Facts) (list []Finding) {
	say := func(good bool, format string, args ...any) {
		list = append(list, Finding{good, fmt.Sprintf(format, args...)})
	}
	plan, err := Make(s, cfg)
	if err != nil {
		say(false, "%v", err)
		return list
	}
	for _, step := range plan {
		say(step.Action == "keep", "%s: %s", step.Name, map[string]string{"keep": step.About, "add": "missing; with it, " + step.About,
			"replace": "not as the configuration wants it", "remove": "left over: the configuration does not ask for it"}[step.Action])
	}
	s.resolverStatus(cfg, f, say)
	s.firewallStatus(cfg, f, say)
	s.clientStatus(f, say)
	return list
}

type sayer func(good bool, format string, args ...any)

func (s *State) resolverStatus(cfg Config, f Facts, say sayer) {
	if cfg.ResolverPort == 0 {
		return
	}
	if s.exists(DNSChain) {
		say(f.Listens, "DNS of the clients: %d connections redirected so far; port %d %s", s.count(DNSChain), cfg.ResolverPort,
			map[bool]string{true: "is served", false: "is not served: their DNS ends here"}[f.Listens])
	}
	if s.chains["ip qubes dnat-dns"] {
		say(true, "dnat-dns, which Qubes rebuilds with every uplink, is there and comes after our redirection")
	}
	say(true, "not redirected: DNS to other servers, over TLS, HTTPS or QUIC. The beat tells of them (event.action dns-bypass)")
	if slices.ContainsFunc(s.Clients(), func(c Client) bool { return c.Addr.Is6() }) {
		say(true, "clients have IPv6; their DNS goes over IPv4 all the same, for Qubes has no magic address in IPv6")
	}
}

func (s *State) firewallStatus(cfg Config, f Facts, say sayer) {
	if !s.tables["ip qubes-firewall"] {
		say(false, "the table qubes-firewall is missing: the rules of qvm-firewall are NOT in force (systemctl status qubes-firewall)")
	}
	if !s.chains["ip qubes antispoof"] {
		say(false, "the chain antispoof is missing: clients can send from addresses of others (systemctl status qubes-antispoof)")
	}
	if cfg.NFLogGroup != 0 && s.exists(Table) {
		say(f.Reads, "NFLOG group %d %s", cfg.NFLogGroup, map[bool]string{true: "is read", false: "has no reader: does the beat run, with CAP_NET_ADMIN?"}[f.Reads])
		if n := s.counts["inet "+Table+" over_rate"]; n > 0 {
			say(false, "%d new connections came faster than they are logged (500 a second for each qube)", n)
		}
	}
	if s.tables["inet qubes-nat-accel"] {
		say(true, "Qubes offloads flows (qubes-nat-accel): nft counters miss packets, the capture on the vifs does not")
	}
}

// clientStatus compares who may send with who is known.
func (s *State) clientStatus(f Facts, say sayer) {
	clients := s.Clients()
	if f.Name == nil {
		say(false, "no inventory, so that %d client addresses have no name: %s (docs/inventory.md)", len(clients), f.Why)
		return
	}
	var nameless []string
	for _, c := range clients {
		switch known := f.Domain(c.Vif); {
		case len(known) > 0 && !slices.Contains(known, c.Addr):
			say(false, "%s: Qubes lets %v in, the inventory says %v: dom0's push is late, or of another time", c.Vif, c.Addr, known)
		case f.Name(c.Addr) == "":
			nameless = append(nameless, fmt.Sprintf("%v (%s)", c.Addr, c.Vif))
		}
	}
	if len(nameless) > 0 {
		say(false, "without a name in the inventory: %s", strings.Join(nameless, ", "))
	}
	for _, a := range f.Connected {
		if f.Name(a) == "" {
			say(true, "QubesDB lists %v, the inventory does not: a fake address (net.fake-ip), or a push that is to come", a)
		}
	}
	say(len(nameless) == 0, "%d of %d client addresses have a name", len(clients)-len(nameless), len(clients))
}
