package flow

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/capture"
)

// TestService_snap asks the kernel for as much of each packet as its users want, and with a
// dump for what there would be without it while the meter is behind.
func TestService_snap(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		dump    string
		hellos  bool
		snaplen int
		want    capture.SnapPolicy
	}{
		{"plain", "", false, 0, capture.SnapPolicy{}},
		{"hellos", "", true, 0, capture.SnapPolicy{ClientHello: true, HeaderLen: snapWithHellos}},
		{"dump", "x", false, 0, capture.SnapPolicy{HeaderLen: capture.WholeFrame, PlainLen: capture.WholeFrame, Relief: capture.DefaultSnap}},
		{"dump and hellos", "x", true, 0, capture.SnapPolicy{ClientHello: true, HeaderLen: capture.WholeFrame, PlainLen: capture.WholeFrame, Relief: snapWithHellos}},
		{"dump with snaplen", "x", true, 2000, capture.SnapPolicy{ClientHello: true, FullLen: 2000, HeaderLen: 2000, PlainLen: 2000, Relief: snapWithHellos}},
		{"dump of headers", "x", true, 96, capture.SnapPolicy{ClientHello: true, FullLen: 96, HeaderLen: 96, PlainLen: 96, Relief: 96}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := New(Config{Dump: tt.dump, ClientHellos: tt.hellos, Flows: config.Flows{Enabled: true},
				Interfaces: []config.Interface{{Snaplen: tt.snaplen}}}, Deps{})
			if diff := cmp.Diff(tt.want, s.snap()); diff != "" {
				t.Errorf("snap mismatch (-want +got):\n%s", diff)
			}
		})
	}
}
