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

// world is a tracker with its clock and its verdicts.
type world struct {
	*firewall.Tracker
	now      time.Duration
	verdicts []string
}

func newWorld() *world {
	w := new(world)
	w.Tracker = firewall.NewTracker(func(v *firewall.Verdict) {
		w.verdicts = append(w.verdicts, strings.TrimSpace(fmt.Sprintf("%s:%d %v %d %v %s", v.In, v.SrcPort, v.Point, v.Count, v.Reply, v.Rule)))
	})
	return w
}

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

// tuple returns an attempt of the qube work.
func tuple(port uint16) firewall.Tuple {
	return firewall.Tuple{Proto: 6, Src: addr("10.137.0.6"), Dst: addr("198.51.100.7"), SrcPort: port, DstPort: 443}
}

func (w *world) log(prefix, in, out string, t firewall.Tuple) {
	w.Observe(&firewall.Observation{Prefix: prefix, In: in, Out: out, Tuple: t, Length: 60, At: int64(w.now)}, w.now)
}

// reject observes an ICMP error to a client.
func (w *world) reject(out string, about firewall.Tuple, code uint8) {
	w.Observe(&firewall.Observation{Prefix: "QB-REJECT ", Out: out, At: int64(w.now), Inner: about, HasInner: true,
		Tuple: firewall.Tuple{Proto: 1, Src: addr("10.137.0.5"), Dst: about.Src, ICMPType: 3, ICMPCode: code}}, w.now)
}

