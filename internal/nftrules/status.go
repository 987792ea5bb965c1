package nftrules

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Facts holds state of the machine that nft does not report.
type Facts struct {
	// Listening reports whether the resolver's port is open.
	Listening bool
	// HasReader reports whether a process reads the NFLOG group.
	HasReader bool
	// Name returns the qube that has an address in the inventory, "" if none has. It is
	// nil if there is no inventory; Why then gives the reason.
	Name func(netip.Addr) string
	Why  string
	// Domain returns the addresses that a vif has in the inventory, nil if the inventory
	// has no domain ids or does not know that one. It is nil if Name is.
	Domain func(vif string) []netip.Addr
	// Connected are the clients that QubesDB lists (/connected-ips), nil if QubesDB
	// cannot be read. They include qubes that are not running, and have the address that
	// net.fake-ip shows.
	Connected []netip.Addr
	// Local returns the address of this machine on a vif, an invalid one if it has none.
	// It may be nil.
	Local func(vif string) netip.Addr
	// Hidden describes what may drop packets and is not in the ruleset of nft.
	Hidden []string
}

// Finding is one line of a status.
type Finding struct {
	Good bool
	// Unknown says that it depends on what cannot be seen. Good is false then.
	Unknown bool
	Text    string
}

// Status describes in plain words which rules are installed, what Qubes has made of
// them and what traffic they do not reach.
func Status(s *State, cfg Config, f Facts) []Finding {
	plan, err := Make(s, cfg)
	if err != nil {
		return []Finding{{Text: err.Error()}}
	}
	var l findings
	way := s.way(cfg, f.Local)
	for _, step := range plan {
		l.addStep(step, way.isFree())
	}
	l.addResolver(s, cfg, f)
	l = append(l, way...)
	l.addHidden(f)
	l.addFirewall(s, cfg, f)
	l.addClients(s, f)
	return l
}

// findings collects the lines of a status.
type findings []Finding

// good adds a line about something that is as it should be.
func (l *findings) good(format string, args ...any) { l.add(true, format, args...) }

// bad adds a line about something to look into.
func (l *findings) bad(format string, args ...any) { l.add(false, format, args...) }

func (l *findings) add(good bool, format string, args ...any) {
	*l = append(*l, Finding{Good: good, Text: fmt.Sprintf(format, args...)})
}

// addStep adds a line about rules of ours. What they do is not claimed unless the
// clients' DNS arrives.
func (l *findings) addStep(step Step, arrives bool) {
	switch step.Action {
	case "keep":
		if arrives || isTable(step.Name) {
			l.good("%s: installed; it %s", step.Name, step.About)
		} else {
			l.good("%s: installed", step.Name)
		}
	case "add":
		l.bad("%s: missing; it %s", step.Name, step.About)
	case "move":
		l.bad("%s: %s; `qubesbeat qubes apply` moves the jump to the front", step.Name, step.About)
	case "replace":
		l.bad("%s: differs from what the configuration selects", step.Name)
	case "remove":
		l.bad("%s: left over, not selected by the configuration", step.Name)
	}
}

func (l *findings) addResolver(s *State, cfg Config, f Facts) {
	if cfg.ResolverPort == 0 {
		return
	}
	if s.exists(DNSChain) {
		state := "is not served: the clients have no DNS"
		if f.Listening {
			state = "is served"
		}
		l.add(f.Listening, "DNS of the clients: %d connections redirected so far; port %d %s", s.count(DNSChain), cfg.ResolverPort, state)
	}
	if s.chains["ip qubes dnat-dns"] && s.exists(DNSChain) {
		l.good("dnat-dns, which Qubes rebuilds with every uplink, comes after our redirection")
	}
	l.good("not redirected: DNS to other servers, and over TLS, HTTPS or QUIC; the beat reports it (event.action: dns-bypass)")
	if slices.ContainsFunc(s.Clients(), func(c Client) bool { return c.Addr.Is6() }) {
		l.good("clients have IPv6 and still use DNS over IPv4, since Qubes has no magic address in IPv6")
	}
}

func (l *findings) addFirewall(s *State, cfg Config, f Facts) {
	if !s.tables["ip qubes-firewall"] {
		l.bad("the table qubes-firewall is missing: the rules of qvm-firewall are NOT enforced (systemctl status qubes-firewall)")
	}
	if !s.chains["ip qubes antispoof"] {
		l.bad("the chain antispoof is missing: clients can use the addresses of others (systemctl status qubes-antispoof)")
	}
	if cfg.NFLogGroup != 0 && s.exists(Table) {
		state := "has no reader: is the beat running, with CAP_NET_ADMIN?"
		if f.HasReader {
			state = "is read"
		}
		l.add(f.HasReader, "NFLOG group %d %s", cfg.NFLogGroup, state)
		if n := s.counts["inet "+Table+" over_rate"]; n > 0 {
			l.bad("%d new connections exceeded the rate at which they are logged (500 per second and qube)", n)
		}
	}
	if s.tables["inet qubes-nat-accel"] {
		l.good("Qubes offloads flows (qubes-nat-accel): nft counters miss packets, the capture on the vifs does not")
	}
}

// addClients compares the addresses that may send with those of the inventory.
func (l *findings) addClients(s *State, f Facts) {
	clients := s.Clients()
	if f.Name == nil {
		l.bad("no inventory, so %d client addresses have no name: %s (docs/inventory.md)", len(clients), f.Why)
		return
	}
	var nameless []string
	for _, c := range clients {
		switch known := f.Domain(c.Vif); {
		case len(known) > 0 && !slices.Contains(known, c.Addr):
			l.bad("%s: Qubes accepts %v, the inventory has %v: dom0's push is late or out of date", c.Vif, c.Addr, known)
		case f.Name(c.Addr) == "":
			nameless = append(nameless, fmt.Sprintf("%v (%s)", c.Addr, c.Vif))
		}
	}
	if len(nameless) > 0 {
		l.bad("without a name in the inventory: %s", strings.Join(nameless, ", "))
	}
	for _, a := range f.Connected {
		if f.Name(a) == "" {
			l.good("QubesDB lists %v, the inventory does not: a fake address (net.fake-ip), or the push is yet to come", a)
		}
	}
	l.add(len(nameless) == 0, "%d of %d client addresses have a name", len(clients)-len(nameless), len(clients))
}
