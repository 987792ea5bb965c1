package dom0_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
)

// A step is an event with the change that it makes to the push.
type step struct {
	event   string
	changes []string
}

// steps are the events of the real stream that change something: all others must
// be followed by silence. The xid goes before domain-shutdown, at
// property-reset:xid, because qubesd says so earlier.
func steps() []step {
	personal := func(label, netvm, ip string) string {
		return "personal AppVM " + label + " " + netvm + " " + ip + " fd09:24ef:4179::a89:8 debian-12-minimal -1"
	}
	disp := func(xid string) string {
		// n = 3210-1: n/254 and n%254+1, see disposableIP.
		return "disp3210 DispVM red sys-log 10.138.12.162 fd09:24ef:4179::a8a:c8a default-dvm " + xid
	}
	return []step{
		{"connection-established", nil},
		{"personal property-set:label green", []string{"-" + personal("yellow", "sys-log", "10.137.0.8"), "+" + personal("green", "sys-log", "10.137.0.8")}},
		{"personal property-set:netvm sys-fw2", []string{"-" + personal("green", "sys-log", "10.137.0.8"), "+" + personal("green", "sys-fw2", "10.137.0.8")}},
		{"personal property-set:netvm None", []string{"-" + personal("green", "sys-fw2", "10.137.0.8")}},
		{"personal property-set:netvm sys-log", []string{"+" + personal("green", "sys-log", "10.137.0.8")}},
		{"personal property-set:ip 10.137.0.222", []string{"-" + personal("green", "sys-log", "10.137.0.8"), "+" + personal("green", "sys-log", "10.137.0.222")}},
		{"disp3210 domain-add", []string{"+" + disp("-1")}},
		{"disp3210 domain-spawn", []string{"-" + disp("-1"), "+" + disp("24")}},
		{"disp3210 property-reset:xid", []string{"-" + disp("24"), "+" + disp("-1")}},
		{"disp3210 domain-delete", []string{"-" + disp("-1")}},
	}
}

// line is a qube in words.
func line(q qube.Qube) string {
	text := fmt.Sprintf("%s %s %s %s %v %v %s %d", q.Name, q.Class, q.Label, q.NetVM, q.IP, q.IP6, q.Template, q.XID)
	return strings.Join(append([]string{text}, q.Tags...), " ")
}

// changes says what is different in the second of two lists.
func changes(before, after []qube.Qube) (all []string) {
	count := map[string]int{}
	for _, q := range before {
		count[line(q)]--
	}
	for _, q := range after {
		count[line(q)]++
	}
	for _, q := range before {
		if count[line(q)] < 0 {
			all = append(all, "-"+line(q))
		}
	}
	for _, q := range after {
		if count[line(q)] > 0 {
			all = append(all, "+"+line(q))
		}
	}
	return all
}

// TestReplay plays the real stream event by event.
func TestReplay(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		r := newRig(t, release, dom0.Behaviour{})
		r.start(t)
		stream := r.qubesd.Stream(t)
		got := r.replay(t, dom0.Occurrences(t, release), silence, func(o dom0.Occurrence) { r.tell(t, stream, o) })
		if diff := cmp.Diff(steps(), got, cmp.AllowUnexported(step{})); diff != "" {
			t.Errorf("pushes mismatch (-want +got):\n%s", diff)
		}
	})
}

// replay sends events one by one and returns those that were followed by a push,
// if need be within quiet. After one that changes something it waits for longer,
// so that with no quiet a push too many comes where another is awaited.
func (r *rig) replay(t *testing.T, all []dom0.Occurrence, quiet time.Duration, tell func(dom0.Occurrence)) (got []step) {
	t.Helper()
	loud := map[string]bool{}
	for _, s := range steps() {
		loud[s.event] = true
	}
	var before []qube.Qube
	for _, o := range all {
		tell(o)
		wait := quiet
		if loud[o.String()] {
			wait = waitTimeout
		}
		p, ok := r.run.ChangeWithin(t, wait)
		if !ok {
			continue
		}
		now := parse(t, p)
		s := step{event: o.String()}
		if before != nil {
			s.changes = changes(before, now)
		}
		got, before = append(got, s), now
	}
	return got
}
