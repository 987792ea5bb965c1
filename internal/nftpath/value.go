package nftpath

import "encoding/json"

// value returns the value of an expression for the packet. ok is false if it is not known.
func (w *walk) value(raw json.RawMessage) (v value, ok bool) {
	var e struct {
		Meta    *struct{ Key string }
		Payload *struct{ Protocol, Field string }
		CT      *struct{ Key string }
		FIB     *struct {
			Result string
			Flags  json.RawMessage
		}
	}
	if json.Unmarshal(raw, &e) != nil {
		return v, false
	}
	switch {
	case e.Meta != nil:
		return w.meta(e.Meta.Key)
	case e.Payload != nil:
		return w.payload(e.Payload.Protocol, e.Payload.Field)
	case e.CT != nil && e.CT.Key == "state":
		return value{text: "new", isText: true}, true
	case e.CT != nil && e.CT.Key == "status":
		return v, false
	}
	return v, false
}

func (w *walk) meta(key string) (v value, ok bool) {
	p := &w.packet
	switch key {
	case "iifname", "iif":
		return value{text: p.Iface, isText: true}, true
	case "iifgroup":
		return value{number: int64(p.Group)}, true
	case "oifname", "oif": // of a packet for this machine
		return value{text: "", isText: true}, true
	case "l4proto":
		return value{number: p.proto(), text: p.Proto}, true
	case "nfproto":
		return value{number: 2, text: "ipv4"}, true
	case "protocol":
		return value{number: 0x800, text: "ip"}, true
	case "mark":
		return value{number: p.mark}, !p.anyMark
	}
	return v, false
}

func (w *walk) payload(protocol, field string) (v value, ok bool) {
	p := &w.packet
	switch protocol + " " + field {
	case "ip saddr":
		return value{addr: p.Src}, true
	case "ip daddr":
		return value{addr: p.Dst}, !p.local
	case "ip protocol":
		return value{number: p.proto(), text: p.Proto}, true
	case "ip version":
		return value{number: 4}, true
	case "th dport":
		return value{number: int64(p.DstPort)}, true
	case "udp dport", "tcp dport":
		return value{number: int64(p.DstPort)}, protocol == p.Proto
	}
	return v, false
}

// foreign reports whether a match is about another protocol than the packet's, so
// that no packet like it matches: nft adds that condition without printing it.
func (w *walk) foreign(raw json.RawMessage) bool {
	var m struct{ Left json.RawMessage }
	return json.Unmarshal(raw, &m) == nil && w.isForeign(m.Left)
}

// isForeign reports whether an expression is a field of another protocol's header.
func (w *walk) isForeign(expr json.RawMessage) bool {
	for _, part := range concat(expr) {
		if w.isForeign(part) {
			return true
		}
	}
	var e struct{ Payload *struct{ Protocol string } }
	if json.Unmarshal(expr, &e) != nil || e.Payload == nil {
		return false
	}
	switch e.Payload.Protocol {
	case "udp", "tcp", "icmp", "icmpv6", "sctp", "dccp", "udplite", "esp", "ah", "comp", "igmp":
		return e.Payload.Protocol != w.packet.Proto
	case "ip6", "arp", "vlan":
		return true
	}
	return false
}
