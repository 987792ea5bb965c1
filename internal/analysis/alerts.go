package analysis

import (
	"cmp"
	"net"
	"strconv"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
)

// addRefusal adds a verdict of the firewall.
func (a *Analysis) addRefusal() {
	l, q := a.line, a.qube()
	n := l.uint(fRefused)
	a.Refused += n
	q.Refused += n
	q.extend(l.at, l.at)
	a.Timeline.at(l.at).Refused += n
	q.Timeline.at(l.at).Refused += n
	point, rule := l.text(fPoint), l.text(fRuleName)
	peer := cmp.Or(l.text(fDestinationQube), l.text(fDestinationIP))
	port, transport := l.uint(fDestinationPort), l.text(fTransport)
	row, isNew := q.Refusals.row(a.key(point, rule, peer, strconv.FormatUint(port, 10), transport))
	if isNew {
		*row = Refusal{Point: point, Rule: rule, Peer: peer, Port: port, Transport: transport}
	}
	row.add(&Refusal{Packets: n, Span: Span{l.at, l.at}})
}

// addFinding adds a finding.
func (a *Analysis) addFinding() {
	l, q := a.line, a.qube()
	n := max(1, l.uint(fFindings))
	q.extend(l.at, l.at)
	a.alert(q, l.at, 1)
	action, method := l.text(fAction), cmp.Or(l.text(fMethod), l.text(fRuleID))
	to := l.destination()
	row, isNew := a.Findings.row(a.key(q.Host, q.Name, q.UUID, action, method, to))
	if isNew {
		*row = Finding{Qube: q, Action: action, Method: method, Destination: to}
	}
	row.Reason = cmp.Or(l.text(fReason), row.Reason)
	if s := min(l.uint(fSeverity), 100); s >= row.Severity {
		row.Severity, row.Level = s, l.text(fLevel)
	}
	row.add(&Finding{Count: n, Span: Span{l.at, l.at}})
}

// destination returns where a flow goes, "" if the event does not say.
func (l *line) destination() string {
	host := cmp.Or(l.text(fDestinationQube), l.text(fDestinationDomain), l.text(fServerName), l.text(fDomain))
	ip := l.text(fDestinationIP)
	if port := l.uint(fDestinationPort); port > 0 && ip != "" {
		ip = net.JoinHostPort(ip, strconv.FormatUint(port, 10)) // brackets around IPv6
	}
	return strings.TrimSpace(host + " " + ip)
}

// addVerdict adds a verdict of a check.
func (a *Analysis) addVerdict() {
	l, q := a.line, a.qube()
	q.extend(l.at, l.at)
	if l.is(fKind, "alert") {
		a.alert(q, l.at, 1)
	}
	check, subject := l.text(fRuleID), l.text(fSubject)
	v, isNew := a.Verdicts.row(a.key(q.Host, q.Name, q.UUID, check, subject))
	if isNew {
		*v = Verdict{Qube: q, Check: check, Subject: subject}
	}
	fails := uint64(0)
	if l.is(fVerdict, "fail") {
		fails = 1
	}
	if !l.at.Before(v.Last) { // files may come in any order
		v.Title, v.Verdict, v.Previous, v.Reason = l.text(fRuleName), l.text(fVerdict), l.text(fPrevious), l.text(fReason)
		v.Since, v.State, v.Why = l.value(fSince).Time(), "", l.text(fWhy)
		q.setExit(l, subject)
		if l.value(fStale).IsTrue() {
			v.State = "stale"
		}
	}
	v.add(&Verdict{Fails: fails, Events: 1, Span: Span{l.at, l.at}})
}

// addSummary adds an event that stands for others: those that a qube caused beyond its
// share of the output.
func (a *Analysis) addSummary() {
	q, s := a.qube(), a.line.value(fSummary)
	number := func(v eventfile.Value, name string) uint64 { return v.Field(name).Uint() }
	events, n := number(s, "events"), number(s, "count")
	a.Summarized += events
	q.Summarized += events
	q.extend(a.line.at, a.line.at)
	switch dataset := s.Field("dataset").Text(); dataset {
	case "flow":
		t := Traffic{Flows: n, Out: number(s.Field("sent"), "bytes"), In: number(s.Field("received"), "bytes"), Span: Span{a.line.at, a.line.at}}
		a.Total.merge(&t)
		q.merge(&t)
		a.addToTimelines(q, &t)
		q.Spoofed += number(s, "spoofed")
		q.Peers.Rest.merge(&t)
	case "qubesbeat.firewall":
		a.Refused += n
		q.Refused += n
		q.Refusals.Rest.Packets += n
	case "qubesbeat.dns":
		denied := uint64(0)
		s.Field("outcomes").Each(func(o eventfile.Value) {
			if isDenied(o.Field("name").Text()) {
				denied += number(o, "count")
			}
		})
		a.countQueries(q, n, denied)
	default:
		a.count(q.Transactions, cut(dataset), n)
	}
}

// cut returns a text of at most MaxText bytes.
func cut(s string) string { return s[:min(len(s), MaxText)] }
