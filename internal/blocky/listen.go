package blocky

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// listenKeys are the keys of the addresses to serve, the newest first.
var listenKeys = []string{"ports.dns", "port"}

// fallback is listened on if no address of the file can be: it reaches no qube, which
// is better than to reach more of them than the file says.
const fallback = "127.0.0.1:5353"

// ports translates the addresses to serve. Port 53 becomes another one, to which the
// rules of `qubesbeat qubes apply` redirect queries.
func (c *converter) ports() {
	n := c.first(listenKeys...)
	if n == nil {
		port := c.freePort(nil)
		c.set("listen", []string{fmt.Sprintf("0.0.0.0:%d", port)})
		c.say("ports.dns", "the file has none; port 53 became %d; %s", port, redirection)
		return
	}
	var out, privileged []string
	for _, one := range n.texts() {
		host, port, ok := c.listener(one)
		switch at := net.JoinHostPort(host, port); {
		case !ok:
		case port != "53" && c.isAsked(host, port):
			c.warn(one, "%q: left out: it is a server that is asked; no client is served there", one.text)
		case port == "53":
			privileged = append(privileged, host)
		case !slices.Contains(out, at):
			out = append(out, at)
		}
	}
	out = uncovered(c.movePort(n, privileged, out))
	if len(out) == 0 {
		out = []string{fallback}
		c.warn(n, "no address can be taken over; the resolver listens on %s, where no qube reaches it; set resolver.listen", fallback)
	}
	c.set("listen", out)
}

const redirection = "docs/resolver.md has the redirection that brings the qubes' queries there"

// movePort puts listeners of port 53 on a port that no other has, in front of the
// others: the first address is the one that queries are redirected to.
func (c *converter) movePort(n *node, hosts, others []string) []string {
	if len(hosts) == 0 {
		return others
	}
	port := c.freePort(others)
	var out []string
	for _, h := range hosts {
		if at := net.JoinHostPort(h, strconv.Itoa(port)); !slices.Contains(out, at) {
			out = append(out, at)
		}
	}
	c.warn(n, "port 53 became %d; %s", port, redirection)
	return append(out, others...)
}

// freePort returns the first port from 5353 on that neither an address to serve has nor a
// server of this machine that is asked.
func (c *converter) freePort(listen []string) int {
	port := 5353
	taken := func(at string) bool { return strings.HasSuffix(at, ":"+strconv.Itoa(port)) }
	asked := func(at netip.AddrPort) bool { return int(at.Port()) == port }
	for slices.ContainsFunc(listen, taken) || slices.ContainsFunc(c.asked, asked) {
		port++
	}
	return port
}

// isAsked reports whether an address to serve is that of a server that is asked.
func (c *converter) isAsked(host, port string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && slices.ContainsFunc(c.asked, func(at netip.AddrPort) bool {
		covers := a == at.Addr() || a.IsUnspecified() && a.Is4() == at.Addr().Is4()
		return covers && strconv.Itoa(int(at.Port())) == port
	})
}

// uncovered returns the addresses that are not covered by 0.0.0.0 or :: with their port.
func uncovered(list []string) (out []string) {
	for _, at := range list {
		a, _ := netip.ParseAddrPort(at) // they have been checked
		every := netip.IPv4Unspecified()
		if a.Addr().Is6() {
			every = netip.IPv6Unspecified()
		}
		if a.Addr() == every || !slices.Contains(list, netip.AddrPortFrom(every, a.Port()).String()) {
			out = append(out, at)
		}
	}
	return out
}

// listener translates a port, or an address with a port.
func (c *converter) listener(n *node) (host, port string, ok bool) {
	host, port, err := net.SplitHostPort(n.text)
	if err != nil {
		host, port = "", n.text
	}
	if p, err := strconv.ParseUint(port, 10, 16); err != nil || p == 0 {
		c.warn(n, "%q is not a port or ADDRESS:PORT; no client is served there", n.text)
		return "", "", false
	} else if port = strconv.FormatUint(p, 10); host == "" {
		c.warn(n, "%q: served over IPv4 only; add [::]:PORT to resolver.listen to serve IPv6, too", n.text)
		return "0.0.0.0", port, true
	}
	if strings.EqualFold(host, "localhost") {
		return "127.0.0.1", port, true
	}
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" {
		c.warn(n, "%q: %s is not an address; no client is served there; write the address of the interface", n.text, host)
		return "", "", false
	}
	if a = a.Unmap(); a.Is6() && a.IsLinkLocalUnicast() {
		c.warn(n, "%q: %s needs the name of an interface, such as [%s%%eth0]:%s; no client is served there", n.text, host, host, port)
		return "", "", false
	}
	return a.String(), port, true
}
