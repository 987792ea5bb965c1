package verify

import "cmp"

func (v *Verifier) byRules(s *subject, c Check) (verdict Verdict, reason Reason, method Method) {
	switch c {
	case ISO2:
		verdict, reason = v.isolation()
	case ISO5:
		verdict, reason = v.loaded(s)
	case VPN8:
		verdict, reason = v.endpointRules(s)
	case DNS4:
		verdict, reason = v.mapped()
	}
	if verdict == Pass || verdict == Fail {
		method = Ruled
	}
	return verdict, reason, method
}

// mapped decides DNS-4.
func (v *Verifier) mapped() (Verdict, Reason) {
	switch r := v.env.Ruleset; {
	case r == nil:
		return Unknown, NoRulesRead
	case !r.MapsDNS:
		return Fail, NoReason
	}
	return Pass, NoReason
}

func (v *Verifier) byProbe(s *subject, c Check) (Verdict, Reason, Method) {
	r := &s.records[c]
	switch {
	case r.undone:
		return Unknown, ProbeFailed, NoMethod
	case r.agreeing() && v.void(r):
		return Unknown, RulesetChanged, NoMethod
	case r.agreeing():
		verdict, reason, _ := v.observed(r)
		return verdict, reason, Probed
	case c == VPN2 && s.clock.Outages == 0:
		return Unknown, NoTraffic, NoMethod
	case c == VPN2, c == VPN3, c == TOR7:
		return Unknown, NeedsProbe, NoMethod
	}
	return NotTested, NeedsProbe, NoMethod
}

// special decides the checks for which packets that agree are not enough, or not needed.
func (v *Verifier) special(s *subject, c Check) (verdict Verdict, reason Reason, method Method, ok bool) {
	switch c {
	case VPN4:
		if !s.hasIPv6() && s.records[VPN4].Packets == 0 && !v.env.Stale && !v.env.NoIP6 {
			return Pass, NoReason, Ruled, true // Qubes drops all IPv6 of a qube without such an address
		}
	case VPN7:
		if s.expect.Protocol == ProtocolAny {
			return Unknown, NoExpectation, NoMethod, true
		}
	case DNS2:
		if len(v.env.Upstreams) == 0 {
			return Unknown, NoExpectation, NoMethod, true
		}
	case TOR3:
		if s.expect.Relays == nil || s.tor.missing {
			return Unknown, NoExpectation, NoMethod, true
		}
	case TOR5:
		return v.torPeers(s)
	case SYS1:
		verdict, reason, method = v.able()
		return verdict, reason, method, true
	}
	return 0, 0, 0, false
}

// hasIPv6 reports whether the qube has an address of IPv6, as far as is known.
func (s *subject) hasIPv6() bool { return s.qube == nil || s.qube.IP6.IsValid() }

// torPeers decides TOR-5, which never fails.
func (v *Verifier) torPeers(s *subject) (Verdict, Reason, Method, bool) {
	n, share := s.tor.used(v.now)
	verdict, reason, method := v.observed(&s.records[TOR1])
	switch {
	case verdict != Pass || n == 0:
		return Unknown, cmp.Or(reason, NoTraffic), NoMethod, true
	case s.tor.many(v.now) || n > fewPeers || share < 90:
		return Unknown, NoExpectation, NoMethod, true
	}
	s.records[TOR5].seen = max(s.records[TOR5].seen, s.records[TOR1].seen)
	return verdict, reason, method, true
}

// strangerFor is how long a push of the inventory may take after a qube has been attached, in
// nanoseconds of own time.
const strangerFor = int64(60e9)

// hasStranger reports whether a vif that sends is not in the inventory, which then is behind.
func (v *Verifier) hasStranger() bool {
	for _, s := range v.subjects {
		if v.env.Domains && s.qube == nil && s.packets() > 0 && v.now-s.begunOwn > strangerFor && v.now-s.last < v.window {
			return true
		}
	}
	return false
}

// able decides SYS-1.
func (v *Verifier) able() (Verdict, Reason, Method) {
	switch {
	case v.Stats().Packets+v.Stats().Others == 0:
		return Unknown, NoTraffic, NoMethod
	case v.lost != 0 && v.now-v.lost < v.window:
		return Unknown, CaptureLost, NoMethod
	case v.env.Stale, v.hasStranger():
		return Unknown, InventoryStale, NoMethod
	}
	v.self.records[SYS1].seen = v.heard.at
	return Pass, NoReason, Observed
}