// wait lets time pass.
func (w *world) wait(d time.Duration) {
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
		{"accepted", func(w *world) { w.log("QB-NEW ", in, up, tuple(1)); w.log("QB-PASS ", in, up, tuple(1)) }, nil},
		{"rejected by qvm-firewall, and tried again", func(w *world) {
			w.log("QB-NEW", in, up, tuple(1))
			w.reject(in, tuple(1), 13)
			w.wait(time.Second)
			w.log("QB-NEW", in, up, tuple(1))
		}, []string{"vif4.0:1 qvm-firewall 2 admin-prohibited"}},
		{"the kernel sends one error for three", func(w *world) {
			for port := range uint16(3) {
				w.log("QB-NEW", in, up, tuple(port+1))
			}
			w.reject(in, tuple(1), 13)
		}, []string{"vif4.0:1 qvm-firewall 1 admin-prohibited", "vif4.0:2 qvm-firewall 1", "vif4.0:3 qvm-firewall 1"}},
		{"dropped silently", func(w *world) { w.log("QB-NEW", in, up, tuple(1)) }, []string{"vif4.0:1 user 1"}},
		{"to another qube", func(w *world) { w.log("QB-NEW", in, "vif5.0", tuple(1)) }, []string{"vif4.0:1 inter-qube 1"}},
		{"to the netvm", func(w *world) { w.log("QB-INPUT", in, "", tuple(1)); w.reject(in, tuple(1), 10) }, []string{"vif4.0:1 input 1 host-prohibited"}},
		{"spoofed", func(w *world) { w.log("QB-SPOOF", in, "", tuple(1)); w.log("QB-SPOOF", in, "", tuple(1)) }, []string{"vif4.0:1 antispoof 2"}},
		{"IPv6 noise", func(w *world) { w.log("QUBES DROP: ", in, "", link) }, nil},
		{"an address of a network without a server", func(w *world) {
			w.log("QB-SPOOF", in, "", firewall.Tuple{Proto: 17, Src: addr("169.254.1.2"), Dst: addr("1.1.1.1"), SrcPort: 5})
		}, []string{"vif4.0:5 antispoof 1"}},
		{"a foreign route, and refused later", func(w *world) {
			for range 2 {
				w.log("QB-SPOOF", in, "", tuple(1))
				w.log("QB-PASS", in, "", tuple(1))
				w.log("QB-NEW", in, up, tuple(1))
				w.wait(time.Second)
			}
		}, []string{"vif4.0:1 user 2"}},
		{"messages of a silent interface were lost", func(w *world) {
			w.Lost(w.now)
			w.log("QB-NEW", "vif9.0", up, tuple(1))
		}, nil},
		{"a rule of the user, of a message that was repeated", func(w *world) {
			w.log("DROP", in, up, tuple(1))
			w.Observe(&firewall.Observation{Prefix: "DROP", In: in, Out: up, Tuple: tuple(1), Length: 60, Times: 3}, w.now)
		}, []string{"vif4.0:1 user 4  DROP"}},
		{"a rule of the user that logs accepted packets, of a message that was repeated", func(w *world) {
			w.Observe(&firewall.Observation{Prefix: "DROP", In: in, Out: up, Tuple: tuple(1), Length: 60, Times: 3}, w.now)
			for range 3 {
				w.log("QB-PASS", in, up, tuple(1))
			}
		}, nil},
		{"a late rule of the user that logs accepted packets", func(w *world) {
			for port := range uint16(100) {
				w.log("QB-NEW", in, up, tuple(port+1))
				w.log("QB-PASS", in, up, tuple(port+1))
			}
			w.wait(600 * time.Millisecond)
			w.log("[UFW] ", in, up, tuple(1))
		}, nil},
		{"a rule of the user that logs accepted packets above the rate", func(w *world) {
			w.log("[UFW] ", in, up, tuple(1))
			w.log("QB-PASS", in, up, tuple(1))
		}, nil},
		{"a rule of the user", func(w *world) { w.log("QUBES DROP: ", "vif12.0", "vif14.0", tuple(1)) }, []string{"vif12.0:1 user 1  QUBES DROP:"}},
		{"a rule of the user that accepts", func(w *world) { w.log("QUBES ACCEPT: ", in, up, tuple(1)) }, nil},
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
			w.log("QB-NEW", in, up, tuple(3)) // its acceptance may be lost, too
		}, []string{"vif4.0:2 qvm-firewall 1 admin-prohibited"}},
		{"a late acceptance", func(w *world) {
			w.log("QB-NEW", in, up, tuple(1))
			w.log("QB-NEW", in, up, tuple(1))
			w.wait(time.Second) // the beat was suspended
			w.log("QB-PASS", in, up, tuple(1))
		}, []string{"vif4.0:1 user 1"}},
		{"a foreign address that Qubes accepts", func(w *world) {
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
		{"an inconclusive error, after a loss", func(w *world) {
			w.log("QB-NEW", in, up, tuple(1))
			w.reject(in, tuple(1), 3)
			w.Lost(w.now)
		}, nil},
		{"a rule of the user that logs accepted packets", func(w *world) {
			w.log("QB-NEW", in, up, tuple(1))
			w.log("QB-PASS", in, up, tuple(1))
			w.log("[UFW] ", in, up, tuple(1))
		}, nil},
		{"more accepted packets than are logged", func(w *world) {
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
			w.wait(firewall.MaxAge)
			slices.Sort(w.verdicts)
			if diff := cmp.Diff(tt.want, w.verdicts); diff != "" || w.Stats().Open != 0 {
				t.Errorf("%d left; verdicts mismatch (-want +got):\n%s", w.Stats().Open, diff)
			}
		})
	}
}

// TestTracker_times adds up the bytes of packets that one message stands for.
func TestTracker_times(t *testing.T) {
	t.Parallel()
	var bytes []uint64
	w := firewall.NewTracker(func(v *firewall.Verdict) { bytes = append(bytes, v.Bytes) })
	w.Observe(&firewall.Observation{Prefix: "DROP", In: "vif4.0", Out: "eth0", Tuple: tuple(1), Length: 60, Times: 3}, 0)
	w.Observe(&firewall.Observation{Prefix: "DROP", In: "vif4.0", Out: "eth0", Tuple: tuple(1), Length: 50}, 0)
	w.Flush(0)
	if len(bytes) != 1 || bytes[0] != 230 || w.Stats().Rules != 4 {
		t.Errorf("bytes = %v, stats = %+v; want 230, and 4 packets of rules", bytes, w.Stats())
	}
}

