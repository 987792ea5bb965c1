package mixture_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/qubesbeat/qubesbeat/bench/mixture"
	"github.com/qubesbeat/qubesbeat/bench/pcapfile"
	"github.com/qubesbeat/qubesbeat/bench/traffic"
)

// generate returns the packets of the mixture of the captures in root.
func generate(tb testing.TB, root string, packets int) (frames [][]byte, err error) {
	tb.Helper()

	name := filepath.Join(tb.TempDir(), "mix.pcap")
	c := &mixture.Config{Root: root, MinPackets: packets}
	if err = pcapfile.Create(name, c.Generate); err != nil {
		return nil, err
	}

	b, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}

	r, err := pcapfile.NewReader(bytes.NewReader(b))
	if err != nil {
		tb.Fatal(err)
	}

	for {
		rec, err := r.Next()
		if err == io.EOF {
			return frames, nil
		} else if err != nil {
			tb.Fatal(err)
		}

		frames = append(frames, bytes.Clone(rec.Data))
	}
}

// TestConfig_Generate merges two captures and skips a file that is not a capture.
// Every packet must be right, in each repetition, when gopacket recomputes its
// checksums.
func TestConfig_Generate(t *testing.T) {
	t.Parallel()

	root := t.TempDir()
	for _, c := range []*traffic.Config{
		{Packets: 300, Flows: 100, Seed: 1},
		{Packets: 100, Flows: 100, Seed: 2},
	} {
		if err := pcapfile.Create(c.Path(root), c.Generate); err != nil {
			t.Fatal(err)
		}
	}

	if err := os.WriteFile(filepath.Join(root, "README"), []byte("no capture"), 0o600); err != nil {
		t.Fatal(err)
	}

	frames, err := generate(t, root, 1000)
	if err != nil {
		t.Fatal(err)
	}

	// Three repetitions of 400.
	if got, want := len(frames), 1200; got != want {
		t.Fatalf("%d packets; want %d", got, want)
	}

	sources := map[string]bool{}
	for i, frame := range frames {
		p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.NoCopy)
		sources[p.NetworkLayer().NetworkFlow().Src().String()] = true
		if diff := cmp.Diff(rebuilt(t, p), frame); diff != "" {
			t.Errorf("packet %d mismatch (-want +got):\n%s", i, diff)
		}
	}

	for _, want := range []string{"10.137.0.2", "10.136.0.2", "10.139.0.2"} {
		if !sources[want] {
			t.Errorf("no packet from %s", want)
		}
	}
}

// rebuilt returns p with checksums made by gopacket.
func rebuilt(t *testing.T, p gopacket.Packet) []byte {
	t.Helper()

	var ls []gopacket.SerializableLayer
	for _, l := range p.Layers() {
		switch l := l.(type) {
		case *layers.TCP:
			if err := l.SetNetworkLayerForChecksum(p.NetworkLayer()); err != nil {
				t.Fatal(err)
			}
		case *layers.UDP:
			if err := l.SetNetworkLayerForChecksum(p.NetworkLayer()); err != nil {
				t.Fatal(err)
			}
		case *layers.ICMPv6:
			if err := l.SetNetworkLayerForChecksum(p.NetworkLayer()); err != nil {
				t.Fatal(err)
			}
		}

		if s, ok := l.(gopacket.SerializableLayer); ok {
			ls = append(ls, s)
		}

		// What follows is payload, whatever gopacket takes it for.
		if l == gopacket.Layer(p.TransportLayer()) || l.LayerType() == layers.LayerTypeICMPv4 ||
			l.LayerType() == layers.LayerTypeICMPv6 {
			ls = append(ls, gopacket.Payload(l.LayerPayload()))

			break
		}
	}

	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{ComputeChecksums: true}, ls...); err != nil {
		t.Fatal(err)
	}

	return buf.Bytes()
}

// TestConfig_Generate_nothing merges an empty folder.
func TestConfig_Generate_nothing(t *testing.T) {
	t.Parallel()

	_, err := generate(t, t.TempDir(), 1)
	if !errors.Is(err, mixture.ErrNoCaptures) {
		t.Errorf("Generate = %v; want %v", err, mixture.ErrNoCaptures)
	}
}
