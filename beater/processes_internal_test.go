package beater

import (
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/elastic/beats/v7/packetbeat/procs"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// TestProcesses finds the test itself behind both ends of a connection of its
// own, also when the connection is over before its flow is reported.
func TestProcesses(t *testing.T) {
	t.Parallel()
	w := new(procs.ProcessesWatcher)
	if err := w.Init(procs.ProcsConfig{Enabled: true}); err != nil {
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
	p := newProcesses(w)
	k := packet.Packet{Proto: packet.ProtoTCP, HasL4: true, SrcPort: src.Port(), DstPort: dst.Port()}
	k.Src, k.Family = packet.AddrFrom(src.Addr())
	k.Dst, _ = packet.AddrFrom(dst.Addr())
	p.Packet(&k, nil)
	found := func() *event.Flow {
		f := new(event.Flow)
		f.Proto, f.Family = packet.ProtoTCP, 4
		f.Source.Addr, f.Source.Port, f.Destination.Addr, f.Destination.Port = k.Dst, k.DstPort, k.Src, k.SrcPort // turned round
		p.addTo(f)
		return f
	}
	for end := time.Now().Add(20 * time.Second); found().SourceProcess == nil && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond) // the search runs beside
	}
	conn.Close()
	p.Close()
	for name, process := range map[string]*event.Process{"source": found().SourceProcess, "destination": found().DestinationProcess} {
		if process == nil || process.PID != os.Getpid() || process.Name == "" {
			t.Errorf("%s process = %+v; want %d", name, process, os.Getpid())
		}
	}
}

// TestProcesses_others leaves traffic between others alone.
func TestProcesses_others(t *testing.T) {
	t.Parallel()
	p := newProcesses(new(procs.ProcessesWatcher))
	k := packet.Packet{Proto: packet.ProtoTCP, HasL4: true, Family: 4, SrcPort: 1, DstPort: 2}
	k.Src, _ = packet.AddrFrom(netip.MustParseAddr("10.137.0.6"))
	k.Dst, _ = packet.AddrFrom(netip.MustParseAddr("1.1.1.1"))
	p.Packet(&k, nil)
	p.Close()
	if len(p.found) != 0 {
		t.Errorf("%d conversations of others were searched for", len(p.found))
	}
}
