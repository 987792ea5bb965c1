package verify_test

import (
	"slices"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/verify"
)

// leaking returns a lab with a tunnel that works, and a packet beside it.
func leaking(t *testing.T) *lab {
	t.Helper()
	l := newLab(t)
	l.vpn()
	l.handshake()
	l.ping(ofVPN, "10.137.0.20", "198.51.100.7", 63)
	return l
}

// TestVerifier_Acknowledge_clock fails again with the first packet after an acknowledgement,
// though the clock was set back meanwhile.
func TestVerifier_Acknowledge_clock(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]time.Duration{"goes on": 0, "back by an hour": time.Hour, "back by a year": 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := leaking(t)
			l.want("VPN-1 sys-vpn fail")
			if n := l.v.Acknowledge(verify.VPN1, "sys-vpn"); n != 1 {
				t.Errorf("%d acknowledged; want 1", n)
			}
			if n := l.v.Acknowledge(verify.VPN1, ""); n != 0 {
				t.Errorf("%d acknowledged again; want none", n)
			}
			l.now -= int64(back)
			l.handshake()
			l.want("VPN-1 sys-vpn pass")
			reports := len(l.reports)
			l.ping(ofVPN, "10.137.0.20", "198.51.100.8", 63)
			l.want("VPN-1 sys-vpn fail")
			if !slices.ContainsFunc(l.reports[reports:], func(r verify.Result) bool { return r.Check == verify.VPN1 && r.Verdict == verify.Fail }) {
				t.Error("the fail is not reported")
			}
			if r := l.result("sys-vpn", "VPN-1"); r.Sample.Destination().Addr().String() != "198.51.100.8" || r.Evidence.FirstAgainst != l.now {
				t.Errorf("the sample is to %v, at %d; want the packet since the acknowledgement", r.Sample.Destination(), r.Evidence.FirstAgainst)
			}
		})
	}
}

// TestVerifier_hold_clock keeps a fail for a day of the packets' clock, however often that is set
// to and fro, and for a day of own time.
func TestVerifier_hold_clock(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		steps []time.Duration
		want  string
	}{
		"less than a day":             {[]time.Duration{23 * time.Hour}, "fail contained"},
		"a day":                       {[]time.Duration{25 * time.Hour}, "pass"},
		"to and fro":                  {[]time.Duration{13 * time.Hour, -13 * time.Hour, 13 * time.Hour, -13 * time.Hour}, "fail contained"},
		"to and fro, and a day":       {[]time.Duration{13 * time.Hour, -13 * time.Hour, 25 * time.Hour}, "pass"},
		"once, and back":              {[]time.Duration{25 * time.Hour, -25 * time.Hour}, "fail contained"},
		"back, and a day of own time": {[]time.Duration{-48 * time.Hour, 25 * time.Hour}, "fail contained"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := leaking(t)
			for _, d := range tt.steps {
				l.now += int64(d)
				l.handshake()
			}
			l.want("VPN-1 sys-vpn " + tt.want)
		})
	}
}

// TestVerifier_hold_jump keeps a fail over a jump of the clock, as long as nothing agrees behind it, and ends it after a
// day without a jump.
func TestVerifier_hold_jump(t *testing.T) {
	t.Parallel()
	jump := func(l *lab) { l.now += int64(25 * time.Hour); l.uplink() }
	day := func(l *lab) {
		for range 25 * 3600 / 20 {
			l.wait(20 * time.Second)
		}
	}
	for name, tt := range map[string]struct {
		play func(*lab)
		want string
	}{
		"a jump":                         {jump, "fail contained"},
		"two":                            {func(l *lab) { jump(l); jump(l) }, "fail contained"},
		"a jump, and what agrees":        {func(l *lab) { jump(l); l.handshake() }, "pass"},
		"what has agreed before it":      {func(l *lab) { l.handshake(); jump(l) }, "fail contained"},
		"a day":                          {day, "unknown(no-traffic)"},
		"a jump, and a day":              {func(l *lab) { jump(l); day(l) }, "unknown(no-traffic)"},
		"what has agreed before a day":   {func(l *lab) { l.handshake(); day(l) }, "pass stale"},
		"a jump of half a day, and half": {func(l *lab) { l.now += int64(13 * time.Hour); l.uplink(); l.wait(11 * time.Hour); l.uplink() }, "fail contained"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := leaking(t)
			l.wait(2 * time.Second)
			tt.play(l)
			l.want("VPN-1 sys-vpn " + tt.want)
		})
	}
}

// TestVerifier_Results_absent says of a qube without packets why nothing is known, in a sentence: its
// vif is not here, it is above, or it has sent nothing.
func TestVerifier_Results_absent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		vif, above   bool
		reason, text string
	}{
		"away":   {reason: "not-attached", text: "the qube is not attached to this machine"},
		"above":  {vif: true, above: true, reason: "not-in-position", text: "this machine does not stand where it could see it"},
		"silent": {vif: true, reason: "no-traffic", text: "no packet that could show it"},
	} {
		l := newLab(t)
		if !tt.vif {
			delete(l.names, ofVPN)
		}
		l.env.Missing = []verify.Absent{{Name: "sys-vpn", Expect: l.vpn(), Above: tt.above}}
		l.apply()
		r := l.result("sys-vpn", "VPN-1")
		if r.Verdict != verify.Unknown || r.Reason.String() != tt.reason || r.Text != tt.text {
			t.Errorf("%s: %v (%v), %q; want unknown (%s), %q", name, r.Verdict, r.Reason, r.Text, tt.reason, tt.text)
		}
	}
}
