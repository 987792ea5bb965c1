package pcapfilter

// keyword returns the canonical spelling of a keyword of the language.
func keyword(s string) (string, bool) {
	switch s {
	case "link", "ether", "ppp", "slip", "fddi", "tr", "wlan":
		return "link", true
	case "es-is":
		return "esis", true
	case "is-is":
		return "isis", true
	case "length":
		return "len", true
	case "direction":
		return "dir", true
	case "ifname":
		return "on", true
	case "ruleset":
		return "rset", true
	case "rulenum":
		return "rnr", true
	case "subrulenum":
		return "srnr", true
	case "address1", "address2", "address3", "address4":
		return "addr" + s[7:], true
	case "and", "or", "not",
		"dst", "src", "host", "net", "mask", "port", "portrange", "proto", "protochain", "gateway",
		"less", "greater", "byte", "broadcast", "multicast", "len", "inbound", "outbound", "ifindex",
		"vlan", "mpls", "pppoed", "pppoes":
		return s, true
	}
	return s, isProtocol(s) || foreign(s) != ""
}

// isProtocol reports whether a keyword is a protocol: it may come before host, net,
// port and proto, or without any of them.
func isProtocol(s string) bool {
	switch s {
	case "link", "ip", "ip6", "arp", "rarp", "sctp", "tcp", "udp", "icmp", "icmp6", "igmp", "igrp", "pim", "vrrp",
		"carp", "ah", "esp", "atalk", "aarp", "decnet", "lat", "sca", "moprc", "mopdl", "iso", "esis", "isis",
		"l1", "l2", "iih", "lsp", "snp", "csnp", "psnp", "clnp", "stp", "ipx", "netbeui", "radio":
		return true
	}
	return false
}

// foreign returns what a keyword that this package refuses is about, or "".
func foreign(s string) string {
	switch s {
	case "type", "subtype", "dir", "addr1", "addr2", "addr3", "addr4", "ra", "ta":
		return "802.11 frames"
	case "lane", "metac", "bcc", "oam", "oamf4", "oamf4ec", "oamf4sc", "sc", "ilmic", "vpi", "vci",
		"connectmsg", "metaconnect":
		return "ATM"
	case "fisu", "lssu", "lsu", "msu", "hfisu", "hlssu", "hmsu", "sio", "opc", "dpc", "sls",
		"hsio", "hopc", "hdpc", "hsls":
		return "SS7"
	case "on", "rset", "rnr", "srnr", "reason", "action":
		return "the pf log of OpenBSD"
	case "llc":
		return "802.2 frames by kind"
	case "geneve", "vxlan", "batadv":
		return "tunnels of variable header length"
	}
	return ""
}

// constants are the named field offsets and field values. It is never changed.
var constants = map[string]uint32{
	"icmptype": 0, "icmpcode": 1, "icmp6type": 0, "icmp6code": 1, "tcpflags": 13,
	"tcp-fin": 1, "tcp-syn": 2, "tcp-rst": 4, "tcp-push": 8,
	"tcp-ack": 0x10, "tcp-urg": 0x20, "tcp-ece": 0x40, "tcp-cwr": 0x80,

	"icmp-echoreply": 0, "icmp-unreach": 3, "icmp-sourcequench": 4, "icmp-redirect": 5, "icmp-echo": 8,
	"icmp-routeradvert": 9, "icmp-routersolicit": 10, "icmp-timxceed": 11, "icmp-paramprob": 12,
	"icmp-tstamp": 13, "icmp-tstampreply": 14, "icmp-ireq": 15, "icmp-ireqreply": 16,
	"icmp-maskreq": 17, "icmp-maskreply": 18,

	"icmp6-destinationunreach": 1, "icmp6-packettoobig": 2, "icmp6-timeexceeded": 3, "icmp6-parameterproblem": 4,
	"icmp6-echo": 128, "icmp6-echoreply": 129, "icmp6-multicastlistenerquery": 130,
	"icmp6-multicastlistenerreportv1": 131, "icmp6-multicastlistenerdone": 132, "icmp6-routersolicit": 133,
	"icmp6-routeradvert": 134, "icmp6-neighborsolicit": 135, "icmp6-neighboradvert": 136, "icmp6-redirect": 137,
	"icmp6-routerrenum": 138, "icmp6-nodeinformationquery": 139, "icmp6-nodeinformationresponse": 140,
	"icmp6-ineighbordiscoverysolicit": 141, "icmp6-ineighbordiscoveryadvert": 142,
	"icmp6-multicastlistenerreportv2": 143, "icmp6-homeagentdiscoveryrequest": 144,
	"icmp6-homeagentdiscoveryreply": 145, "icmp6-mobileprefixsolicit": 146, "icmp6-mobileprefixadvert": 147,
	"icmp6-certpathsolicit": 148, "icmp6-certpathadvert": 149, "icmp6-multicastrouteradvert": 151,
	"icmp6-multicastroutersolicit": 152, "icmp6-multicastrouterterm": 153,
}
