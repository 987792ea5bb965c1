package nftrules

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/nftpath"
)

// magicDNS are the addresses of the DNS servers of every qube.
var magicDNS = [...]string{"10.139.1.1", "10.139.1.2"}

// vifGroup is the group of the interfaces of clients.
const vifGroup = 2

// addPath follows a query of each client through all rules of the machine, those of
// other programs too: some stand before ours, and some drop what ours let in.
func (l *findings) addPath(s *State, cfg Config) {
	if cfg.ResolverPort == 0 || !s.exists(DNSChain) {
		return
	}
	clients, all, told := 0, true, map[string]bool{}
	for _, c := range s.Clients() {
		if !c.Addr.Is4() {
			continue
		}
		clients++
		for _, text := range s.pathFaults(c, cfg.ResolverPort) {
			all = false
			if where, _, _ := strings.Cut(text.Text, "; "); !told[where] { // the same rule for every client
				told[where] = true
				*l = append(*l, text)
			}
		}
	}
	if clients > 0 && all {
		l.good("queries of all %d clients reach port %d through every rule of this machine (followed, not sent)", clients, cfg.ResolverPort)
	}
}

// pathFaults returns what keeps the queries of a client from the resolver.
func (s *State) pathFaults(c Client, port uint16) (list []Finding) {
	for _, server := range magicDNS {
		for _, proto := range [...]string{"udp", "tcp"} {
			p := nftpath.Packet{Iface: c.Vif, Group: vifGroup, Src: c.Addr, Dst: netip.MustParseAddr(server), Proto: proto, DstPort: 53}
			if f, bad := pathFault(s.path.Trace(p), port); bad {
				f.Text += fmt.Sprintf("; seen for %s of %v (%s) to %s", strings.ToUpper(proto), c.Addr, c.Vif, server)
				list = append(list, f)
			}
		}
	}
	return list
}

// pathFault says what is wrong with the end of a query's path.
func pathFault(r nftpath.Result, port uint16) (f Finding, bad bool) {
	switch r.Outcome {
	case nftpath.Delivered:
		if r.Port == port {
			return f, false
		}
		f.Text = fmt.Sprintf("DNS of the clients goes to port %d of this machine, not to the resolver at %d", r.Port, port)
	case nftpath.Elsewhere:
		f.Text = fmt.Sprintf("%s takes the clients' DNS before our redirection: lists and query log are without effect", r.Rule)
	case nftpath.Dropped:
		f.Text = fmt.Sprintf("%s drops the clients' DNS before it reaches the resolver", r.Rule)
	case nftpath.Forwarded:
		f.Text = "the clients' DNS is not redirected"
	default:
		f.Text, f.Unknown = fmt.Sprintf("%s may take or drop the clients' DNS: it has a condition that cannot be evaluated here", r.Rule), true
	}
	return f, true
}
