package firewall_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/firewall"
)

// world is a tracker with what it has told.
type world struct {
	*firewall.Tracker
	now  time.Duration
	told []string
}

func newWorld() *world {
	w := new(world)
	w.Tracker = firewall.NewTracker(func(v *firewall.Verdict) {
		w.told = append(w.told, strings.TrimSpace(fmt.Sprintf("%s:%d %v %d %v %s", v.In, v.SrcPort, v.Point, v.Count, v.Reply, v.Rule)))
	})
	return w
}

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

// tuple is an attempt of work, told from others by its source port.
func tuple(port uint16) firewall.Tuple {
	return firewall.Tuple{Proto: 6, Src: addr("10.137.0.6"), Dst: addr("198.51.100.7"), SrcPort: port, DstPort: 443}
}

func (w *world) log(prefix, in, out string, t firewall.Tuple) {
	w.Observe(&firewall.Observation{Prefix: prefix, In: in, Out: out, Tuple: t, Length: 60, At: int64(w.now)}, w.now)
}

// reject is an ICMP error to a client.
func (w *world) reject(out string, about firewall.Tuple, code uint8) {
	w.Observe(&firewall.Observation{Prefix: "QB-REJECT ", Out: out, At: int64(w.now), Inner: about, HasInner: true,
		Tuple: firewall.Tuple{Proto: 1, Src: addr("10.137.0.5"), Dst: about.Src, ICMPType: 3, ICMPCode: code}}, w.now)
}

// pass lets time go by.
func (w *world) pass(d time.Duration) {
	for end := w.now + d; w.now < end; {
		w.now += 100 * time.Millisecond
		w.Advance(w.now)
	}
}

