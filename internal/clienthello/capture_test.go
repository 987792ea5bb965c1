package clienthello_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/clienthello"
)

// sharedFiles returns the files of a folder of captures that others made; it
// skips the test if there are none.
func sharedFiles(t *testing.T, pattern ...string) []string {
	t.Helper()
	dir := os.Getenv("QUBESBEAT_SHARED")
	if dir == "" {
		dir = "../../../shared"
	}
	pattern = append([]string{dir, "captures"}, pattern...)
	files, err := filepath.Glob(filepath.Join(pattern...))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("no files %s: run with QUBESBEAT_SHARED=<the shared folder of the project>", filepath.Join(pattern...))
	}
	return files
}

// beatsFiles returns captures of the Beats module, none if it is missing.
func beatsFiles() (files []string) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/elastic/beats/v7").Output()
	if err == nil {
		files, _ = filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "packetbeat/tests/system/pcaps/*.pcap"))
	}
	return files
}

// segments puts the segments of one side of a TCP connection in order.
type segments struct {
	stream  clienthello.TCP
	next    uint32
	begun   bool
	waiting map[uint32][]byte
}

func (s *segments) add(tcp *layers.TCP) {
	seq := tcp.Seq
	if tcp.SYN {
		seq++
	}
	if !s.begun || tcp.SYN {
		*s = segments{begun: true, next: seq, waiting: map[uint32][]byte{}}
	}
	if len(tcp.Payload) > len(s.waiting[seq]) {
		s.waiting[seq] = slices.Clone(tcp.Payload)
	}
	for {
		payload, ok := s.waiting[s.next]
		if !ok {
			return
		}
		delete(s.waiting, s.next)
		s.next += uint32(len(payload))
		s.stream.Feed(payload)
	}
}

// reading reads the client's words off a capture.
type reading struct {
	tcp    map[string]*segments
	udp    map[string]*clienthello.QUIC
	hellos []clienthello.Hello
	tried  bool // whether any payload looks like a client's
}

// readCapture returns what the connections of a capture begin with. Frames are
// decoded by gopacket, tunnels included.
func readCapture(t *testing.T, path string) *reading {
	t.Helper()
	r := &reading{tcp: map[string]*segments{}, udp: map[string]*clienthello.QUIC{}}
	file, err := capture.OpenFile(path, nil)
	if err != nil {
		return r
	}
	defer file.Close()
	var f capture.Frame
	for file.Next(&f) == nil {
		r.frame(gopacket.NewPacket(f.Data, layers.LinkType(f.Link), gopacket.Default))
	}
	for _, k := range slices.Sorted(maps.Keys(r.tcp)) {
		if s := &r.tcp[k].stream; s.Status() == clienthello.Done {
			r.hellos = append(r.hellos, s.Hello())
		}
	}
	for _, k := range slices.Sorted(maps.Keys(r.udp)) {
		if s := r.udp[k]; s.Status() == clienthello.Done {
			r.hellos = append(r.hellos, s.Hello())
		}
	}
	return r
}

// frame takes the innermost transport header of a frame.
func (r *reading) frame(p gopacket.Packet) {
	all := p.Layers()
	var key string
	var last gopacket.Layer
	for _, layer := range all {
		switch l := layer.(type) {
		case gopacket.NetworkLayer:
			key = l.NetworkFlow().String()
		case *layers.TCP, *layers.UDP:
			last = layer
		}
	}
	switch l := last.(type) {
	case *layers.TCP:
		key += l.TransportFlow().String()
		if r.tcp[key] == nil {
			r.tcp[key] = new(segments)
		}
		r.tried = r.tried || clienthello.IsTLSClient(l.Payload)
		r.tcp[key].add(l)
	case *layers.UDP:
		key += l.TransportFlow().String()
		if r.udp[key] == nil && clienthello.IsQUICInitial(l.Payload) {
			r.udp[key] = new(clienthello.QUIC)
		}
		if s := r.udp[key]; s != nil {
			r.tried = true
			s.Feed(l.Payload)
		}
	}
}
