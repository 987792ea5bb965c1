package capture_test

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/clienthello"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pcapfilter"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// testPolicy is what the tests capture in full.
var testPolicy = capture.SnapPolicy{TCPPorts: []uint16{80, 3306}, UDPPorts: []uint16{53, 67, 68},
	ICMP: true, ClientHello: true, HeaderLen: 70}

// corpus returns Ethernet frames of packetbeat's captures, some of them cut to
// every length, as hostile or broken clients send them.
func corpus(t *testing.T) (frames [][]byte) {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/elastic/beats/v7").Output()
	if err != nil {
		t.Fatalf("finding the captures: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "packetbeat/tests/system/pcaps/*.pcap"))
	if err != nil || len(files) < 50 {
		t.Fatalf("%d captures, %v", len(files), err)
	}
	for _, file := range files {
		frames = append(frames, some(t, file)...)
	}
	for _, f := range slices.Clone(frames[:min(len(frames), 60)]) {
		if f[12] == 0x81 {
			continue // a cut tag is dropped by the kernel itself
		}
		for n := 15; n < min(len(f), 90); n++ {
			frames = append(frames, f[:n:n])
		}
	}
	return frames
}

// some returns the first frames of a capture that fit a veth.
func some(t *testing.T, file string) (frames [][]byte) {
	t.Helper()
	src, err := capture.OpenFile(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var f capture.Frame
	for len(frames) < 25 {
		if err := src.Next(&f); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if f.Link == packet.LinkEthernet && len(f.Data) >= 15 && len(f.Data) <= 1514 {
			frames = append(frames, slices.Clone(f.Data))
		}
	}
	return frames
}

// wanted decides independently of the filter how much of a frame is to be
// captured: "full" for what an analyzer reads, "headers" for plain packets that
// nothing asks for, and "any" if there are other headers in between.
func wanted(frame []byte) string {
	var p packet.Packet
	if p.Decode(packet.LinkEthernet, frame) != packet.OK {
		return "any"
	}
	t := p.Transport(frame)
	tcp, udp := p.Proto == packet.ProtoTCP && len(t) >= 20, p.Proto == packet.ProtoUDP && len(t) >= 8
	switch {
	case p.Fragment != packet.FragmentNone || p.IsICMP(),
		tcp && hasPort(&p, testPolicy.TCPPorts), udp && hasPort(&p, testPolicy.UDPPorts):
		return "full"
	case tcp && beginsTLS(t):
		return "full"
	case encapsulated(&p), !tcp && !udp, beginsRecord(t):
		return "any"
	}
	return "headers"
}

// encapsulated reports whether a packet has a tag or is in a tunnel.
func encapsulated(p *packet.Packet) bool { return p.VLANs > 0 || p.Outer.Kind != packet.TunnelNone }

// hasPort reports whether a packet is from or to one of the ports.
func hasPort(p *packet.Packet, ports []uint16) bool {
	return slices.Contains(ports, p.SrcPort) || slices.Contains(ports, p.DstPort)
}

// beginsTLS reports whether a TCP segment begins with the ClientHello of TLS.
func beginsTLS(t []byte) bool {
	n := int(t[12]>>4) * 4
	return len(t) > n+6 && clienthello.IsTLSClient(t[n:])
}

// beginsRecord reports whether a segment begins with the type of a handshake
// record, which is all that the filter sees of one that is cut.
func beginsRecord(t []byte) bool {
	n := int(t[12]>>4) * 4
	return len(t) > n && t[n] == 0x16
}

// TestRing_Next_snap checks that the filter loses no frame, captures in full what
// is wanted, and cuts the rest.
func TestRing_Next_snap(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	w := newWire(t, "vif4.0")
	r := openRing(t, capture.RingConfig{Snap: testPolicy}, "vif*")
	w.deliver(t, udpFrame(9, 60))
	checkReceived(t, r, "vif4.0 1 len 60 of 60 ok port 9 vlan []")
	counts := map[string]int{}
	for part := range slices.Chunk(corpus(t), 64) {
		before := rxPackets(t, w.near)
		for _, frame := range part {
			send(t, w.fd, frame)
		}
		if n := rxPackets(t, w.near) - before; n != uint64(len(part)) {
			t.Fatalf("the interface has seen %d of %d frames", n, len(part))
		}
		for _, frame := range part {
			checkKept(t, r, frame, counts)
		}
	}
	t.Log(counts)
	if counts["full"] < 500 || counts["headers"] < 100 {
		t.Errorf("%v: too few to prove anything", counts)
	}
}

// checkKept reads the next frame and compares what is kept of it.
func checkKept(t *testing.T, r *capture.Ring, frame []byte, counts map[string]int) {
	t.Helper()
	f := next(t, r)
	if int(f.Length) != len(frame) {
		t.Fatalf("a frame of %d bytes is followed by one of %d: one is missing: %x", len(frame), f.Length, frame)
	}
	full := len(frame)
	if f.HasVLAN {
		full -= 4 // the kernel has taken the tag out
	}
	want := wanted(frame)
	counts[want]++
	switch {
	case want == "full" && len(f.Data) != full:
		t.Errorf("%d of %d bytes are kept; want all: %x", len(f.Data), full, frame)
	case want == "headers" && len(f.Data) != min(full, int(testPolicy.HeaderLen)):
		t.Errorf("%d of %d bytes are kept; want %d: %x", len(f.Data), full, testPolicy.HeaderLen, frame)
	}
}

// next waits for one frame.
func next(t *testing.T, r *capture.Ring) *capture.Frame {
	t.Helper()
	f := new(capture.Frame)
	for range 20 {
		err := r.Next(f)
		if err == nil {
			return f
		}
		if !errors.Is(err, capture.ErrIdle) {
			t.Fatal(err)
		}
	}
	t.Fatal("no frame")
	return nil
}

// TestRing_Next_filter takes what the user's filter of an interface takes, and no
// filter for an interface without one.
func TestRing_Next_filter(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	work, mail := newWire(t, "vif4.0"), newWire(t, "vif5.0")
	compiled, err := pcapfilter.Compile("udp dst port 1 or udp dst port 3", packet.LinkEthernet, 1)
	if err != nil {
		t.Fatal(err)
	}
	r := openRing(t, capture.RingConfig{Filters: []capture.Filter{
		{Devices: matcher(t, "vif5.0")}, {Devices: matcher(t, "vif4.0"), Ethernet: compiled, Raw: compiled}}}, "vif*")
	for port := range uint16(5) {
		work.deliver(t, udpFrame(port, 60))
		mail.deliver(t, udpFrame(10+port, 60))
	}
	var want []string
	for port := range 5 {
		if port == 1 || port == 3 {
			want = append(want, fmt.Sprintf("vif4.0 1 len 60 of 60 ok port %d vlan []", port))
		}
		want = append(want, fmt.Sprintf("vif5.0 1 len 60 of 60 ok port %d vlan []", 10+port))
	}
	checkReceived(t, r, want...)
}

func matcher(t *testing.T, device string) *capture.Matcher {
	t.Helper()
	m, err := capture.NewMatcher([]string{device})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestRing_Next_only captures nothing but what an analyzer wants.
func TestRing_Next_only(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	w := newWire(t, "vif4.0")
	r := openRing(t, capture.RingConfig{Snap: capture.SnapPolicy{UDPPorts: []uint16{53}, FullOnly: true}}, "vif*")
	for _, port := range []uint16{1, 53, 54} {
		w.deliver(t, udpFrame(port, 1000))
	}
	checkReceived(t, r, "vif4.0 1 len 1000 of 1000 ok port 53 vlan []")
}

// TestRing_Next_promiscuous sees what is for others on a device that asks for it.
func TestRing_Next_promiscuous(t *testing.T) {
	if !testbed.InNamespace(t) {
		return
	}
	newWire(t, "vif4.0")
	newWire(t, "vif5.0")
	r := openRing(t, capture.RingConfig{Promiscuous: matcher(t, "vif4.0")}, "vif*")
	for name, want := range map[string]string{"vif4.0": "promiscuity 1", "vif5.0": "promiscuity 0"} {
		out, err := exec.Command("ip", "-d", "link", "show", name).Output()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v; want %q in %s", name, err, want, out)
		}
	}
	_ = r
}
