package traffic

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/qubesbeat/qubesbeat/bench/pcapfile"
)

// formatVersion is part of the file name: it must grow with every change of
// the bytes that a Config gives.
const formatVersion = 1

// Config says what to generate.
type Config struct {
	// Packets is the number of packets. It must be positive.
	Packets int

	// Flows is the number of flows. It must be positive and neither above
	// Packets nor above [MaxFlows]. Every flow has at least one packet.
	Flows int

	// Seed selects one of the possible random orders and sizes.
	Seed uint64
}

// Timestamps of the packets.
const (
	// Span is the time between the first and the last packet. It is below the
	// shortest idle timeout of all programs that are compared, 30 s.
	Span = 24 * time.Second

	// Start is the time of the first packet in seconds since the Unix epoch:
	// 2025-01-15 12:00 UTC. It is fixed for the sake of equal files.
	Start = 1_736_942_400
)

// Path returns the name in dir of the file that c describes.
func (c *Config) Path(dir string) string {
	return filepath.Join(dir, fmt.Sprintf("synth%d-%dp-%df-%d.pcap", formatVersion, c.Packets, c.Flows, c.Seed))
}

// Validate returns an error if c cannot be generated.
func (c *Config) Validate() error {
	if c.Flows < 1 || c.Flows > c.Packets || c.Flows > MaxFlows {
		return fmt.Errorf("flows: %d not in 1..%d", c.Flows, min(c.Packets, MaxFlows))
	}

	return nil
}

// Generate writes the capture to w. c must be valid.
func (c *Config) Generate(w *pcapfile.Writer) error {
	rnd := rand.New(rand.NewPCG(c.Seed, uint64(c.Flows)))
	b := newBuilder(rnd)

	flows := make([]flow, c.Flows)
	for i := range flows {
		flows[i] = newFlow(uint32(i))
	}

	// unseen holds the flows without a packet; seenUpTo is where the search
	// for one of them goes on.
	unseen, seenUpTo := c.Flows, 0
	for i := range c.Packets {
		f := &flows[rnd.IntN(c.Flows)]
		if c.Packets-i <= unseen {
			for flows[seenUpTo].packets > 0 {
				seenUpTo++
			}

			f = &flows[seenUpTo]
		}

		if f.packets == 0 {
			unseen--
		}

		micros := Micros(i, c.Packets)
		frame := b.next(f, micros)
		if err := w.Write(micros, frame, len(frame)); err != nil {
			return err
		}
	}

	return nil
}

// Micros returns the timestamp of packet i of n, in microseconds since the Unix
// epoch. Packets are spread evenly over [Span].
func Micros(i, n int) int64 {
	return time.Unix(Start, 0).UnixMicro() + int64(i)*Span.Microseconds()/int64(n)
}
