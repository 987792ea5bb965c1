package qubesdb

import (
	"errors"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qvmfirewall"
)

// DNSAccess reports whether the rules of a client accept DNS.
type DNSAccess struct {
	UDP, TCP bool
	Why      string // why not, "" if both are accepted
}

// EvaluateDNS evaluates the rules of one client for DNS to the magic addresses. The keys of
// entries are what follows the client's address, as for [qvmfirewall.Parse]. If anything is
// unknown, DNS is refused, as by qubes-firewall itself, which drops all packets of a client
// whose rules it cannot parse.
func EvaluateDNS(entries map[string]string) DNSAccess {
	rules, err := qvmfirewall.Parse(entries)
	if err != nil {
		var unknown *qvmfirewall.ParseError
		if errors.As(err, &unknown) && unknown.Key == "policy" {
			return DNSAccess{Why: "qvm-firewall has no policy, or an unknown one"}
		}
		return DNSAccess{Why: err.Error()}
	}
	var a DNSAccess
	var why string
	a.UDP, why = accepts(rules, packet.ProtoUDP, "udp")
	a.TCP, a.Why = accepts(rules, packet.ProtoTCP, "tcp")
	if a.Why == "" {
		a.Why = why
	}
	return a
}

// accepts reports whether the rules accept DNS over a protocol, and if not, why. The
// redirection hides which of the two addresses the client has used: it suffices that one
// is accepted.
func accepts(rules *qvmfirewall.Rules, proto uint8, name string) (ok bool, why string) {
	for _, a := range qvmfirewall.MagicDNS() {
		accepted, by := rules.JudgeDNS(proto, a)
		if accepted {
			return true, ""
		}
		if by = "rule " + by; by == "rule " {
			by = "policy"
		}
		why = "qvm-firewall: " + by + " drops DNS over " + name
	}
	return false, why
}
