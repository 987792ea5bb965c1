package inventory

import (
	"net/netip"

	"github.com/qubesbeat/qubesbeat/internal/enrich"
)

// Enricher returns what finds the qubes behind packets. name and hasVif are those of
// the capture, which may be opened later: see [enrich.Enricher]. A replay knows nothing
// of the addresses of the machine that was captured on.
func (s *Service) Enricher(name func(iface uint32) string, hasVif func(domid int32) bool) *enrich.Enricher {
	e := &enrich.Enricher{Qubes: s.index, Downstream: s.index.Downstream, Name: name, HasVif: hasVif,
		HasDomains: s.index.HasDomains}
	if s.conf.Live {
		e.Local = s.Local
	}
	return e
}

// Local reports whether an address is one of this machine. It is safe for concurrent
// use.
func (s *Service) Local(a netip.Addr) bool { return s.addresses.Local(a) }

// LocalChanges returns how often the addresses of this machine have changed. It is safe for
// concurrent use.
func (s *Service) LocalChanges() uint64 { return s.addresses.Changes() }
