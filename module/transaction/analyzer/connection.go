package analyzer

import (
	"container/list"
	"time"

	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/elastic/beats/v7/packetbeat/protos"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/reassembly"
)

// connection is a TCP connection that an analyzer follows.
type connection struct {
	protocol *protocol
	key      common.HashableIPPortTuple // of the first packet seen
	tuple    common.TCPTuple
	streams  [2]reassembly.Stream // by direction
	data     protos.ProtocolData  // the analyzer's state
	hello    *hello               // of a TLS client, nil for other protocols
	dead     bool                 // not analyzed further
	spent    time.Duration        // wall-clock time that its analyzer has used
	lastSeen int64                // packet time of the last packet
	synSeq   uint32               // sequence number of the SYN that opened it

	share    *portion
	place    *list.Element // in its share
	measured int           // bytes that data held when it was measured
	fed      int           // bytes charged for input of the analyzer since then
	charged  int           // bytes that the table has charged it with
}

// maxSpent is how much time an analyzer may use for one connection in all. Some
// start over at every segment of a message that never ends.
const maxSpent = 10 * time.Second

// The directions of a connection in the analyzers' numbering: original is that of
// the first packet seen.
const (
	reverse  = 0
	original = 1
)

// baseCost is what a connection costs in any case: the struct, its place in the
// table, the tuple, and an analyzer's empty state.
const baseCost = 2 << 10

// cost returns the bytes to charge the connection with, which are never less than
// it holds.
func (c *connection) cost() int {
	return baseCost + c.measured + c.fed + c.streams[0].Held() + c.streams[1].Held()
}

// giveUp ends the analysis of the connection and frees the analyzer's state.
func (c *connection) giveUp() { c.dead, c.data = true, nil }

// idle reports whether the connection has timed out. Like packetbeat's cache, it
// uses the default for a timeout that is not positive.
func (c *connection) idle(now int64) bool {
	timeout := int64(c.protocol.tcp.ConnectionTimeout())
	if timeout <= 0 {
		timeout = int64(protos.DefaultTransactionExpiration)
	}
	return now-c.lastSeen > timeout
}

// replacedBy reports whether a packet opens a new connection on the same ports.
func (c *connection) replacedBy(p *feed.Packet) bool {
	return p.Flags&(packet.SYN|packet.ACK) == packet.SYN && p.Seq != c.synSeq
}

// hasGap reports whether segments wait for a missing one.
func (c *connection) hasGap() bool { return c.streams[0].Held() > 0 || c.streams[1].Held() > 0 }
