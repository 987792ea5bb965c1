package compat_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// line is one flow in the columns of packetbeat's baseline.
type line struct {
	src, srcPort, dst, dstPort, transport  string
	srcPackets, srcBytes, dstPackets, dstB uint64
	communityID, vlan                      string
}

// hosts names the pair of a flow, whichever side it began on.
func (l line) hosts() string {
	pair := []string{l.src, l.dst}
	slices.Sort(pair)
	return strings.Join(pair, " ")
}

// swap returns the flow seen from its other side.
func (l line) swap() line {
	l.src, l.dst, l.srcPort, l.dstPort = l.dst, l.src, l.dstPort, l.srcPort
	l.srcPackets, l.dstPackets, l.srcBytes, l.dstB = l.dstPackets, l.srcPackets, l.dstB, l.srcBytes
	return l
}

func (l line) packets() uint64 { return l.srcPackets + l.dstPackets }
func (l line) bytes() uint64   { return l.srcBytes + l.dstB }

// baseline reads packetbeat's flows by capture.
func baseline(t *testing.T) map[string][]line {
	t.Helper()
	f, err := os.Open(fixture.Shared(t, "baseline", "baseline_flows.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes = '\t', true
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatalf("reading the baseline: %v", err)
	}
	flows := map[string][]line{}
	for _, row := range rows[1:] {
		flows[row[0]] = append(flows[row[0]], line{src: row[2], srcPort: row[3], dst: row[5], dstPort: row[6],
			transport: row[7], srcPackets: number(row[8]), srcBytes: number(row[9]), dstPackets: number(row[10]),
			dstB: number(row[11]), communityID: row[12], vlan: row[13]})
	}
	return flows
}

func number(s string) uint64 {
	n, _ := strconv.ParseUint(s, 10, 64)
	return n
}

// ourLine writes a record in the baseline's columns. Ports and names are left
// out where packetbeat has none.
func ourLine(r *flow.Record) line {
	l := line{src: r.Source.Addr.Netip(r.Family).String(), dst: r.Destination.Addr.Netip(r.Family).String(),
		srcPackets: r.Source.Packets, srcBytes: r.Source.Bytes, dstPackets: r.Destination.Packets,
		dstB: r.Destination.Bytes, communityID: r.CommunityID(0)}
	switch r.Proto {
	case packet.ProtoTCP:
		l.transport = "tcp"
	case packet.ProtoUDP:
		l.transport = "udp"
	case packet.ProtoICMP:
		l.transport = "icmp"
	case packet.ProtoICMPv6:
		l.transport = "ipv6-icmp"
	}
	if r.Proto == packet.ProtoTCP || r.Proto == packet.ProtoUDP {
		l.srcPort, l.dstPort = fmt.Sprint(r.Source.Port), fmt.Sprint(r.Destination.Port)
	}
	switch r.VLANs {
	case 1:
		l.vlan = fmt.Sprint(r.VLAN[0])
	case 2:
		l.vlan = fmt.Sprintf("[%d, %d]", r.VLAN[0], r.VLAN[1])
	}
	return l
}

// TestFlows_packetbeat compares every flow of the baseline with ours.
func TestFlows_packetbeat(t *testing.T) {
	want, captures, rules := baseline(t), beatsCaptures(t), compatRules(t)
	if len(captures) != 116 {
		t.Errorf("packetbeat has %d captures; want 116", len(captures))
	}
	matched, explained, unexplained := 0, 0, 0
	for name, flows := range want {
		m := meter(t, captures[name], time.Hour)
		if m.fault != nil {
			t.Errorf("%s: %v", name, m.fault)
		}
		theirs, ours := unmatched(flows, m.records)
		matched += len(flows) - len(theirs)
		why, known := rules[name]
		switch {
		case len(theirs) == 0 && len(ours) == 0:
			if known {
				t.Errorf("%s: docs/packetbeat-compat.md explains a difference that is not there", name)
			}
		case known && why.allows(theirs, ours):
			explained += len(theirs)
		default:
			unexplained += len(theirs) + len(ours)
			t.Errorf("%s: packetbeat only: %+v\nqubesbeat only: %+v", name, theirs, ours)
		}
	}
	t.Logf("%d captures, %d flows: %d matched, %d explained, %d unexplained",
		len(captures), matched+explained+unexplained, matched, explained, unexplained)
}

// unmatched returns the flows of either side that the other does not have.
func unmatched(flows []line, records []flow.Record) (theirs, ours []line) {
	have := map[line]int{}
	for i := range records {
		have[ourLine(&records[i])]++
	}
	for _, l := range flows {
		if have[l] > 0 {
			have[l]--
			continue
		}
		theirs = append(theirs, l)
	}
	for l, n := range have {
		for range n {
			ours = append(ours, l)
		}
	}
	return theirs, ours
}