func TestTracker(t *testing.T) {
	t.Parallel()
	const in, up = "vif4.0", "eth0"
	link := firewall.Tuple{Proto: 58, Src: addr("fe80::1"), Dst: addr("ff02::2")}
	tests := []struct {
		name string
		do   func(w *world)
		want []string
	}{
		{"passed", func(w *world) { w.log("QB-NEW ", in, up, tuple(1)); w.log("QB-PASS ", in, up, tuple(1)) }, nil},
		{"rejected by qvm-firewall, and tried again", func(w *world) {
			w.log("QB-NEW", in, up, tuple(1))
			w.reject(in, tuple(1), 13)
			w.pass(time.Second)
			w.log("QB-NEW", in, up, tuple(1))
		}, []string{"vif4.0:1 qvm-firewall 2 admin-prohibited"}},
		{"the kernel sends one error for three", func(w *world) {
			for port := range uint16(3) {
				w.log("QB-NEW", in, up, tuple(port+1))
			}
			w.reject(in, tuple(1), 13)
		}, []string{"vif4.0:1 qvm-firewall 1 admin-prohibited", "vif4.0:2 qvm-firewall 1", "vif4.0:3 qvm-firewall 1"}},
		{"dropped without a word", func(w *world) { w.log("QB-NEW", in, up, tuple(1)) }, []string{"vif4.0:1 user 1"}},
		{"to another qube", func(w *world) { w.log("QB-NEW", in, "vif5.0", tuple(1)) }, []string{"vif4.0:1 inter-qube 1"}},
		{"to the netvm", func(w *world) { w.log("QB-INPUT", in, "", tuple(1)); w.reject(in, tuple(1), 10) }, []string{"vif4.0:1 input 1 host-prohibited"}},
		{"spoofed", func(w *world) { w.log("QB-SPOOF", in, "", tuple(1)); w.log("QB-SPOOF", in, "", tuple(1)) }, []string{"vif4.0:1 antispoof 2"}},
		{"noise of IPv6", func(w *world) { w.log("QUBES DROP: ", in, "", link) }, nil},
		{"an address of a network without a server", func(w *world) {
			w.log("QB-SPOOF", in, "", firewall.Tuple{Proto: 17, Src: addr("169.254.1.2"), Dst: addr("1.1.1.1"), SrcPort: 5})
		}, []string{"vif4.0:5 antispoof 1"}},
		{"a foreign route, and refused further on", func(w *world) {
			for range 2 {
				w.log("QB-SPOOF", in, "", tuple(1))
				w.log("QB-PASS", in, "", tuple(1))
				w.log("QB-NEW", in, up, tuple(1))
				w.pass(time.Second)
			}
		}, []string{"vif4.0:1 user 2"}},
		{"messages were lost, of an interface that had been silent", func(w *world) {
			w.Lost(w.now)
			w.log("QB-NEW", "vif9.0", up, tuple(1))
		}, nil},
		{"a rule of the user that logs what passes, late", func(w *world) {
			for port := range uint16(100) {
				w.log("QB-NEW", in, up, tuple(port+1))
				w.log("QB-PASS", in, up, tuple(port+1))
			}
			w.pass(600 * time.Millisecond)
			w.log("[UFW] ", in, up, tuple(1))
		}, nil},
		{"a rule of the user that logs what passes, over the rate", func(w *world) {
			w.log("[UFW] ", in, up, tuple(1))
			w.log("QB-PASS", in, up, tuple(1))
		}, nil},
		{"a rule of the user", func(w *world) { w.log("QUBES DROP: ", "vif12.0", "vif14.0", tuple(1)) }, []string{"vif12.0:1 user 1  QUBES DROP:"}},
		{"a rule of the user that lets through", func(w *world) { w.log("QUBES ACCEPT: ", in, up, tuple(1)) }, nil},
		{"a rule of the user beside ours, log first", func(w *world) {
			w.log("my drop ", in, up, tuple(1))
			w.log("my drop ", in, up, tuple(1))
			w.log("QB-NEW", in, up, tuple(1))
			w.log("QB-NEW", in, up, tuple(1))
		}, []string{"vif4.0:1 user 2  my drop"}},
		{"a rule of the user beside ours, ours first", func(w *world) {
			w.log("QB-NEW", in, up, tuple(1))
			w.log("my drop ", in, up, tuple(1))
		}, []string{"vif4.0:1 user 1  my drop"}},
		{"errors alone", func(w *world) { w.reject(in, tuple(1), 13); w.reject(in, tuple(1), 13); w.reject(in, tuple(2), 10) },
			[]string{"vif4.0:1 qvm-firewall 2 admin-prohibited", "vif4.0:2 input 1 host-prohibited"}},
		{"an unreachable port is no refusal", func(w *world) { w.reject(in, tuple(1), 3) }, nil},
		{"messages were lost", func(w *world) {
			w.log("QB-NEW", in, up, tuple(1))
			w.log("QB-NEW", in, up, tuple(2))
			w.reject(in, tuple(2), 13)
			w.Lost(w.now)
			w.log("QB-NEW", in, up, tuple(3)) // its pass may be lost, too
		}, []string{"vif4.0:2 qvm-firewall 1 admin-prohibited"}},
		{"a late pass", func(w *world) {
			w.log("QB-NEW", in, up, tuple(1))
			w.log("QB-NEW", in, up, tuple(1))
			w.pass(time.Second) // the beat stood still
			w.log("QB-PASS", in, up, tuple(1))
		}, []string{"vif4.0:1 user 1"}},
		{"a foreign address that Qubes lets through", func(w *world) {
			w.log("QB-SPOOF", in, "", tuple(1))
			w.log("QB-PASS", in, "", tuple(1))
		}, nil},
		{"the netvm, over IPv6, does not explain other drops", func(w *world) {
			self := firewall.Tuple{Proto: 6, Src: addr("fd09::6"), Dst: addr("fd09::5"), SrcPort: 9}
			w.log("QB-INPUT", in, "", self)
			w.Observe(&firewall.Observation{Prefix: "QB-REJECT ", Out: in, At: int64(w.now), Inner: self, HasInner: true,
				Tuple: firewall.Tuple{Proto: 58, Src: self.Dst, Dst: self.Src, ICMPType: 1, ICMPCode: 1}}, w.now)
			w.log("QB-NEW", in, up, tuple(1))
		}, []string{"vif4.0:1 user 1", "vif4.0:9 input 1 admin-prohibited"}},
		{"an error that is no proof, after a loss", func(w *world) {
			w.log("QB-NEW", in, up, tuple(1))
			w.reject(in, tuple(1), 3)
			w.Lost(w.now)
		}, nil},
		{"a rule of the user that logs what passes", func(w *world) {
			w.log("QB-NEW", in, up, tuple(1))
			w.log("QB-PASS", in, up, tuple(1))
			w.log("[UFW] ", in, up, tuple(1))
		}, nil},
		{"more passes than are logged", func(w *world) {
			w.log("QB-NEW", in, up, tuple(1))
			w.LostOf(in, w.now)
			w.log("QB-NEW", in, up, tuple(2))
			w.log("QB-NEW", "vif5.0", up, tuple(3))
		}, []string{"vif5.0:3 user 1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.now = time.Hour
			tt.do(w)
			w.pass(firewall.MaxAge)
			slices.Sort(w.told)
			if diff := cmp.Diff(tt.want, w.told); diff != "" || w.Stats().Open != 0 {
				t.Errorf("%d left; verdicts mismatch (-want +got):\n%s", w.Stats().Open, diff)
			}
		})
	}
}

// TestTracker_flood holds that one client cannot fill memory or output, that none of
// its attempts is lost from the count, and that others are told as ever.
func TestTracker_flood(t *testing.T) {
	t.Parallel()
	w := newWorld()
	const n = 30_000
	for i := range n {
		w.log("QB-NEW", "vif4.0", "eth0", tuple(uint16(i)))
		if i%100 == 0 { // 500 a second: what our rules log of a client
			w.pass(200 * time.Millisecond)
		}
	}
	w.log("QB-NEW", "vif5.0", "eth0", tuple(7))
	w.pass(firewall.Grace)
	w.Flush(w.now)
	s := w.Stats()
	if s.Refused != n+1 || s.Unjudged != 0 || s.Verdicts > 3000 || !slices.Contains(w.told, "vif5.0:7 user 1") {
		t.Errorf("stats = %+v; want %d refused in few verdicts, and that of vif5.0", s, n+1)
	}
}

// TestTracker_interfaces bounds what names of interfaces can take.
func TestTracker_interfaces(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for i := range 2000 {
		w.log("x", fmt.Sprintf("vif%d.0", i), "", tuple(1))
	}
	if s := w.Stats(); s.Overflows == 0 || s.Open > 600 {
		t.Errorf("stats = %+v; want overflows", s)
	}
}
