//go:build linux

package dropin_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// analyzed are the ports of runner.AllProtocols.
var analyzed = map[uint16]string{
	5672: "amqp", 9042: "cassandra", 67: "dhcpv4", 68: "dhcpv4", 53: "dns", 80: "http", 8080: "http", 8000: "http",
	5000: "http", 8002: "http", 11211: "memcache", 3306: "mysql", 13001: "mysql", 5432: "pgsql", 6379: "redis",
	9090: "thrift", 27017: "mongodb", 2049: "nfs", 443: "tls", 993: "tls", 995: "tls", 5223: "tls", 8443: "tls",
	8883: "tls", 9243: "tls", 5060: "sip",
}

// dialogue is a conversation of a capture.
type dialogue struct {
	port uint16
	udp  bool
	said []message
}

// Of long dialogues the beginning is enough: then everything has been said once.
const (
	mostMessages = 8
	mostBytes    = 16 << 10
)

// dialogues returns those of all captures that an analyzer reads, by protocol.
func dialogues(t *testing.T) map[string][]*dialogue {
	t.Helper()
	all := map[string][]*dialogue{}
	for _, path := range fixture.BeatsCaptures(t) {
		for _, d := range dialoguesOf(t, path) {
			name := analyzed[d.port]
			if !slices.ContainsFunc(all[name], d.equal) {
				all[name] = append(all[name], d)
			}
		}
	}
	return all
}

// equal reports whether both say the same.
func (d *dialogue) equal(other *dialogue) bool {
	return d.udp == other.udp && slices.EqualFunc(d.said, other.said, func(a, b message) bool {
		return a.FromClient == b.FromClient && bytes.Equal(a.Data, b.Data)
	})
}

// dialoguesOf returns those of one capture. Segments are taken as they come: a
// repeated one is one more malformed input.
func dialoguesOf(t *testing.T, path string) (all []*dialogue) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	src, err := pcapgo.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Logf("%s: %v", filepath.Base(path), err) // one is pcapng by another name
		return nil
	}
	known := map[string]*dialogue{}
	for {
		frame, _, err := src.ReadPacketData()
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Logf("%s: %v", filepath.Base(path), err)
			}
			return all
		}
		p := gopacket.NewPacket(frame, src.LinkType(), gopacket.NoCopy)
		key, port, udp, m := read(p)
		if analyzed[port] == "" || len(m.Data) == 0 {
			continue
		}
		d := known[key]
		if d == nil {
			d = &dialogue{port: port, udp: udp}
			known[key] = d
			all = append(all, d)
		}
		if len(d.said) < mostMessages {
			m.Data = m.Data[:min(len(m.Data), mostBytes)]
			d.said = append(d.said, m)
		}
	}
}

// read returns what a packet says, the port of the analyzer that reads it, and a
// key of its conversation.
func read(p gopacket.Packet) (key string, port uint16, udp bool, m message) {
	var src, dst uint16
	switch l := p.TransportLayer().(type) {
	case *layers.TCP:
		src, dst, m.Data = uint16(l.SrcPort), uint16(l.DstPort), l.Payload
	case *layers.UDP:
		src, dst, m.Data, udp = uint16(l.SrcPort), uint16(l.DstPort), l.Payload, true
	default:
		return
	}
	port, m.FromClient = dst, true
	if analyzed[src] != "" && analyzed[dst] == "" {
		port, m.FromClient = src, false
	}
	ends := []string{p.TransportLayer().TransportFlow().String(), p.TransportLayer().TransportFlow().Reverse().String()}
	slices.Sort(ends)
	if n := p.NetworkLayer(); n != nil {
		pair := []string{n.NetworkFlow().Src().String(), n.NetworkFlow().Dst().String()}
		slices.Sort(pair)
		ends = append(ends, pair...)
	}
	return strings.Join(ends, " "), port, udp, m
}
