package verify

import "strings"

// Check is something that is verified, such as that there is no IPv6 beside a tunnel.
type Check uint8

// The checks. A subject is a vif of a qube, or this machine itself.
const (
	ISO1  Check = iota // no packet of a client reaches another
	ISO2               // rules drop traffic between clients
	ISO3               // spoofed sources are dropped
	ISO4               // clients reach nothing in this machine
	ISO5               // qvm-firewall is there for each client
	ISO6               // what passes obeys qvm-firewall
	VPN1               // everything goes to an endpoint
	VPN2               // kill switch
	VPN3               // nothing before the tunnel is up
	VPN4               // no IPv6 beside the tunnel
	VPN5               // no DNS beside the tunnel
	VPN6               // no local network
	VPN7               // what goes to the endpoint is a tunnel
	VPN8               // qvm-firewall allows the endpoint only
	VPN9               // a client's packets are in the tunnel
	VPN10              // the endpoint is the one it was
	TOR1               // only TCP leaves
	TOR2               // no DNS
	TOR3               // destinations are relays
	TOR4               // it is Tor's protocol
	TOR5               // few and stable destinations
	TOR6               // anon qubes are behind a gateway
	TOR7               // nothing without Tor
	DNS1               // the client uses Qubes' resolver only
	DNS2               // this machine asks the wanted upstreams only
	DNS3               // DNS of a tunnel's clients stays inside
	DNS4               // the magic addresses are mapped
	DNS5               // which resolver asks
	EGR1               // the external address
	EGR2               // the external address is a Tor exit
	EGR3               // all traffic leaves by one exit
	SYS1               // this machine is able to judge
	SYS2               // no forwarding before the rules at boot
	checks
)

// Checks is the number of checks.
const Checks = int(checks)

// kind says how a check is decided.
type kind uint8

const (
	byPackets kind = iota // by what the packets show
	byRules               // by rules that were read
	byProbe               // only if the user runs a probe
)

// audience is the set of subjects that a check is about.
type audience uint8

const (
	ofClear audience = 1 << iota // vifs of qubes of which no tunnel is expected
	ofVPN
	ofTor
	ofAnon
	ofMachine // this machine
	ofQubes   = ofClear | ofVPN | ofTor | ofAnon
)

// info is what is known of a check without evidence.
type info struct {
	id, name, category string
	kind               kind
	of                 audience
}

// infos has a row for each check, in their order.
var infos = [Checks]info{
	ISO1:  {"ISO-1", "no packet of the qube reaches another qube", "isolation", byPackets, ofQubes},
	ISO2:  {"ISO-2", "rules drop traffic between qubes", "isolation", byRules, ofMachine},
	ISO3:  {"ISO-3", "spoofed sources are dropped", "isolation", byPackets, ofQubes},
	ISO4:  {"ISO-4", "nothing in this machine is reached but its resolver", "isolation", byPackets, ofQubes},
	ISO5:  {"ISO-5", "the rules of qvm-firewall are loaded for the qube", "isolation", byRules, ofQubes},
	ISO6:  {"ISO-6", "what passes obeys qvm-firewall", "isolation", byPackets, ofQubes},
	VPN1:  {"VPN-1", "everything goes to an endpoint of the tunnel", "vpn", byPackets, ofVPN},
	VPN2:  {"VPN-2", "kill switch: nothing leaves while the tunnel is down", "vpn", byProbe, ofVPN},
	VPN3:  {"VPN-3", "nothing leaves before the tunnel is up", "vpn", byProbe, ofVPN},
	VPN4:  {"VPN-4", "no IPv6 beside the tunnel", "vpn", byPackets, ofVPN},
	VPN5:  {"VPN-5", "no DNS beside the tunnel", "vpn", byPackets, ofVPN},
	VPN6:  {"VPN-6", "no local network beside the tunnel", "vpn", byPackets, ofVPN},
	VPN7:  {"VPN-7", "what goes to the endpoint is a tunnel", "vpn", byPackets, ofVPN},
	VPN8:  {"VPN-8", "qvm-firewall allows the endpoint only", "vpn", byRules, ofVPN},
	VPN9:  {"VPN-9", "the packets of a client are in the tunnel", "vpn", byProbe, ofVPN},
	VPN10: {"VPN-10", "the endpoint is the one it was", "vpn", byPackets, ofVPN},
	TOR1:  {"TOR-1", "only TCP leaves", "tor", byPackets, ofTor},
	TOR2:  {"TOR-2", "no DNS", "tor", byPackets, ofTor},
	TOR3:  {"TOR-3", "all destinations are relays", "tor", byPackets, ofTor},
	TOR4:  {"TOR-4", "it is Tor's protocol", "tor", byPackets, ofTor},
	TOR5:  {"TOR-5", "few and stable destinations", "tor", byPackets, ofTor},
	TOR6:  {"TOR-6", "anonymous qubes are behind a gateway", "tor", byPackets, ofAnon},
	TOR7:  {"TOR-7", "nothing leaves without Tor", "tor", byProbe, ofTor},
	DNS1:  {"DNS-1", "the qube uses the resolver of Qubes only", "dns", byPackets, ofClear},
	DNS2:  {"DNS-2", "this machine asks the configured upstreams only", "dns", byPackets, ofMachine},
	DNS3:  {"DNS-3", "DNS of the tunnel's clients stays inside", "dns", byProbe, ofVPN | ofTor},
	DNS4:  {"DNS-4", "the magic addresses are redirected", "dns", byRules, ofMachine},
	DNS5:  {"DNS-5", "which resolver asks for the qube", "dns", byProbe, ofMachine},
	EGR1:  {"EGR-1", "the external address is the expected one", "egress", byProbe, ofMachine},
	EGR2:  {"EGR-2", "the external address is a Tor exit", "egress", byProbe, ofMachine},
	EGR3:  {"EGR-3", "all traffic leaves by one exit", "egress", byProbe, ofMachine},
	SYS1:  {"SYS-1", "this machine is able to judge", "system", byPackets, ofMachine},
	SYS2:  {"SYS-2", "nothing is forwarded before the rules at boot", "system", byProbe, ofMachine},
}

// String returns the identifier of the check, such as VPN-4, "" if there is no such check.
func (c Check) String() string {
	if c >= checks {
		return ""
	}
	return infos[c].id
}

// Name returns what the check claims, in a few words.
func (c Check) Name() string {
	if c >= checks {
		return ""
	}
	return infos[c].name
}

// Category returns isolation, vpn, tor, dns, egress or system.
func (c Check) Category() string {
	if c >= checks {
		return ""
	}
	return infos[c].category
}

// CheckByID returns the check with an identifier such as VPN-4, in capitals or not.
func CheckByID(id string) (c Check, ok bool) {
	for c = range checks {
		if strings.EqualFold(infos[c].id, id) {
			return c, true
		}
	}
	return 0, false
}
