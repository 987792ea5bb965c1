package verify

// Explanation says what a check is worth.
type Explanation struct {
	Proves string // what a pass says
	Cannot string // what it does not say, and what looks like a fail and is none
	Repair string // what to do about a fail; nothing is ever done by the program
}

// killSwitch are rules for the qube that makes the tunnel. They belong into that qube, into
// /rw/config/qubes-firewall-user-script, and not into this machine.
const killSwitch = `In the VPN qube (not here), in /rw/config/qubes-firewall-user-script:

    nft add table inet qubesbeat-killswitch
    nft add chain inet qubesbeat-killswitch forward '{ type filter hook forward priority -1; policy accept; }'
    nft add rule inet qubesbeat-killswitch forward oifgroup 1 counter drop
    nft add rule inet qubesbeat-killswitch forward iifgroup 1 counter drop

The family is inet: a table ip leaves IPv6 open. The hook is forward: a rule in OUTPUT does
not see the packets of the clients. In addition, let qvm-firewall of the VPN qube accept the
endpoint only; this machine then enforces it:

    qvm-firewall sys-vpn reset
    qvm-firewall sys-vpn del --rule-no 0
    qvm-firewall sys-vpn add accept dst4=ENDPOINT proto=udp dstports=PORT
    qvm-firewall sys-vpn add drop`

