package analysis

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
)

// field is the index of a path in paths.
type field int

const (
	fTime field = iota
	fType
	fDataset
	fKind
	fAction
	fReason
	fEventStart
	fSeverity
	fHost
	fAgentVersion
	fAgentType
	fFlowID
	fFinal
	fUnresolved
	fTCPState
	fSourceIP
	fSourcePort
	fSourceBytes
	fSourceQube
	fSourceCountry
	fSourceASN
	fSourceASName
	fDestinationIP
	fDestinationPort
	fDestinationBytes
	fDestinationDomain
	fDestinationQube
	fDestinationCountry
	fDestinationASN
	fDestinationASName
	fTransport
	fDirection
	fServerName
	fJA4
	fRefused
	fPoint
	fRuleID
	fRuleName
	fMethod
	fFindings
	fLevel
	fVerdict
	fPrevious
	fSubject
	fStale
	fSince
	fWhy
	fExit
	fEndpoints
	fTunnel
	fChanged
	fBefore
	fQube
	fQubeName
	fQubeUUID
	fQubeLabel
	fQubeClass
	fQubeTemplate
	fQubeNetVM
	fQubeVIF
	fQubeIP
	fClients
	fAttribution
	fQuestion
	fDomain
	fQueries
	fList
	fSummary
	fStats
	fields // how many there are
)

// paths are the fields that are read.
var paths = [fields]string{
	fTime: "@timestamp", fType: "type", fDataset: "event.dataset", fKind: "event.kind", fAction: "event.action", fReason: "event.reason",
	fEventStart: "event.start", fSeverity: "event.severity", fHost: "host.name", fAgentVersion: "agent.version", fAgentType: "agent.type",
	fFlowID: "flow.id", fFinal: "flow.final", fUnresolved: "flow.unresolved", fTCPState: "flow.tcp.state",
	fSourceIP: "source.ip", fSourcePort: "source.port", fSourceBytes: "source.bytes", fSourceQube: "source.qube.name",
	fSourceCountry: "source.geo.country_iso_code", fSourceASN: "source.as.number", fSourceASName: "source.as.organization.name",
	fDestinationIP: "destination.ip", fDestinationPort: "destination.port", fDestinationBytes: "destination.bytes",
	fDestinationDomain: "destination.domain", fDestinationQube: "destination.qube.name",
	fDestinationCountry: "destination.geo.country_iso_code", fDestinationASN: "destination.as.number", fDestinationASName: "destination.as.organization.name",
	fTransport: "network.transport", fDirection: "network.direction", fServerName: "tls.client.server_name", fJA4: "tls.client.ja4",
	fRefused: "firewall.count", fPoint: "firewall.point", fRuleID: "rule.id", fRuleName: "rule.name",
	fMethod: "finding.method", fFindings: "finding.count", fLevel: "finding.level",
	fVerdict: "verify.verdict", fPrevious: "verify.previous", fSubject: "verify.subject", fStale: "verify.stale", fSince: "verify.since",
	fWhy: "verify.why", fExit: "verify.expect.exit", fEndpoints: "verify.expect.endpoints", fTunnel: "verify.tunnel.protocol",
	fChanged: "inventory.changed", fBefore: "inventory.previous",
	fQube: "qube", fQubeName: "qube.name", fQubeUUID: "qube.uuid", fQubeLabel: "qube.label", fQubeClass: "qube.class", fQubeTemplate: "qube.template",
	fQubeNetVM: "qube.netvm", fQubeVIF: "qube.vif", fQubeIP: "qube.ip", fClients: "qube.clients", fAttribution: "qube.attribution",
	fQuestion: "dns.question.name", fDomain: "dns.question.registered_domain", fQueries: "qubesbeat.dns.count", fList: "qubesbeat.dns.block.list",
	fSummary: "summary", fStats: "stats",
}

// MaxText is how many bytes of a text are kept. A name of DNS has 253 at most.
const MaxText = 256

// line is the event of a line.
type line struct {
	*eventfile.Fields
	at   time.Time
	kept map[string]string // texts that are there again and again
}

// newLine returns a reader of lines.
func newLine() *line {
	return &line{Fields: eventfile.NewFields(paths[:]...), kept: map[string]string{}}
}

func (l *line) value(f field) eventfile.Value { return l.Value(int(f)) }

func (l *line) uint(f field) uint64 { return l.value(f).Uint() }

// is reports whether a field is that text.
func (l *line) is(f field, text string) bool { return string(l.value(f).Bytes()) == text }

// maxKept bounds the texts that are shared.
const maxKept = 4096

// text returns a text of at most MaxText bytes. Short ones are shared.
func (l *line) text(f field) string { return l.keep(l.value(f)) }

func (l *line) keep(v eventfile.Value) string {
	b := v.Bytes()
	if b = b[:min(len(b), MaxText)]; len(b) == 0 {
		return ""
	}
	if s, ok := l.kept[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(b) <= 64 && len(l.kept) < maxKept {
		l.kept[s] = s
	}
	return s
}
