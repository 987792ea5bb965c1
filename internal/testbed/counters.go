//go:build linux

package testbed

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Counters are the kernel's counters of an interface, seen from the machine
// that has the interface: on a vif, Rx is what the client sent. Bytes are of
// whole frames, with the Ethernet header; a super frame counts as one packet.
type Counters struct {
	RxBytes, RxPackets, RxDropped uint64
	TxBytes, TxPackets, TxDropped uint64
}

// Sub returns what was counted since earlier.
func (c Counters) Sub(earlier Counters) Counters {
	return Counters{
		RxBytes: c.RxBytes - earlier.RxBytes, RxPackets: c.RxPackets - earlier.RxPackets,
		RxDropped: c.RxDropped - earlier.RxDropped,
		TxBytes:   c.TxBytes - earlier.TxBytes, TxPackets: c.TxPackets - earlier.TxPackets,
		TxDropped: c.TxDropped - earlier.TxDropped,
	}
}

// VifCounters returns the counters of q's vif in its netvm. It fails the test
// if q does not run.
func (n *Network) VifCounters(q *Qube) Counters {
	n.tb.Helper()
	c, err := q.netvm.Counters(q.Vif)
	n.must(err)
	return c
}

// Counters returns the counters of an interface of the machine. They come over
// netlink: /sys shows the namespace that it was mounted in.
func (h *Host) Counters(ifname string) (Counters, error) {
	out, _, err := h.Run(context.Background(), "ip", "-s", "-j", "link", "show", "dev", ifname)
	if err != nil {
		return Counters{}, err
	}
	type half struct {
		Bytes   uint64 `json:"bytes"`
		Packets uint64 `json:"packets"`
		Dropped uint64 `json:"dropped"`
	}
	var links []struct {
		Stats struct {
			RX half `json:"rx"`
			TX half `json:"tx"`
		} `json:"stats64"`
	}
	if err = json.Unmarshal([]byte(out), &links); err != nil || len(links) != 1 {
		return Counters{}, fmt.Errorf("reading the counters of %s: %w: %s", ifname, err, out)
	}
	rx, tx := links[0].Stats.RX, links[0].Stats.TX
	return Counters{
		RxBytes: rx.Bytes, RxPackets: rx.Packets, RxDropped: rx.Dropped,
		TxBytes: tx.Bytes, TxPackets: tx.Packets, TxDropped: tx.Dropped,
	}, nil
}

// settleTime is how long all vifs must be still to count as silent: longer
// than the delayed acknowledgement of TCP, 40 ms.
const settleTime = 150 * time.Millisecond

// Settle waits until no frame passes the vifs of sys-log any more, for ten
// seconds at most. A program has often ended before the last packet of its
// connection.
func (n *Network) Settle() {
	n.tb.Helper()
	var was string
	for range 10 * int(time.Second/settleTime) {
		now, _, err := n.Log.Run(context.Background(), "ip", "-s", "-j", "link", "show")
		n.must(err)
		if now == was {
			return
		}
		was = now
		time.Sleep(settleTime)
	}
	n.tb.Fatalf("testbed: the network does not come to rest")
}
