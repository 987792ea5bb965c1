package blocky

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Result is a translated configuration.
type Result struct {
	// YAML is a file for qubesbeat with a section `resolver`.
	YAML []byte
	// Warnings name the keys without a counterpart, and what should be reviewed.
	Warnings []string
}

// converter translates one configuration.
type converter struct {
	*tree
	out      map[string]any
	warnings []string
	policies []map[string]any
	clients  map[string][]string // addresses by the client's name
}

func (c *converter) warn(format string, args ...any) {
	c.warnings = append(c.warnings, fmt.Sprintf(format, args...))
}

// Convert translates a configuration of blocky, of any version up to 0.34. The
// error is not nil if text is not YAML, or empty.
func Convert(text []byte) (*Result, error) {
	c := &converter{tree: &tree{used: map[string]bool{}}, out: map[string]any{}, clients: map[string][]string{}}
	if err := yaml.Unmarshal(text, &c.root); err != nil {
		return nil, fmt.Errorf("reading the configuration of blocky: %w", err)
	}
	if len(c.root) == 0 {
		return nil, errors.New("reading the configuration of blocky: it is empty")
	}
	names, m := c.section("clientLookup.clients")
	for _, n := range names {
		c.clients[n] = texts(m[n])
	}
	c.ports()
	c.upstreams()
	c.local()
	c.blocking()
	c.caching()
	c.protocol()
	c.logging()
	if len(c.policies) > 0 {
		c.out["policies"] = c.policies
	}
	c.warnUnused()
	data, err := yaml.Marshal(map[string]any{"qubesbeat": map[string]any{"resolver": c.out}})
	if err != nil {
		return nil, fmt.Errorf("writing the configuration: %w", err)
	}
	return &Result{YAML: data, Warnings: c.warnings}, nil
}

// set sets a dotted key of the result, unless v is nil or an empty text.
func (c *converter) set(path string, v any) {
	if v == nil || v == "" {
		return
	}
	keys := strings.Split(path, ".")
	m := c.out
	for _, k := range keys[:len(keys)-1] {
		inner, ok := m[k].(map[string]any)
		if !ok {
			inner = map[string]any{}
			m[k] = inner
		}
		m = inner
	}
	m[keys[len(keys)-1]] = v
}

// ports translates the addresses to listen on. Port 53 becomes 5353, to which the
// rules of `qubesbeat qubes apply` redirect queries.
func (c *converter) ports() {
	listen := texts(c.first("ports.dns", "port"))
	if len(listen) == 0 {
		listen = []string{"53"}
	}
	var out []string
	for _, l := range listen {
		host, port, ok := cutLast(l, ":")
		if !ok {
			host, port = "", l
		}
		if host == "" || host == "0.0.0.0" {
			host = "0.0.0.0"
		}
		if port == "53" {
			port = "5353"
			c.warn("ports.dns: port 53 became 5353; docs/resolver.md has the redirection that brings the qubes' queries there")
		}
		out = append(out, host+":"+port)
	}
	c.set("listen", out)
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// upstreams translates the groups. In blocky the name of a group is the client
// that it is for.
func (c *converter) upstreams() {
	names, groups := c.section("upstreams.groups", "upstream")
	for i, n := range names {
		servers := c.servers("upstreams.groups."+n, groups[n])
		if n == "default" {
			c.set("upstreams.default", servers)
			continue
		}
		own := fmt.Sprintf("group%d", i+1)
		c.set("upstreams."+own, servers)
		p := c.selectors(n)
		p["upstream"] = own
		c.policies = append(c.policies, p)
	}
	c.set("strategy", c.text("upstreams.strategy"))
	c.set("timeout", c.duration("upstreams.timeout", "upstreamTimeout"))
	if s := c.text("upstreams.init.strategy", "startVerifyUpstream"); s != "" && s != "fast" {
		c.warn("upstreams.init.strategy: upstreams are not tested at the start, but by the first query")
	}
	if v := c.get("bootstrapDns"); v != nil {
		c.bootstrap(v)
	}
}

func (c *converter) bootstrap(v any) {
	if list, ok := v.([]any); ok {
		var out []string
		for _, one := range list {
			m, ok := one.(map[string]any)
			if !ok {
				out = append(out, c.servers("bootstrapDns", one)...)
				continue
			}
			for _, s := range c.servers("bootstrapDns", m["upstream"]) {
				out = append(out, withAddresses(s, texts(m["ips"]))...)
			}
		}
		c.set("bootstrap", out)
		return
	}
	c.set("bootstrap", c.servers("bootstrapDns", v))
}

// withAddresses returns a server once for each address, with its name as the name
// in the certificate. Without addresses it returns the server unchanged.
func withAddresses(server string, ips []string) (out []string) {
	if len(ips) == 0 {
		return []string{server}
	}
	proto, rest, _ := strings.Cut(server, "://")
	rest, cn, _ := strings.Cut(rest, "#")
	end := strings.IndexAny(rest, ":/")
	if end < 0 {
		end = len(rest)
	}
	if cn == "" {
		cn = rest[:end]
	}
	for _, ip := range ips {
		if a, err := netip.ParseAddr(ip); err == nil && a.Is6() {
			ip = "[" + ip + "]"
		}
		out = append(out, proto+"://"+ip+rest[end:]+"#"+cn)
	}
	return out
}

var protocols = map[string]string{"tcp+udp": "udp", "udp": "udp", "tcp": "tcp", "tcp-tls": "tls", "https": "https"}

// servers translates addresses of the form [net:]host[:port][/path][#name].
func (c *converter) servers(key string, v any) (out []string) {
	for _, s := range texts(v) {
		if strings.HasPrefix(s, "sdns://") || strings.HasPrefix(s, "quic:") {
			c.warn("%s: %s: DNS stamps and QUIC are not supported; write the server as tls:// or https://", key, s)
			continue
		}
		proto, rest := "udp", s
		if net, after, ok := strings.Cut(s, ":"); ok && protocols[net] != "" {
			proto, rest = protocols[net], strings.TrimPrefix(after, "//")
		}
		out = append(out, proto+"://"+rest)
	}
	return out
}

// selectors translates a client of blocky: names, patterns, addresses and networks,
// separated by commas.
func (c *converter) selectors(client string) map[string]any {
	p := map[string]any{}
	add := func(key, value string) {
		list, _ := p[key].([]string)
		if !slices.Contains(list, value) {
			p[key] = append(list, value)
		}
	}
	for one := range strings.SplitSeq(client, ",") {
		one = strings.TrimSpace(one)
		_, notNet := netip.ParsePrefix(one)
		_, notAddr := netip.ParseAddr(one)
		switch {
		case one == "default":
		case notNet == nil || notAddr == nil:
			add("addresses", one)
		default:
			add("qubes", one)
			for _, ip := range c.clients[one] {
				add("addresses", ip)
			}
		}
	}
	return p
}
