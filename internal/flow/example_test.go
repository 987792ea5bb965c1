package flow_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// A request and its answer are one flow. It ends when packet time has passed the
// idle timeout, whatever the clock on the wall says.
func ExampleTable() {
	table, err := flow.New(flow.Config{
		IdleTimeout: 30 * time.Second,
		MaxFlows:    1000,
		Report: func(r *flow.Record) {
			fmt.Printf("%v:%d to %v:%d, %d and %d packets, %v, %v\n",
				r.Source.Addr.Netip(r.Family), r.Source.Port, r.Destination.Addr.Netip(r.Family), r.Destination.Port,
				r.Source.Packets, r.Destination.Packets, time.Duration(r.End-r.Start), r.Reason)
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client, family := packet.AddrFrom(netip.MustParseAddr("10.137.0.6"))
	server, _ := packet.AddrFrom(netip.MustParseAddr("192.0.2.53"))
	start := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC).UnixNano()
	query := packet.Packet{Time: start, Length: 71, Family: family, Proto: packet.ProtoUDP, HasL4: true,
		Src: client, SrcPort: 40000, Dst: server, DstPort: 53}
	answer := packet.Packet{Time: start + int64(20*time.Millisecond), Length: 87, Family: family, Proto: packet.ProtoUDP, HasL4: true,
		Src: server, SrcPort: 53, Dst: client, DstPort: 40000}
	table.Update(&query)
	table.Update(&answer)
	table.Advance(start + int64(time.Minute))
	// Output:
	// 10.137.0.6:40000 to 192.0.2.53:53, 1 and 1 packets, 20ms, idle
}
