package dom0_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
)

// noise is what a hostile logging qube would like to have on the terminal of
// dom0: more than fits a pipe, with escape sequences that set a title, that
// clear the screen and that make a terminal answer.
func noise() string {
	return strings.Repeat("\x1b]0;owned\x07\x1b[2J\x1b[5n\x9b6n forged line\r\n", 8<<10)
}

// TestPush_oneWay checks that dom0 reads nothing back, whatever qvm-run does.
func TestPush_oneWay(t *testing.T) {
	tests := []struct {
		name string
		does dom0.Behaviour
	}{
		{"well", dom0.Behaviour{}},
		{"fails", dom0.Behaviour{Status: 1}},
		{"noisy", dom0.Behaviour{Noise: noise()}},
		{"noisy and fails", dom0.Behaviour{Noise: noise(), Status: 1}},
		{"closed and fails", dom0.Behaviour{Closed: true, Status: 1}},
	}
	eachRelease(t, func(t *testing.T, release string) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, release, tt.does)
				r.start(t)
				stream := r.qubesd.Stream(t)
				r.tell(t, stream, dom0.Established(t))
				r.isWell(t, r.next(t))
				r.tell(t, stream, dom0.Made(t, "personal", "property-set:label", "name", "label", "newvalue", "blue"))
				r.isWell(t, r.nextChange(t))
				if said := r.said(t); said != "" {
					t.Errorf("the script said %.200q", said)
				}
			})
		}
	})
}

// isWell checks that a push is as if qvm-run did well.
func (r *rig) isWell(t *testing.T, p dom0.Push) {
	t.Helper()
	want := []string{"--no-autostart", "--no-gui", "--pass-io", "--service", "sys-log", "qubesbeat.Inventory"}
	if diff := cmp.Diff(want, p.Args); diff != "" {
		t.Errorf("arguments of qvm-run mismatch (-want +got):\n%s", diff)
	}
	if len(p.Text) == 0 { // it did not read
		return
	}
	r.isTold(t, p)
}
