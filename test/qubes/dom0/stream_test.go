package dom0_test

import (
	"net"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
)

// TestReplay_cut plays the real stream with its bytes cut in many ways.
func TestReplay_cut(t *testing.T) {
	tests := []struct {
		name   string
		pieces func(raw []byte) [][]byte
	}{
		{"byte by byte", func(raw []byte) [][]byte { return slices.Collect(slices.Chunk(raw, 1)) }},
		{"seven by seven", func(raw []byte) [][]byte { return slices.Collect(slices.Chunk(raw, 7)) }},
		{"before the last byte", func(raw []byte) [][]byte { return [][]byte{raw[:len(raw)-1], raw[len(raw)-1:]} }},
		{"after the first byte", func(raw []byte) [][]byte { return [][]byte{raw[:1], raw[1:]} }},
	}
	eachRelease(t, func(t *testing.T, release string) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, release, dom0.Behaviour{})
				r.start(t)
				stream := r.qubesd.Stream(t)
				got := r.replay(t, dom0.Occurrences(t, release), 0, func(o dom0.Occurrence) {
					r.world.Happen(o)
					trickle(t, stream, tt.pieces(o.Raw))
				})
				if diff := cmp.Diff(steps(), got, cmp.AllowUnexported(step{})); diff != "" {
					t.Errorf("pushes mismatch (-want +got):\n%s", diff)
				}
			})
		}
	})
}

// trickle writes pieces with pauses in between, so that each is read by itself.
func trickle(t *testing.T, stream net.Conn, pieces [][]byte) {
	t.Helper()
	for _, piece := range pieces {
		if _, err := stream.Write(piece); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Microsecond)
	}
}

// TestReplay_atOnce checks that events that come together make one push.
func TestReplay_atOnce(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		r := newRig(t, release, dom0.Behaviour{})
		r.start(t)
		stream := r.qubesd.Stream(t)
		for _, o := range dom0.Occurrences(t, release) {
			r.world.Happen(o)
		}
		if _, err := stream.Write(dom0.Printed(t, release, "api-admin.Events.bin")); err != nil {
			t.Fatal(err)
		}
		r.isTold(t, r.next(t))
		if p, ok := r.run.Within(t, silence); ok {
			t.Errorf("a second push followed: %s", p.Text)
		}
	})
}
