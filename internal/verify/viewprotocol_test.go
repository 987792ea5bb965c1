package verify_test

import "testing"

// TestVerifier_View_protocol has the protocol of the configuration before the first packet of the
// tunnel.
func TestVerifier_View_protocol(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.vpn()
	l.ping(ofVPN, "10.137.0.20", "198.51.100.7", 63)
	if q := l.v.View().Qubes; len(q) != 1 || q[0].Protocol != "wireguard" {
		t.Errorf("qubes = %+v; want a tunnel of WireGuard that has not begun", q)
	}
}
