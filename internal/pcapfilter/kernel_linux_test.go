package pcapfilter_test

import (
	"fmt"
	"net"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv4"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pcapfilter"
)

// TestCompile_kernel lets the kernel check every program of the corpus. A filter
// may be attached to any socket, and to a UDP one without privileges.
func TestCompile_kernel(t *testing.T) {
	t.Parallel()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Skipf("no UDP socket: %v; run the test where the loopback interface is up", err)
	}
	defer c.Close()
	conn := ipv4.NewPacketConn(c)
	exprs := lines(t, "corpus.txt")
	long := "port 1"
	for i := range 120 {
		long += fmt.Sprintf(" or host 10.0.0.%d", i)
	}
	attached := 0
	for _, link := range []packet.Link{packet.LinkEthernet, packet.LinkRaw, packet.LinkSLL, packet.LinkSLL2, packet.LinkNull} {
		for _, expr := range append(exprs, long) {
			prog, err := pcapfilter.Compile(expr, link, 0)
			if err != nil {
				continue // TestCompile_tcpdump says whether it should
			}
			raw, err := bpf.Assemble(prog)
			if err != nil {
				t.Errorf("%s: Assemble: %v", expr, err)
				continue
			}
			if err := conn.SetBPF(raw); err != nil {
				t.Errorf("%s, link type %d: %d instructions are refused: %v", expr, link, len(prog), err)
			}
			attached++
		}
	}
	t.Logf("%d programs attached", attached)
}
