package packets_test

import (
	"context"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/qubesbeat/qubesbeat/config"
	verdict "github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/module/packets"
)

// TestService_Lift has the flows of findings and verdicts lifted in the store, and does
// nothing without one.
func TestService_Lift(t *testing.T) {
	t.Parallel()
	source, destination := netip.MustParseAddrPort("10.137.0.7:40000"), netip.MustParseAddrPort("198.51.100.7:443")
	v := &verdict.Verdict{Tuple: verdict.Tuple{Proto: packet.ProtoUDP, Src: netip.MustParseAddr("10.137.0.7"), Dst: netip.MustParseAddr("198.51.100.8"), SrcPort: 1, DstPort: 2}}
	var none *packets.Service
	none.Lift(source, destination, packet.ProtoTCP)
	none.LiftVerdict(v)
	conf := packets.Config{Packets: config.Default().Packets, DataDir: t.TempDir()}
	conf.MinFree, conf.MaxBytes, conf.FlowLimit = 1, 1<<30, 1000
	s, err := packets.New(conf, packets.Deps{Inventory: inventory.NewIndex(inventory.Config{}), InterfaceName: func(uint32) string { return "vif7.0" },
		KernelDrops: func() uint64 { return 0 }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	s.Lift(source, destination, packet.ProtoTCP)
	s.Lift(source, destination, packet.ProtoTCP)
	s.LiftVerdict(v)
	if n := s.Status().Lifted; n != 2 {
		t.Errorf("%d flows are lifted; want that of the finding and that of the verdict", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Error(err)
	}
}
