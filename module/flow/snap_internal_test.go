package flow

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/capture"
	meter "github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pipeline"
)

// fakeKeeper wants a number of bytes.
type fakeKeeper uint32

var _ Keeper = fakeKeeper(0) // type check

func (k fakeKeeper) Snap() uint32                                                   { return uint32(k) }
func (fakeKeeper) Report(*meter.Record)                                             {}
func (fakeKeeper) Wants(iface uint32) bool                                          { return iface != 13 }
func (fakeKeeper) Gone(uint32)                                                      {}
func (fakeKeeper) Keep([]capture.Frame, []packet.Packet, *meter.Table, []meter.Ref) {}

type fakeJudge struct{ pipeline.Judge }

// TestService_snap asks the kernel for as much of each packet as its users want, and with a
// dump for what there would be without it while the meter is behind.
func TestService_snap(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		dump    string
		hellos  bool
		snaplen int
		keeper  Keeper
		judge   pipeline.Judge
		want    capture.SnapPolicy
	}{
		{"plain", "", false, 0, nil, nil, capture.SnapPolicy{}},
		{"hellos", "", true, 0, nil, nil, capture.SnapPolicy{ClientHello: true, HeaderLen: snapWithHellos}},
		{"dump", "x", false, 0, nil, nil, capture.SnapPolicy{HeaderLen: capture.WholeFrame, PlainLen: capture.WholeFrame, Relief: capture.DefaultSnap}},
		{"dump and hellos", "x", true, 0, nil, nil, capture.SnapPolicy{ClientHello: true, HeaderLen: capture.WholeFrame, PlainLen: capture.WholeFrame, Relief: snapWithHellos}},
		{"dump with snaplen", "x", true, 2000, nil, nil, capture.SnapPolicy{ClientHello: true, FullLen: 2000, HeaderLen: 2000, PlainLen: 2000, Relief: snapWithHellos}},
		{"dump of headers", "x", true, 96, nil, nil, capture.SnapPolicy{ClientHello: true, FullLen: 96, HeaderLen: 96, PlainLen: 96, Relief: 96}},
		{"keeper", "", true, 0, fakeKeeper(capture.WholeFrame), nil, capture.SnapPolicy{ClientHello: true, HeaderLen: capture.WholeFrame, PlainLen: capture.WholeFrame, Relief: snapWithHellos}},
		{"keeper of headers", "", true, 0, fakeKeeper(256), nil, capture.SnapPolicy{ClientHello: true, HeaderLen: snapWithHellos, PlainLen: snapWithHellos, Relief: snapWithHellos}},
		{"judge", "", true, 0, nil, fakeJudge{}, capture.SnapPolicy{ClientHello: true, HeaderLen: snapWithHellos, Datagrams: true}},
		{"judge and dump", "x", false, 0, nil, fakeJudge{}, capture.SnapPolicy{HeaderLen: capture.WholeFrame, PlainLen: capture.WholeFrame, Relief: capture.DefaultSnap, Datagrams: true}},
		{"keeper of more than the dump", "x", false, 96, fakeKeeper(1500), nil, capture.SnapPolicy{FullLen: 96, HeaderLen: 1500, PlainLen: 1500, Relief: capture.DefaultSnap}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := New(Config{Dump: tt.dump, ClientHellos: tt.hellos, Flows: config.Flows{Enabled: true},
				Interfaces: []config.Interface{{Snaplen: tt.snaplen}}}, Deps{})
			if tt.keeper != nil {
				s.KeepPackets(tt.keeper)
			}
			s.JudgePackets(tt.judge)
			if diff := cmp.Diff(tt.want, s.snap()); diff != "" {
				t.Errorf("snap mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestService_brief has the kernel cut what is not kept, unless a dump wants all of it.
func TestService_brief(t *testing.T) {
	t.Parallel()
	s := &Service{keeper: fakeKeeper(1500)}
	if brief := s.brief(); brief == nil || brief(7) || !brief(13) {
		t.Error("frames that are not kept are not cut, or others are")
	}
	if s.conf.Dump = "x"; s.brief() != nil {
		t.Error("frames are cut that the dump wants")
	}
	if s := new(Service); s.brief() != nil {
		t.Error("there is no keeper, and still someone to ask")
	}
}
