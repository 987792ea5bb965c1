package firewall

import (
	"time"

	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// ICMPErrors is an observer of packets that takes the ICMP errors of this machine for
// refusals: without our own rules, they are all there is. It is safe to use while the
// service runs.
func (s *Service) ICMPErrors() (o pipeline.Tap, wanted bool) {
	return icmpObserver{s}, s.conf.ICMPErrors
}

type icmpObserver struct{ service *Service }

var _ pipeline.Chooser = icmpObserver{} // type check

// silentAfter is how long our own rules must have been silent for ICMP errors to
// count: the rules may have been taken away.
const silentAfter = time.Minute

// Packet implements [pipeline.Tap]: an ICMP error of this machine to a client says
// that something of the client was refused.
func (i icmpObserver) Packet(p *packet.Packet, frame []byte) {
	s := i.service
	if !p.IsICMP() || p.Direction != packet.Outbound || p.ICMPType > 3 || !s.silent() {
		return
	}
	o := firewall.Observation{At: p.Time, Source: firewall.ICMPError, Prefix: firewall.PrefixReject, Out: s.deps.Captured(p.Iface)}
	if _, onVif := qube.VifDomain(o.Out); onVif && o.DecodeError(p, frame) && s.deps.Local(o.Src) {
		s.observe(&o)
	}
}

// Kinds implements [pipeline.Chooser].
func (i icmpObserver) Kinds() packet.Kinds { return packet.ICMP }

// silent reports whether our own rules have not logged anything for silentAfter.
func (s *Service) silent() bool {
	return s.elapsed()-time.Duration(s.sources.lastNFLog.Load()) >= silentAfter
}

// Close implements [pipeline.Tap].
func (i icmpObserver) Close() {}
