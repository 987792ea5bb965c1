package verify

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// describe returns a sentence about a result. What qubes have written is made harmless.
func describe(x *Result, s *subject, v *Verifier) string {
	switch x.Verdict {
	case Fail:
		return describeFail(x, s, v)
	case Pass:
		return describePass(x, s)
	}
	if rule := unreadAccept(x, v); rule != "" {
		return "a rule may accept more than the pairs in verify.isolation.allow: " + safetext.Line(rule)
	}
	if x.Reason == CaptureLost && s.records[x.Check].missing(v.now, v.window) {
		return "some of its packets of the last minutes could not be followed, or not be read"
	}
	return x.Reason.explain(x, s)
}

// unreadAccept returns the rule because of which ISO-2 is not known, "" if there is none.
func unreadAccept(x *Result, v *Verifier) string {
	if x.Check != ISO2 || x.Reason != NoExpectation {
		return ""
	}
	rule, _ := v.beyondAllowed()
	return rule
}

func describeFail(x *Result, s *subject, v *Verifier) string {
	if x.Sample == nil {
		return failedRule(x, s, v)
	}
	way := "to " + place(x.Sample)
	if x.Check == ISO1 || x.Check == ISO3 { // about both ends, or about the source
		way = "from " + x.Sample.Source().Addr().String() + " " + way
	}
	text := fmt.Sprintf("%s since %s, last %s, the first %s", counted(x.Evidence.Against, "packet"), clockTime(x.Evidence.FirstAgainst), clockTime(x.Evidence.LastAgainst), way)
	if x.Evidence.Against == 1 {
		text = fmt.Sprintf("1 packet %s at %s", way, clockTime(x.Evidence.FirstAgainst))
	}
	if x.Sample.Name != "" {
		text += ", for " + safetext.Line(x.Sample.Name)
	}
	if x.Check.Category() == "vpn" || x.Check.Category() == "tor" {
		switch {
		case x.Sample.Itself():
			text += ", by the qube itself"
		case forwarded(x.Sample.TTL):
			text += ", by a qube behind it"
		}
	}
	if x.Tunnel.State > TunnelBoot && x.Tunnel.State != TunnelUp {
		text += ", while the tunnel was " + x.Tunnel.State.String()
	}
	if x.Contained {
		text += fmt.Sprintf("; contained: none of %d that were followed has left this machine", x.Evidence.Traced)
	}
	return text
}

func failedRule(x *Result, s *subject, v *Verifier) string {
	switch x.Check {
	case ISO2:
		if rule, certain := v.beyondAllowed(); certain {
			return "a rule accepts traffic between qubes: " + safetext.Line(rule)
		}
		return "no rule drops traffic between qubes, in IPv4 or IPv6"
	case ISO5:
		return "qvm-firewall has no chain for the qube: systemctl status qubes-firewall"
	case VPN8:
		text := "qvm-firewall lets the qube reach more than " + endpoints(x.Expect)
		if rule, certain := x.Expect.beyond(s.rules); certain {
			text += ": " + safetext.Line(rule)
		}
		return text
	case DNS4:
		return "queries to the magic addresses are not redirected"
	}
	return "the rules do not agree"
}

func describePass(x *Result, s *subject) string {
	e := &x.Evidence
	switch x.Check {
	case ISO1, ISO3, ISO6:
		return fmt.Sprintf("%s, none came through (last %s)", counted(e.Packets, "attempt"), clockTime(e.Last))
	case ISO4:
		return fmt.Sprintf("%s, none was let in (last %s)", counted(e.Packets, "attempt"), clockTime(e.Last))
	case ISO2:
		return "the rules drop traffic between qubes"
	case ISO5:
		return "the rules of qvm-firewall are loaded"
	case DNS4:
		return "queries to the magic addresses are redirected"
	case VPN2:
		return fmt.Sprintf("none of the canaries that were sent while the tunnel was down came out (%s)", clockTime(e.Last))
	case VPN8:
		return "qvm-firewall lets it reach the endpoints only" + openRules(s)
	case VPN9:
		return "the canaries of a qube behind it were in the tunnel, in their order"
	case SYS1:
		return "no packet was lost"
	case TOR5:
		n, share := s.tor.used(s.last)
		return fmt.Sprintf("%s in 7 days, %d %% of the bytes to three of them", counted(uint64(n), "destination"), share)
	}
	if x.Method == Ruled {
		return "the qube has no IPv6: Qubes drops it"
	}
	text := fmt.Sprintf("%s since %s", counted(e.Packets, "packet"), clockTime(e.First))
	if x.Check == VPN1 {
		text += ", all to " + endpoints(x.Expect)
	}
	return text + fmt.Sprintf("; %d lost", x.Lost)
}

