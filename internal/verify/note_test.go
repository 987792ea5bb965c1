package verify_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/verify"
)

// TestVerifier_notes shows the same packets, in random order and while the world changes, to a
// verifier with the notes on flows and to one without. What they judge is the same.
func TestVerifier_notes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 5))
		with, without := newLab(t), newLab(t)
		without.flows = nil
		with.batch = 1 + random.IntN(flow.BatchSize)
		frames := anyFrames(random)
		for _, l := range []*lab{with, without} { // as captures of tcpdump are, with names of interfaces or without
			if l.plain = seed%3 > 0; seed%3 > 1 {
				clear(l.names)
			}
		}
		quiet := random.IntN(2) == 0 // else packets are followed all the time
		for range 3000 {
			f := frames[random.IntN(len(frames))]
			change, silent := random.IntN(400), random.IntN(2) == 0
			for _, l := range []*lab{with, without} {
				if change < changes {
					l.flush()
				}
				switch { // a change may be noticed a second later
				case !l.change(change):
				case silent: // by the next packet
					l.now += int64(2 * time.Second)
				default:
					l.wait(2 * time.Second)
				}
				if !quiet || !f.out || f.iface == eth0 {
					l.send(f)
				}
			}
			if random.IntN(50) == 0 {
				with.wait(time.Second)
				without.wait(time.Second)
			}
		}
		with.wait(time.Millisecond)
		without.wait(time.Millisecond)
		if diff := cmp.Diff(without.v.Stats(), with.v.Stats()); diff != "" {
			t.Fatalf("seed %d: stats mismatch (-without notes +with):\n%s", seed, diff)
		}
		if diff := cmp.Diff(verdicts(without), verdicts(with)); diff != "" {
			t.Fatalf("seed %d: results mismatch (-without notes +with):\n%s", seed, diff)
		}
	}
}

// toPeer sends a packet of work to the address of untrusted, where it comes out.
func (l *lab) toPeer() {
	f := frame{iface: ofWork, proto: packet.ProtoTCP, src: "10.137.0.6:1000", dst: "10.137.0.9:80", flags: data}
	l.send(f)
	f.iface, f.out = ofUntrusted, true
	l.show(f)
}

// TestVerifier_forgets classifies a conversation again after a change of the world, however many
// there were.
func TestVerifier_forgets(t *testing.T) {
	t.Parallel()
	for changes := 8180; changes < 8200; changes++ { // about as many as a note tells apart
		l := newLab(t)
		l.flows = nil // with it, the flow would be over
		l.qubes = []*qube.Qube{work}
		l.toPeer()
		l.qubes = []*qube.Qube{work, untrusted}
		for range changes {
			l.apply()
		}
		l.toPeer()
		l.wantPeerFail(changes)
	}
}

// TestVerifier_forgets_silently does so with the first packet after a second in which none came.
func TestVerifier_forgets_silently(t *testing.T) {
	t.Parallel()
	for _, packets := range []int{1, 2, 10} {
		l := newLab(t)
		l.qubes = []*qube.Qube{work}
		for range packets {
			l.toPeer()
		}
		l.qubes = []*qube.Qube{work, untrusted}
		l.now += int64(2 * time.Second)
		l.toPeer()
		l.wantPeerFail(packets)
	}
}

func (l *lab) wantPeerFail(after int) {
	l.tb.Helper()
	l.wait(2 * time.Second)
	if v := l.result("work", "ISO-1").Verdict; v != verify.Fail {
		l.tb.Errorf("after %d of them a packet to another qube is %v; want fail", after, v)
	}
}

// verdicts returns what commands show of verdicts, a line each.
func verdicts(l *lab) (lines []string) {
	l.tb.Helper()
	for _, v := range l.v.View().Verdicts {
		line, err := json.Marshal(v)
		if err != nil {
			l.tb.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	return lines
}

// changes are those that change makes.
const changes = 9

// change may change the world.
func (l *lab) change(n int) (changed bool) {
	switch n {
	case 0:
		l.qubes = []*qube.Qube{work, sysVPN, sysWhonix, banking}
	case 1:
		l.qubes = []*qube.Qube{work, untrusted, sysVPN, sysWhonix, banking}
	case 2:
		l.vpn()
	case 3:
		delete(l.expects, "sys-vpn")
		l.apply()
	case 4:
		l.names[6] = "vif6.0"
	case 5:
		moved := *untrusted
		moved.IP = work.IP6
		l.qubes = []*qube.Qube{work, &moved, sysVPN}
	case 6:
		l.qvmFirewall("10.137.0.6", "policy=drop")
	case 7:
		l.qvmFirewall("10.137.0.6", "policy=drop", "action=accept proto=icmp icmptype=8", "action=accept proto=udp")
	case 8:
		l.qvmFirewall("10.137.0.6", "policy=accept")
	default:
		return false
	}
	return true
}

// anyFrames are frames of many kinds, both ways, on interfaces of all kinds.
func anyFrames(random *rand.Rand) (frames []frame) {
	ends := []string{"10.137.0.6:1000", "10.137.0.9:53", "10.137.0.20:40000", "10.137.0.5:53", "10.139.1.1:53", endpoint, server, "192.168.1.77:445", "198.51.100.7:53"}
	for range 60 {
		f := frame{iface: []uint32{eth0, ofWork, ofUntrusted, ofVPN, ofWhonix, 6}[random.IntN(6)], out: random.IntN(2) == 0, ttl: 63,
			proto: []uint8{packet.ProtoUDP, packet.ProtoTCP, packet.ProtoICMP}[random.IntN(3)], flags: data, pad: random.IntN(100)}
		f.icmp = []byte{0, 8, 3, 11, 13}[random.IntN(5)]
		f.src = ends[random.IntN(len(ends))]
		for f.dst == "" || f.dst == f.src {
			f.dst = ends[random.IntN(len(ends))]
		}
		answer := f
		answer.src, answer.dst, answer.out = f.dst, f.src, !f.out
		frames = append(frames, f, answer)
	}
	return slices.Clip(frames)
}
