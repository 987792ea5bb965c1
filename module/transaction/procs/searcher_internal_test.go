package procs

import (
	"net"
	"net/netip"
	"os"
	"testing"

	pbprocs "github.com/elastic/beats/v7/packetbeat/procs"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestSearcher finds the test's process at both ends of a connection, also if the
// connection ends before its flow is reported.
func TestSearcher(t *testing.T) {
	t.Parallel()
	s, err := New(pbprocs.ProcsConfig{Enabled: true}, netip.Addr.IsLoopback, nil)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	src, dst := netip.MustParseAddrPort(conn.LocalAddr().String()), netip.MustParseAddrPort(conn.RemoteAddr().String())
	k := packet.Packet{Proto: packet.ProtoTCP, HasL4: true, SrcPort: src.Port(), DstPort: dst.Port()}
	k.Src, k.Family = packet.AddrFrom(src.Addr())
	k.Dst, _ = packet.AddrFrom(dst.Addr())
	s.Packet(&k, nil)
	found := func() *event.Flow {
		f := new(event.Flow)
		f.Proto, f.Family = packet.ProtoTCP, 4
		f.Source.Addr, f.Source.Port, f.Destination.Addr, f.Destination.Port = k.Dst, k.DstPort, k.Src, k.SrcPort // reversed
		s.AddTo(f)
		return f
	}
	s.Close() // waits for the search
	conn.Close()
	for name, process := range map[string]*event.Process{"source": found().SourceProcess, "destination": found().DestinationProcess} {
		if process == nil || process.PID != os.Getpid() || process.Name == "" {
			t.Errorf("%s process = %+v; want %d", name, process, os.Getpid())
		}
	}
}

// TestSearcher_others does not search for the traffic of other machines.
func TestSearcher_others(t *testing.T) {
	t.Parallel()
	s := start(new(pbprocs.ProcessesWatcher), netip.Addr.IsLoopback, nil)
	k := packet.Packet{Proto: packet.ProtoTCP, HasL4: true, Family: 4, SrcPort: 1, DstPort: 2}
	k.Src, _ = packet.AddrFrom(netip.MustParseAddr("10.137.0.6"))
	k.Dst, _ = packet.AddrFrom(netip.MustParseAddr("1.1.1.1"))
	s.Packet(&k, nil)
	s.Close()
	if len(s.found) != 0 {
		t.Errorf("%d conversations of others were searched for", len(s.found))
	}
}