// openRules lists the rules for DNS and ICMP.
func openRules(s *subject) string {
	if s.rules == nil {
		return ""
	}
	_, open, _ := s.rules.Endpoints()
	if len(open) == 0 {
		return ""
	}
	var list []string
	for _, one := range open[:min(len(open), 4)] {
		list = append(list, one.Text)
	}
	return ", and: " + safetext.Line(strings.Join(list, "; "))
}

// explain says what a reason means for a result.
func (r Reason) explain(x *Result, s *subject) string {
	if x.Expect != nil && x.Expect.Conflict != "" && r == NoExpectation {
		return r.String() + ": " + safetext.Line(x.Expect.Conflict)
	}
	if text := explainEndpoint(x, s); text != "" && r == NoExpectation {
		return text
	}
	switch {
	case x.Check == VPN2 && r == NeedsProbe:
		return fmt.Sprintf("%s (%v), nothing seen; no one is known to have tried", counted(x.Tunnel.Outages, "outage"),
			time.Duration(x.Tunnel.Down).Round(time.Second))
	case x.Check == TOR3 && x.Expect != nil && x.Expect.Relays != nil:
		return counted(s.tor.absent, "packet") + " to destinations that are not in the list of relays, which may be older than they are"
	case x.Check == TOR3:
		return "no list of relays: set verify.expect.relays"
	case x.Check == TOR5 && r == NoExpectation:
		n, share := s.tor.used(s.last)
		return fmt.Sprintf("%s in 7 days, %d %% of the bytes to three of them: more than Tor usually has", counted(uint64(n), "destination"), share)
	}
	return reasons[min(int(r), len(reasons)-1)]
}

// explainEndpoint says what is not known of the endpoints of a tunnel, "" if they are known or do not
// matter.
func explainEndpoint(x *Result, s *subject) string {
	switch {
	case x.Expect.lacksEndpoint() && needsEndpoint.has(x.Check):
		return "no endpoint of the tunnel is known: list it in verify.expect (endpoints); `qubesbeat verify learn` proposes what was seen"
	case x.Check != VPN8, x.Expect == nil, s == nil || s.rules == nil:
		return ""
	}
	if rule, _ := x.Expect.beyond(s.rules); rule != "" {
		return "the name in a rule of qvm-firewall may be that of an endpoint, or not: " + safetext.Line(rule)
	}
	return ""
}

// reasons say in a few words why there is no verdict.
var reasons = [...]string{
	"", "no packet that could show it", "this machine does not stand where it could see it", "the qube is not attached to this machine",
	"the capture has lost packets in the last minutes", "nothing is expected of it, or the sources disagree",
	"the inventory is too old", "the rules have just changed", "the rules could not be read", "it takes a probe", "the probe has failed", "it is switched off",
}

// place returns the destination of a sample.
func place(s *Sample) string {
	switch s.Proto {
	case packet.ProtoTCP:
		return s.Destination().String() + "/tcp"
	case packet.ProtoUDP:
		return s.Destination().String() + "/udp"
	case packet.ProtoICMP, packet.ProtoICMPv6:
		return s.Destination().Addr().String() + " (icmp)"
	}
	return s.Destination().Addr().String() + " (protocol " + strconv.Itoa(int(s.Proto)) + ")"
}

// endpoints lists the endpoints of an expectation.
func endpoints(x *Expectation) string {
	if x == nil || len(x.Endpoints) == 0 {
		return "nowhere"
	}
	const most = 3
	var list []string
	for _, e := range x.Endpoints[:min(len(x.Endpoints), most)] {
		list = append(list, e.String())
	}
	if n := len(x.Endpoints) - most; n > 0 {
		list = append(list, fmt.Sprintf("%d more", n))
	}
	return strings.Join(slices.Compact(list), ", ")
}

func clockTime(at int64) string { return time.Unix(0, at).UTC().Format("15:04:05") }

// counted returns a number with separators between thousands, and its noun.
func counted(n uint64, noun string) string {
	text := strconv.FormatUint(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	if n == 1 {
		return text + " " + noun
	}
	return text + " " + noun + "s"
}