// TestTracker_flood checks that one client cannot fill memory or output, that all its
// attempts are counted, and that verdicts about others are not affected.
func TestTracker_flood(t *testing.T) {
	t.Parallel()
	w := newWorld()
	const n = 30_000
	for i := range n {
		w.log("QB-NEW", "vif4.0", "eth0", tuple(uint16(i)))
		if i%100 == 0 { // 500 a second: as many as our rules log of a client
			w.wait(200 * time.Millisecond)
		}
	}
	w.log("QB-NEW", "vif5.0", "eth0", tuple(7))
	w.wait(firewall.SettleDelay)
	w.Flush(w.now)
	s := w.Stats()
	if s.Refused != n+1 || s.Undecided != 0 || s.Verdicts > 3000 || !slices.Contains(w.verdicts, "vif5.0:7 user 1") {
		t.Errorf("stats = %+v; want %d refused in few verdicts, and one of vif5.0", s, n+1)
	}
}

// TestTracker_interfaces checks that the number of interfaces is bounded.
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

// TestTracker_Next checks that a caller who calls Advance only when Next asks for it gets
// the same verdicts, calls it no more than four times a second, and sleeps when nothing
// is tracked.
func TestTracker_Next(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.now = time.Hour
	if at, ok := w.Next(); ok {
		t.Errorf("Next of a new tracker = %v, true", at)
	}
	advance := func() (calls int) {
		for at, ok := w.Next(); ok; at, ok = w.Next() {
			if at < w.now || calls > 0 && at-w.now < firewall.AdvanceInterval {
				t.Fatalf("Next = %v; want %v later than %v", at, firewall.AdvanceInterval, w.now)
			}
			w.now = at
			w.Advance(at)
			calls++
		}
		return calls
	}

	w.log("QB-NEW", "vif4.0", "eth0", tuple(1))
	w.log("QB-PASS", "vif4.0", "eth0", tuple(1))
	if calls := advance(); calls > 3 || w.verdicts != nil {
		t.Errorf("an accepted attempt: %d calls, verdicts %q; want 3 calls at most", calls, w.verdicts)
	}

	begun := w.now
	w.log("QB-NEW", "vif4.0", "eth0", tuple(2))
	calls := advance()
	if diff := cmp.Diff([]string{"vif4.0:2 user 1"}, w.verdicts); diff != "" || calls > 4 {
		t.Errorf("a refused attempt: %d calls; verdicts mismatch (-want +got):\n%s", calls, diff)
	}
	if took := w.now - begun; took > firewall.IdleDelay+time.Second {
		t.Errorf("a refused attempt was tracked for %v; want %v", took, firewall.IdleDelay)
	}

	for port := range uint16(100) { // more than are reported at a time
		w.log("QB-NEW", "vif4.0", "eth0", tuple(port))
	}
	w.LostOf("vif5.0", w.now)
	w.Lost(w.now)
	advance()
	w.log("QB-NEW", "vif4.0", "eth0", tuple(1))
	w.Flush(w.now)
	if at, ok := w.Next(); ok || w.Stats().Open != 0 {
		t.Errorf("Next after Flush = %v, %v; %d open", at, ok, w.Stats().Open)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	got := []string{firewall.User.String(), firewall.ICMPError.String(), firewall.ReplyOther.String(), firewall.ReplyNone.String(),
		firewall.Point(200).String(), firewall.Source(200).String(), firewall.Reply(200).String()}
	want := []string{"user", "icmp_error", "unreachable", "", "unknown", "unknown", "unknown"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names mismatch (-want +got):\n%s", diff)
	}
}
