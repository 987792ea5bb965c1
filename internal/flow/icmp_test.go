package flow_test

import (
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

const (
	pinger = "10.137.0.6"
	pinged = "1.1.1.1"
)

// TestTable_icmp says which ICMP messages make up a flow and who is its source.
func TestTable_icmp(t *testing.T) {
	t.Parallel()
	const out, back = "10.137.0.6:0 > 1.1.1.1:0 1 ", "1.1.1.1:0 > 10.137.0.6:0 1 "
	tests := []struct {
		name string
		in   []packet.Packet
		want []string
	}{
		{"echo", []packet.Packet{icmp(0, pinger, pinged, 8, 0, 7), icmp(ms, pinged, pinger, 0, 0, 7)}, []string{out + "1/1 forced"}},
		{"answer first", []packet.Packet{icmp(0, pinged, pinger, 0, 0, 7), icmp(ms, pinger, pinged, 8, 0, 7)}, []string{out + "1/1 forced"}},
		{"two pings", []packet.Packet{icmp(0, pinger, pinged, 8, 0, 7), icmp(ms, pinger, pinged, 8, 0, 8)},
			[]string{out + "1/0 forced", out + "1/0 forced"}},
		{"both ping, same id", []packet.Packet{icmp(0, pinger, pinged, 8, 0, 7), icmp(ms, pinged, pinger, 8, 0, 7)}, []string{out + "1/1 forced"}},
		{"timestamp", []packet.Packet{icmp(0, pinged, pinger, 14, 0, 7), icmp(ms, pinger, pinged, 13, 0, 7)}, []string{out + "1/1 forced"}},
		{"echo and timestamp", []packet.Packet{icmp(0, pinger, pinged, 8, 0, 7), icmp(ms, pinger, pinged, 13, 0, 7)},
			[]string{out + "1/0 forced", out + "1/0 forced"}},
		{"errors do not hide in a ping", []packet.Packet{icmp(0, pinger, pinged, 8, 0, 0), icmp(ms, pinged, pinger, 3, 1, 0)},
			[]string{out + "1/0 forced", back + "1/0 forced"}},
		{"errors by code", []packet.Packet{icmp(0, pinged, pinger, 3, 1, 0), icmp(ms, pinged, pinger, 3, 3, 0), icmp(2*ms, pinged, pinger, 3, 3, 0)},
			[]string{back + "1/0 forced", back + "2/0 forced"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newMeter(t).meter(tt.in...)
			m.Flush(flow.ReasonForced)
			m.want(t, tt.want...)
		})
	}
}

func TestTable_icmp6(t *testing.T) {
	t.Parallel()
	m := newMeter(t).meter(
		icmp6(0, "fd00::2", "fd00::1", 129, 0, 9), icmp6(ms, "fd00::1", "fd00::2", 128, 0, 9), // echo
		icmp6(2*ms, "fd00::1", "fd00::2", 135, 0, 0), icmp6(3*ms, "fd00::2", "fd00::1", 136, 0, 0)) // neighbours
	m.Flush(flow.ReasonForced)
	m.want(t, "[fd00::1]:0 > [fd00::2]:0 58 1/1 forced", "[fd00::1]:0 > [fd00::2]:0 58 1/0 forced",
		"[fd00::2]:0 > [fd00::1]:0 58 1/0 forced")
}

// TestRecord_icmp reports the identifier and the last message of each side.
func TestRecord_icmp(t *testing.T) {
	t.Parallel()
	m := newMeter(t).meter(icmp(0, pinged, pinger, 0, 0, 7), icmp(ms, pinger, pinged, 8, 0, 7), icmp(2*ms, pinged, pinger, 3, 13, 0))
	m.Flush(flow.ReasonForced)
	if len(m.records) != 2 {
		t.Fatalf("%d records; want 2", len(m.records))
	}
	echo, unreachable := m.records[0], m.records[1]
	if echo.ICMPID != 7 || echo.ICMPKind != 8<<8 || echo.Source.ICMPType != 8 || echo.Destination.ICMPType != 0 {
		t.Errorf("echo = %+v; want id 7, kind 0x800, types 8 and 0", echo)
	}
	if unreachable.ICMPID != 0 || unreachable.ICMPKind != 3<<8|13 || unreachable.Source.ICMPType != 3 || unreachable.Source.ICMPCode != 13 {
		t.Errorf("unreachable = %+v; want id 0, kind 0x30d, type 3, code 13", unreachable)
	}
	for _, r := range m.records {
		if !r.IsICMP() || r.Source.Port != 0 || r.Destination.Port != 0 {
			t.Errorf("record %+v; want ICMP without ports", r)
		}
	}
}

// TestTable_icmpCut has nothing but the address to go by if the message was
// not captured: the sender is the source.
func TestTable_icmpCut(t *testing.T) {
	t.Parallel()
	m := newMeter(t).meter(noPorts(icmp(0, pinger, pinged, 0, 0, 0)))
	m.Flush(flow.ReasonForced)
	m.want(t, "10.137.0.6:0 > 1.1.1.1:0 1 1/0 forced")
}
