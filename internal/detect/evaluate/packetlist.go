package evaluate

import (
	"encoding/csv"
	"errors"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/detect"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// A list of packets has a line for each, without addresses: time_since_last is the time since
// the line before in seconds, and src_ip is 0 for the client. Lengths of frames and ports may
// be there.
const (
	sinceColumn = "time_since_last"
	sideColumn  = "src_ip"
)

// columns are the columns of a list of packets, -1 for those that it lacks.
type columns struct{ since, side, length, sport, dport int }

// packetColumns returns the columns of a list of packets, and whether the header is that of
// one.
func packetColumns(header []string) (c columns, ok bool) {
	find := func(names ...string) int {
		return slices.IndexFunc(header, func(h string) bool { return slices.Contains(names, strings.ToLower(strings.TrimSpace(h))) })
	}
	c = columns{find(sinceColumn), find(sideColumn), find("length", "len", "size", "packet_length", "packet_len", "pkt_len", "frame_len", "bytes"),
		find("src_port", "sport", "srcport"), find("dst_port", "dport", "dstport")}
	return c, c.since >= 0 && c.side >= 0
}

// isPacketList reports whether a file is a list of packets.
func isPacketList(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	header, err := csv.NewReader(io.LimitReader(f, maxLine)).Read()
	if err != nil {
		return false
	}
	_, ok := packetColumns(header)
	return ok
}

// The ends of the packets of a list, whose addresses are not known.
var (
	listClient, _ = packet.AddrFrom(netip.AddrFrom4([4]byte{10, 137, 0, 15}))
	listServer, _ = packet.AddrFrom(netip.AddrFrom4([4]byte{198, 51, 100, 9}))
)

// packetList returns what happens in a list of packets.
func packetList(path string) (items []detect.Item, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := csv.NewReader(f)
	lines.FieldsPerRecord, lines.ReuseRecord = -1, true
	header, err := lines.Read()
	if err != nil {
		return nil, err
	}
	c, _ := packetColumns(header)
	feed := detect.NewFeed(func(list ...detect.Item) { items = append(items, list...) }, nil)
	conf := tableConfig
	conf.Notice, conf.Report = feed.Notice, feed.Record
	table, err := flow.New(conf)
	if err != nil {
		return nil, err
	}
	at := 1_700_000_000.0
	for {
		row, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		at += max(0, c.number(row, c.since, 0))
		p := c.packet(row, int64(at*1e6)*1000)
		table.Update(&p)
		feed.Flush(true)
	}
	table.Flush(flow.ReasonForced)
	feed.Flush(true)
	return items, nil
}

// number returns a number of a line, or another one if it has none.
func (c *columns) number(row []string, column int, without float64) float64 {
	if column < 0 || column >= len(row) {
		return without
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(row[column]), 64)
	if err != nil || v != v {
		return without
	}
	return v
}

// The shape of a packet whose columns are not there.
const (
	listFrame  = 200 // bytes
	listHeader = 14 + 20
	listBare   = 90 // a frame with no more than headers, options and padding
)

// packet returns the packet of a line: a segment of a connection that has begun before.
func (c *columns) packet(row []string, at int64) packet.Packet {
	length := uint32(min(max(c.number(row, c.length, listFrame), 54), 1<<16))
	p := packet.Packet{Time: at, Length: length, Family: 4, Proto: packet.ProtoTCP, TCPFlags: packet.ACK, TransportLen: min(length-listHeader, 60),
		Src: listClient, Dst: listServer, SrcPort: 40000, DstPort: 443}
	if length > listBare {
		p.TCPFlags, p.TransportLen = packet.ACK|packet.PSH, length-listHeader
	}
	if c.number(row, c.side, 0) != 0 {
		p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
	}
	p.SrcPort, p.DstPort = uint16(c.number(row, c.sport, float64(p.SrcPort))), uint16(c.number(row, c.dport, float64(p.DstPort)))
	return p
}
