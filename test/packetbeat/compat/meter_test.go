package compat_test

import (
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// metered is what one capture gave.
type metered struct {
	records []flow.Record
	frames  uint64 // read
	bytes   uint64
	other   uint64 // frames in no flow
	otherB  uint64
	fault   error
}

// meter reads a capture with the given idle timeout.
func meter(tb testing.TB, path string, idle time.Duration) metered {
	tb.Helper()
	src, err := capture.OpenFile(path, nil)
	if err != nil {
		return metered{fault: err}
	}
	defer src.Close()
	var m metered
	table, err := flow.New(flow.Config{IdleTimeout: idle, MaxFlows: 1 << 20,
		Report: func(r *flow.Record) { m.records = append(m.records, *r) }})
	if err != nil {
		tb.Fatalf("flow.New = %v", err)
	}
	m.read(src, table)
	table.Flush(flow.ReasonForced)
	return m
}

func (m *metered) read(src capture.Source, table *flow.Table) {
	var f capture.Frame
	var p packet.Packet
	for {
		if err := src.Next(&f); err != nil {
			if !errors.Is(err, io.EOF) {
				m.fault = err
			}
			return
		}
		m.frames++
		m.bytes += uint64(f.Length)
		if f.Decode(&p) == packet.OK {
			table.Update(&p)
			continue
		}
		m.other++
		m.otherB += uint64(f.Length)
	}
}

// sum adds up the records.
func (m *metered) sum() (packets, bytes uint64) {
	for i := range m.records {
		r := &m.records[i]
		packets += r.Source.Packets + r.Destination.Packets
		bytes += r.Source.Bytes + r.Destination.Bytes
	}
	return packets, bytes
}

// beatsCaptures returns packetbeat's captures by their name without extension.
func beatsCaptures(tb testing.TB) map[string]string {
	tb.Helper()
	found := map[string]string{}
	for _, path := range fixture.BeatsCaptures(tb) {
		found[strings.TrimSuffix(filepath.Base(path), ".pcap")] = path
	}
	return found
}