// explanations has a row for each check.
var explanations = [Checks]Explanation{
	ISO1: {"Packets of the qube to other qubes that are attached here came in and did not come out, within a second.",
		"Qubes behind another netvm cannot be seen. A qube that answers one whose packet came through does not fail. Pairs in verify.isolation.allow are left out. A qube that sends more than can be followed is unknown for 15 minutes.",
		"Remove the rule that accepts them from custom-forward (nft list chain ip qubes custom-forward), or allow the pair."},
	ISO2: {"The rules of Qubes drop what goes from one vif to another, in IPv4 and IPv6, and no rule before them accepts more than the pairs in verify.isolation.allow.",
		"It says what the rules are, not what happens: ISO-1 does.", "systemctl restart qubes-iptables; look at custom-forward for accepts."},
	ISO3: {"Packets with a source that is not the qube's came in and did not come out.",
		"Link-local noise is not counted. A tunnel that fails does not look spoofed.", "systemctl restart qubes-antispoof; compare the sets `allowed` with `qubesbeat qubes status`."},
	ISO4: {"Attempts of the qube to reach ports of this machine were not answered. The resolver's port, and verify.isolation.ports, are left out.",
		"An attempt that has not been made says nothing.", "Remove the accept from custom-input, or stop the service that listens."},
	ISO5: {"qvm-firewall has loaded a chain for the qube.", "sys-whonix has no qvm-firewall of its own for its clients, by design. A qube that was attached in the last seconds is unknown.",
		"systemctl status qubes-firewall"},
	ISO6: {"Packets that the rules of qvm-firewall drop came in and did not come out.",
		"Rules with names (dsthost) are not judged. After a change, five seconds are left out.", "systemctl restart qubes-firewall; conntrack -F ends connections that go on."},
	VPN1: {"Every packet of the qube since the given time went to an endpoint; none was lost. It does not say: your VPN does not leak.",
		"What is inside the tunnel is never visible, nor who runs the exit, nor which client sent it. ICMP errors about the tunnel, link-local packets and names of the endpoints are left out. A check of the network by NetworkManager is a fail.",
		killSwitch},
	VPN2: {"Canaries that a client sent while the tunnel was down did not come out, and the same client's canaries had been in the tunnel before. Only `verify plan killswitch` can show it.",
		"A tunnel that was not ended, and sends to its endpoint meanwhile, shows nothing. Without a probe it stays unknown: no one knows whether a client has tried. The traffic of the VPN qube itself is not meant.", killSwitch},
	VPN3: {"Nothing left before an endpoint had answered. Only a probe can show that a client has tried.", "See VPN-2.", killSwitch},
	VPN4: {"No IPv6 packet went anywhere but to an IPv6 endpoint; or the qube has no IPv6, and Qubes drops it.", "A qube that sends no IPv6 is unknown, unless it has none.",
		killSwitch},
	VPN5: {"Queries beside the tunnel were for names of the endpoints only, and nothing was sent along with them.", "DNS over HTTPS to servers that are not known for it looks like VPN-1.",
		"In the VPN qube, redirect DNS of the clients to the tunnel's server (dnat-dns), and remove routes to 10.139.1.1 by eth0."},
	VPN6: {"Nothing else: it only fails.", "own_traffic: [lan] allows it, but for DNS. TunnelVision needs DHCP in the VPN qube, which Qubes does not use.",
		killSwitch},
	VPN7: {"Packets to the endpoint look like the protocol of the tunnel.", "A hostile VPN qube can make any packet look so. With protocol: any nothing is judged.",
		"Remove the route to the endpoint by eth0 from the clients' way: the kill switch of VPN-2 does."},
	VPN8: {"qvm-firewall, which this machine enforces, lets the qube reach the endpoints only, by address, port and protocol.", "Rules for DNS and ICMP that are left on are listed. With a rule for a name (dsthost) that may be the endpoint's, it is unknown.", killSwitch},
	VPN9: {"Five packets of a client, of sizes that are seldom found in this order, came out in the tunnel with the sizes that it makes of them.",
		"Padding (DAITA, obfuscation) hides the sizes, and a busy tunnel has them anyway: then it is unknown.", killSwitch},
	VPN10: {"Packets with the shape of the tunnel went to the listed endpoints only.", "Roaming, and applications with many servers: list them.", "Add the endpoint to the configuration if it is yours."},
	TOR1:  {"Only TCP left the qube.", "Pluggable transports use UDP: list bridges.", "Look at the gateway's firewall: whonix-firewall restarts with it."},
	TOR2:  {"Nothing else: it only fails.", "Bridges with names: list the names.", "The gateway should send its clients' DNS to Tor's DnsPort."},
	TOR3: {"All destinations are in the list of relays.", "A relay may be newer than the list: it is unknown for 24 hours. The list is stale after 7 days. Bridges are in no list.",
		"Copy a new cached-microdesc-consensus from the gateway (never the file state, which names its guards)."},
	TOR4: {"Connections begin like Tor's, and their packets have the size of its cells.", "Marks can be forged, and change with versions of Tor. Bridges look different.", "See TOR-1."},
	TOR5: {"At most 12 destinations in 7 days, with nine tenths of the bytes to three of them.", "It never fails: trouble in the network has the same look.", ""},
	TOR6: {"Nothing: it only fails, when a qube that dom0 calls anon is attached here.", "", "qvm-prefs QUBE netvm sys-whonix, in dom0."},
	TOR7: {"Nothing yet: it takes a probe with Tor stopped.", "", "See TOR-1."},
	DNS1: {"The qube's queries went to the resolver of Qubes, and to no other server on the ports of DNS, nor to a public resolver on port 443.", "DNS over HTTPS to servers that are not known by their addresses is reported as dns-bypass, if by name, or not seen at all.", "Set the resolver of the program that asks, or let qvm-firewall allow specialtarget=dns only."},
	DNS2: {"What this machine asked itself went to the configured upstreams.", "Names in the rules of qvm-firewall are looked up by Qubes.", "Look at /etc/resolv.conf, and at resolver.upstreams."},
	DNS3: {"It fails with VPN-5 or TOR-2; a pass takes a probe.", "", "See VPN-5."},
	DNS4: {"A rule redirects the magic addresses 10.139.1.1 and 10.139.1.2.", "", "systemctl restart qubes-network; or set resolver.listen and run `qubesbeat qubes apply`."},
	DNS5: {"Which server asks for the qube: whoami.akamai.net, asked in the qube.", "It is the qube's own word.", ""},
	EGR1: {"The address under which the qube is seen: asked in the qube, by the user.", "It is the qube's own word.", ""},
	EGR2: {"The address is a Tor exit: https://check.torproject.org/api/ip, asked in the qube.", "It is the qube's own word.", ""},
	EGR3: {"IPv4, IPv6, TCP, UDP and DNS leave by the same exit.", "It is the qube's own word.", ""},
	SYS1: {"The capture has lost nothing in the last minutes, and the inventory is fresh.", "", "See docs/troubleshooting.md on a capture that loses packets."},
	SYS2: {"Nothing was forwarded between the start of the network and the rules.", "It takes a restart that is watched.", ""},
}

// Explain returns what a check is worth.
func (c Check) Explain() Explanation { return explanations[min(int(c), Checks-1)] }
