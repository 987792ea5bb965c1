package blocky

import (
	"net"
	"net/netip"
	"regexp"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/upstream"
)

// protocols are the prefixes of servers.
var protocols = []struct{ prefix, scheme string }{
	{"tcp+udp:", "udp"}, {"udp:", "udp"}, {"tcp:", "tcp"}, {"tcp-tls:", "tls"}, {"https:", "https"},
}

// unsupported are the prefixes of servers that cannot be asked here.
var unsupported = []string{"sdns:", "quic:", "h3:", "https3:", "dnscrypt:"}

// hostName is what blocky takes for the name of a host.
var hostName = regexp.MustCompile(`^([a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?\.)*[a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?\.?$`)

// server is the address of a server in parts.
type server struct {
	scheme, host, port, path string
	name                     string // in the certificate; "" for the host
}

// String returns the address as the resolver reads it.
func (s *server) String() string {
	text := s.scheme + "://"
	switch a, err := netip.ParseAddr(s.host); {
	case err == nil && a.Is6():
		text += "[" + strings.Replace(s.host, "%", "%25", 1) + "]"
	default:
		text += s.host
	}
	if s.port != "" {
		text += ":" + s.port
	}
	text += s.path
	if s.name != "" {
		text += "#" + s.name
	}
	return text
}

// isName reports whether the server is given by name.
func (s *server) isName() bool { return net.ParseIP(s.host) == nil && !strings.Contains(s.host, ":") }

// servers translates servers of the form [net:]host[:port][/path][#name], and reports
// those that cannot be asked.
func (c *converter) servers(n *node) (list []string) {
	for _, one := range n.texts() {
		if s := c.server(one); s != nil {
			list = append(list, s.String())
			if s.isName() {
				c.named = append(c.named, s.host)
			}
		}
	}
	return list
}

// server translates one server, nil if it cannot be asked.
func (c *converter) server(n *node) *server {
	for _, p := range unsupported {
		if strings.HasPrefix(strings.ToLower(n.text), p) {
			c.warn(n, "%s: left out, and not asked: DNS stamps, QUIC and HTTP/3 are not supported; "+
				"write the same server as tcp-tls: or https:", n.text)
			return nil
		}
	}
	s := c.split(n)
	if s == nil {
		return nil
	}
	if err := c.note(s); err != nil {
		c.warn(n, "left out, and not asked: %v", err)
		return nil
	}
	return s
}

// note notes a server, unless the resolver cannot read its address.
func (c *converter) note(s *server) error {
	a, err := upstream.Parse(s.String())
	if err == nil && a.Proto < upstream.TLS && a.IP.IsLoopback() {
		c.asked = append(c.asked, netip.AddrPortFrom(a.IP, a.Port))
	}
	return err
}

// split takes the address of a server apart, nil if it is none.
func (c *converter) split(n *node) *server {
	s := &server{scheme: "udp"}
	rest, name, _ := strings.Cut(n.text, "#")
	for _, p := range protocols {
		if after, ok := strings.CutPrefix(rest, p.prefix); ok {
			s.scheme, rest = p.scheme, strings.TrimPrefix(after, "//")
			break
		}
	}
	if strings.Contains(rest, "://") {
		c.warn(n, "%q: left out, and not asked: blocky knows no such protocol; write tcp-tls: for DNS over TLS", n.text)
		return nil
	}
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		rest, s.path = rest[:i], rest[i:]
	}
	var err error
	if s.host, s.port, err = net.SplitHostPort(rest); err != nil || s.port == "" {
		s.host, s.port = strings.TrimSuffix(strings.TrimPrefix(rest, "["), "]"), ""
	}
	if _, err := netip.ParseAddr(s.host); err != nil && (!hostName.MatchString(s.host) || isName(s.host) != nil) {
		c.warn(n, "%q: left out, and not asked: it is not [net:]host[:port][/path][#name]", n.text)
		return nil
	}
	c.certificate(n, s, name)
	return s
}

// certificate translates what has a meaning for some protocols only.
func (c *converter) certificate(n *node, s *server, name string) {
	if s.scheme != "https" && s.path != "" {
		c.warn(n, "%q: the path is ignored, as in blocky: only https has one", n.text)
		s.path = ""
	}
	if s.scheme == "https" && s.path == "" {
		c.warn(n, "%q: it has no path; /dns-query is asked", n.text)
	}
	if s.name = name; name != "" && (s.scheme == "udp" || s.scheme == "tcp") {
		c.warn(n, "%q: the name is ignored, as in blocky: the server has no certificate and is asked in clear text; "+
			"write tcp-tls: to have it checked", n.text)
		s.name = ""
	}
}
