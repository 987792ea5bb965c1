package topology

import (
	"net/netip"
	"time"
)

// Map is what is known of how qubes reach the network. It is read only by this package.
type Map struct {
	Host     string   `json:"host"`               // the qube that looks, such as sys-log
	Upstream []string `json:"upstream,omitempty"` // above it, the outermost first; empty if dom0 has not told
	Qubes    []Qube   `json:"qubes"`              // in any order
	// Elsewhere is the number of qubes that are known and not behind the Host.
	Elsewhere int       `json:"elsewhere,omitempty"`
	At        time.Time `json:"at"` // when all this was known
}

// Qube is one qube of a [Map]. What is not known is the zero value.
type Qube struct {
	Name   string       `json:"name"`
	Label  string       `json:"label,omitempty"`
	Class  string       `json:"class,omitempty"`
	State  string       `json:"state,omitempty"` // dom0's power state
	Addrs  []netip.Addr `json:"ip,omitempty"`
	Netvm  string       `json:"netvm,omitempty"` // one that is not in the Map is taken for the Host
	Vif    string       `json:"vif,omitempty"`   // empty if it has none on the Host
	Exit   Exit         `json:"exit,omitzero"`
	Mark   Mark         `json:"verdict"`
	Checks []string     `json:"checks,omitempty"` // behind the Mark, such as VPN-4
}

// Halted reports whether dom0 said that the qube does not run.
func (q *Qube) Halted() bool { return q.State != "" && q.State == "Halted" }

// Exit is how the traffic of a qube is meant to leave, and where it was seen to go.
type Exit struct {
	Kind     string     `json:"kind,omitempty"`     // what is expected: clear, vpn, tor, anon
	Protocol string     `json:"protocol,omitempty"` // of a tunnel: wireguard, openvpn, ...
	Endpoint string     `json:"endpoint,omitempty"` // of a tunnel, or a few words about where it goes
	Seen     Seen       `json:"seen"`
	External []External `json:"external,omitempty"` // addresses under which others see the qube
}

// External is an address under which others see a qube.
type External struct {
	Addr   netip.Addr `json:"ip"`
	Method string     `json:"method"` // how that is known: claim, stun, dns, resolver; "stun, split" if another tells another
	At     time.Time  `json:"at"`
}

// Seen is what was seen of a qube's traffic in the last quarter of an hour.
type Seen uint8

// The values of [Seen].
const (
	SeenNothing Seen = iota
	SeenTraffic
	SeenTunnel // to an endpoint, shaped like a tunnel
)

// String returns the word of the JSON form.
func (s Seen) String() string { return [...]string{"nothing", "traffic", "tunnel"}[min(s, SeenTunnel)] }

// MarshalText implements [encoding.TextMarshaler].
func (s Seen) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Mark is the worst of the verdicts about a qube.
type Mark uint8

// The marks, the better first. None says that nothing was expected of the qube.
const (
	None Mark = iota
	Pass
	Stale
	Unknown
	Fail
)

// String returns the word of the table and the JSON form.
func (m Mark) String() string {
	return [...]string{"none", "pass", "stale", "unknown", "fail"}[min(m, Fail)]
}

// MarkOf returns the mark of a verdict by its word: pass, fail, unknown, not_tested. Quiet
// says that nothing was to be seen for it.
func MarkOf(verdict string, stale, quiet bool) Mark {
	switch {
	case verdict == "fail":
		return Fail
	case stale:
		return Stale
	case verdict == "pass":
		return Pass
	case quiet:
		return None
	}
	return Unknown
}

// Judge adds a verdict about the qube: the worst marks count, with the checks behind them.
func (q *Qube) Judge(mark Mark, check string) {
	if mark == None || mark < q.Mark {
		return
	}
	if mark > q.Mark {
		q.Mark, q.Checks = mark, nil
	}
	q.Checks = append(q.Checks, check)
}

// MarshalText implements [encoding.TextMarshaler].
func (m Mark) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// Sign returns a character that says without a colour what the mark is: "" for None.
func (m Mark) Sign() string { return [...]string{"", "✓", "~", "?", "✗"}[min(m, Fail)] }
