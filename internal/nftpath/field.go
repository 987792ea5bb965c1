package nftpath

import (
	"slices"
	"strings"
)

// value returns what is known of the left side of a condition.
func (w *walk) value(e any) value {
	m, ok := e.(map[string]any)
	if !ok {
		return value{}
	}
	for kind, arg := range m { // it has one member
		switch kind {
		case "meta":
			return w.p.meta(word(arg, "key"))
		case "payload":
			return w.p.payload(arg)
		case "ct":
			return w.p.connection(word(arg, "key"), word(arg, "dir"))
		case "fib":
			return w.p.route(arg)
		case "concat":
			return w.tuple(list(arg))
		case "&":
			return w.and(list(arg))
		case "ip option", "exthdr":
			return value{kind: absent}
		}
	}
	return value{}
}

// word returns a member of an object that is a string.
func word(e any, key string) string {
	m, _ := e.(map[string]any)
	s, _ := m[key].(string)
	return s
}

func (w *walk) tuple(parts []any) value {
	v := value{kind: tuple}
	for _, p := range parts {
		one := w.value(p)
		if one.kind == absent {
			return one
		}
		v.parts = append(v.parts, one)
	}
	return v
}

// and returns the bits or flags that a mask leaves.
func (w *walk) and(operands []any) value {
	if len(operands) != 2 {
		return value{}
	}
	v := w.value(operands[0])
	if v.kind == absent {
		return v
	}
	switch mask := unfold(operands[1]).(type) {
	case float64:
		if v.kind == number && v.lo == v.hi {
			return exactly(v.lo & uint64(mask))
		}
		if isFragment(operands[0]) && uint64(mask)&^0x3fff == 0 { // without "do not fragment"
			return exactly(0)
		}
	case []any, string:
		if v.kind != flags || v.others {
			return value{}
		}
		words := list(mask)
		return flagged(slices.DeleteFunc(slices.Clone(v.names), func(n string) bool { return !slices.Contains(words, any(n)) })...)
	}
	return value{}
}

// isFragment reports whether e is the field of the offset of a fragment, which a query
// is not.
func isFragment(e any) bool {
	m, _ := e.(map[string]any)
	return word(m["payload"], "protocol") == "ip" && word(m["payload"], "field") == "frag-off"
}

// meta returns a value of the kernel's about the packet.
func (p *packet) meta(key string) value {
	switch key {
	case "iifname", "iif":
		return named(p.in)
	case "oifname", "oif":
		return named(p.out)
	case "iifgroup":
		return group(p.in)
	case "oifgroup":
		return group(p.out)
	case "l4proto":
		return p.protocol()
	case "nfproto":
		return exactly(2, "ipv4")
	case "protocol":
		return exactly(0x0800, "ip")
	case "mark":
		return p.mark
	case "pkttype":
		if p.in != "" {
			return exactly(0, "host", "unicast")
		}
	case "length":
		return between(28, 65535)
	}
	return value{}
}

// clientGroup is the group of the clients' interfaces (qubes-core-agent-linux,
// network/vif-route-qubes).
const clientGroup = 2

func group(iface string) value {
	if iface == "" {
		return value{kind: absent}
	}
	return exactly(clientGroup)
}

func (p *packet) protocol() value {
	if p.tcp {
		return exactly(6, "tcp")
	}
	return exactly(17, "udp")
}

// payload returns a field of a header.
func (p *packet) payload(e any) value {
	m, _ := e.(map[string]any)
	if base, ok := m["base"].(string); ok {
		return p.bytes(base, m["offset"], m["len"])
	}
	field := word(e, "field")
	switch word(e, "protocol") {
	case "ip":
		return p.ip(field)
	case "udp":
		if p.tcp {
			return value{kind: absent}
		}
		return p.transport(field)
	case "tcp":
		if !p.tcp {
			return value{kind: absent}
		}
		return p.transport(field)
	case "th":
		return p.transport(field)
	case "ether":
		return value{}
	}
	return value{kind: absent} // another protocol
}

func (p *packet) ip(field string) value {
	switch field {
	case "saddr":
		return p.src
	case "daddr":
		return p.dst
	case "protocol":
		return p.protocol()
	case "version":
		return exactly(4)
	case "hdrlength":
		return exactly(5)
	case "length":
		return between(28, 65535)
	case "ttl":
		return between(1, 255)
	case "dscp":
		return between(0, 63)
	}
	return value{}
}

func (p *packet) transport(field string) value {
	switch field {
	case "sport":
		return p.sport
	case "dport":
		return p.dport
	case "length":
		return between(8, 65515)
	case "flags":
		return p.flags
	}
	return value{}
}

// bytes returns the bits at an offset of a header, if they are a field that is known.
func (p *packet) bytes(base string, offset, length any) value {
	from, _, okFrom := bounds(offset, offset)
	n, _, okLength := bounds(length, length)
	if !okFrom || !okLength {
		return value{}
	}
	switch [2]uint64{from, n} {
	case [2]uint64{0, 16}:
		if base == "th" {
			return p.sport
		}
	case [2]uint64{16, 16}:
		if base == "th" {
			return p.dport
		}
	case [2]uint64{72, 8}:
		if base == "nh" {
			return p.protocol()
		}
	}
	return value{}
}

// connection returns a value of the connection. Without one, only the state has a value.
func (p *packet) connection(key, dir string) value {
	if key == "state" {
		return p.state
	}
	if p.conn == nil {
		return value{kind: absent}
	}
	reverse := dir == "reply"
	switch strings.TrimPrefix(key, "ip ") {
	case "direction":
		return exactly(p.direction, directions[p.direction])
	case "status":
		return statusOf(p.conn.translated)
	case "mark":
		return p.conn.mark
	case "zone":
		return exactly(0)
	case "l3proto":
		return exactly(2, "ipv4")
	case "protocol":
		return p.protocol()
	case "saddr":
		return pick(reverse, value{}, p.conn.src)
	case "daddr":
		return pick(reverse, p.conn.src, p.conn.dst)
	case "proto-src":
		return pick(reverse, value{}, between(1, 65535))
	case "proto-dst":
		return pick(reverse, value{}, exactly(53))
	}
	return value{}
}

func pick(second bool, a, b value) value {
	if second {
		return a
	}
	return b
}

// statusOf returns the flags of a connection's status. Whether its destination was
// translated is known, the others are not.
func statusOf(translated bool) value {
	if translated {
		return value{kind: flags, names: []string{"dnat"}, others: true}
	}
	return value{kind: flags, others: true, lacks: "dnat"}
}

// route returns what the routing says of an address: the client's is known, and a local
// one is.
func (p *packet) route(e any) value {
	m, _ := e.(map[string]any)
	toSource := slices.Contains(list(m["flags"]), any("saddr"))
	switch m["result"] {
	case "type":
		switch {
		case toSource == (p.direction == original):
			return exactly(1, "unicast")
		case p.arrived:
			return exactly(2, "local")
		}
		return exactly(1, "unicast")
	case "oif", "oifname":
		if toSource && p.in != "" {
			return named(p.in)
		}
	}
	return value{}
}
