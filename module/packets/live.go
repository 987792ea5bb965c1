package packets

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
)

// Status implements [control.Packets].
func (s *Service) Status() *control.PacketStatus {
	st := &control.PacketStatus{State: "not open", Why: errNotOpen.Error(), Filter: s.sieve.Load().text, Filtered: s.unstored.filtered.Load()}
	store := s.store.Load()
	if store == nil {
		return st
	}
	l := store.Live()
	st.State, st.Why, st.MaxBytes = l.State, l.Why, l.MaxBytes
	st.CutFlow, st.CutPressure, st.LostMemory, st.LostDisk = l.CutFlow, l.CutPressure, l.LostMemory, l.LostDisk
	st.Lifted = l.Lifted
	now := time.Now()
	for i := range l.Streams {
		st.Vifs = append(st.Vifs, s.vif(&l.Streams[i], now))
	}
	st.Vifs = append(st.Vifs, s.silenced(l.Streams, now)...)
	for _, w := range store.Watches() {
		st.Watches = append(st.Watches, control.PacketWatch{What: w.String(), Until: w.Until, Flows: w.Flows})
	}
	return st
}

// vif returns what is to be said of an interface.
func (s *Service) vif(l *packetstore.LiveStream, now time.Time) control.PacketVif {
	v := control.PacketVif{Name: s.deps.InterfaceName(l.Iface), Open: l.Qube, Packets: l.Packets, Cut: l.Cut, Lost: l.Lost}
	q := s.holders.behind(l.Iface, now)
	if q != nil {
		v.Qube = q.Name
	}
	if r := quotaOf(s.rules.Load(), q); r != nil {
		v.Quota = int64(r.Quota)
	}
	if l.Excluded {
		v.Excluded = whyExcluded(s.rules.Load(), q)
	}
	s.sift(&v, l.Iface, now)
	return v
}

// sift adds what the filter did on an interface.
func (s *Service) sift(v *control.PacketVif, iface uint32, now time.Time) {
	if n := s.sieve.Load().counts(iface); n != nil {
		v.Filtered, v.Nothing = n.refused.Load(), n.nothing(now)
	}
}

// silenced returns the interfaces that the store knows nothing of, because the filter lets
// nothing through.
func (s *Service) silenced(known []packetstore.LiveStream, now time.Time) (vifs []control.PacketVif) {
	have := map[uint32]bool{}
	for i := range known {
		have[known[i].Iface] = true
	}
	f := s.sieve.Load()
	for _, iface := range f.interfaces() {
		if !have[iface] && f.counts(iface).nothing(now) {
			vifs = append(vifs, s.vif(&packetstore.LiveStream{Iface: iface}, now))
		}
	}
	return vifs
}

// Watch implements [control.Packets].
func (s *Service) Watch(what string, span time.Duration) error {
	store := s.store.Load()
	if store == nil {
		return errNotOpen
	}
	w := packetstore.Watch{Until: time.Now().Add(span)}
	addr, err := netip.ParseAddr(what)
	switch {
	case err == nil:
		w.Addr = addr.Unmap()
	case strings.HasPrefix(what, "1:"):
		w.CommunityID = what
	case qube.ValidName(what) != nil:
		return fmt.Errorf("%s is neither an address nor a Community ID nor the name of a qube", safetext.Line(what))
	case span > 0 && s.holders.qubes.Generation() > 0 && s.holders.qubes.ByName(what) == nil:
		return fmt.Errorf("the inventory has no qube %s; `qubesbeat inventory` lists them", what)
	default:
		w.Qube = what
	}
	if err := store.Watch(w); err != nil {
		return err
	}
	s.deps.Logger.Info("packets are stored without the limit of a flow", "what", w.String(), "until", w.Until)
	return nil
}

// liftFor is how long the limit of a flow is lifted that a finding or a verdict names.
const liftFor = time.Hour

// Lift stores a flow whole from now on, although it is above its limit: a finding or a
// verdict is about it. Either end may come first. It does not wait, and does nothing without
// a store: s may be nil.
func (s *Service) Lift(a, b netip.AddrPort, proto uint8) {
	if s == nil || !limited(s.rules.Load()) {
		return // nothing to lift
	}
	if store := s.store.Load(); store != nil && a.IsValid() && b.IsValid() {
		f := packetstore.FlowInfo{Source: a.Addr(), SourcePort: a.Port(), Destination: b.Addr(), DestinationPort: b.Port(), Protocol: proto}
		store.Lift(&f, time.Now().Add(liftFor))
	}
}

// limited reports whether the flows of any qube have a limit.
func limited(c *config.Packets) bool {
	return c.FlowLimit > 0 || slices.ContainsFunc(c.Quotas, func(q config.PacketQuota) bool { return q.FlowLimit > 0 })
}

// NoteRead implements [control.Packets]: into the log of the beat, and into that in the
// folder of the store.
func (s *Service) NoteRead(peer control.Peer, r *control.PacketRead) error {
	s.deps.Logger.Info("packets are read", "command", safetext.Line(r.Command), "what", safetext.Line(r.What), "uid", peer.UID, "pid", peer.PID, "sudo", safetext.Line(r.Sudo))
	return packetstore.NoteRead(s.conf.Dir, packetstore.Read{At: time.Now().UTC(), UID: peer.UID, PID: peer.PID, Command: r.Command, What: r.What, Sudo: r.Sudo})
}
