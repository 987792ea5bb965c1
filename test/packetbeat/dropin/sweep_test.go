//go:build linux

package dropin_test

import (
	"bytes"
	"flag"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	runner "github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/wire"
)

// The bounds of a sweep of one protocol.
const (
	sweepTime   = 20 * time.Second
	sweepMemory = 400 << 20 // resident; 64 MiB of it are for the analyzers
	probeEvery  = 50        // variants
)

// sweepSize is how many variants of each protocol's messages are tried.
var sweepSize = flag.Int("sweep", 2000, "`number` of variants of each protocol's messages")

// change is what is wrong with a variant: a message is cut, or a byte of it has
// another value.
type change struct {
	message int
	at      int
	value   int // -1 cuts the message there
}

// sweepValues are what a byte becomes: least, most, signed limits, and its
// neighbour.
var sweepValues = []func(byte) byte{
	func(byte) byte { return 0 },
	func(byte) byte { return 0xff },
	func(b byte) byte { return b ^ 0x80 },
	func(b byte) byte { return b + 1 },
}

// changes returns every change of a dialogue: every length of each message, and
// sweepValues in each of its bytes.
func (d *dialogue) changes() (all []change) {
	for i, m := range d.said {
		for at, b := range m.Data {
			all = append(all, change{i, at, -1})
			for _, value := range sweepValues {
				if v := value(b); v != b {
					all = append(all, change{i, at, int(v)})
				}
			}
		}
	}
	return all
}

// with returns what is said, with a change.
func (d *dialogue) with(c change) []message {
	said := slices.Clone(d.said)
	data := bytes.Clone(said[c.message].Data)
	if c.value < 0 {
		data = data[:c.at]
	} else {
		data[c.at] = byte(c.value)
	}
	said[c.message].Data = data
	return said
}

// sweepConfig gives the analyzers short timeouts, so that these, which another
// goroutine signals, are tested, too. Only probes and the counters reach the output.
const sweepConfig = `
processors:
  - drop_event.when.not.or:
      - {has_fields: ["stats.last"]}
      - {equals: {"url.path": "/probe"}}
`

// TestHostile_sweep changes the messages of packetbeat's own captures in every
// place: the analyzers may fail, but the beat neither ends nor hangs nor grows,
// counts every panic, and analyzes the connections in between.
func TestHostile_sweep(t *testing.T) {
	require(t)
	t.Parallel()
	size := max(*sweepSize, 1)
	protocols := dialogues(t)
	panics := map[string]uint64{}
	for _, name := range slices.Sorted(maps.Keys(protocols)) {
		t.Run(name, func(t *testing.T) {
			w := wire.New(t)
			variants, all := sweep(t, w, protocols[name], size)
			path := w.Close()
			begin := time.Now()
			b := replay(t, ours, onlyFlows+impatient(runner.AllProtocols)+sweepConfig+outputFile, path, sweepTime)
			took := time.Since(begin)
			if b.Err() != nil {
				t.Fatalf("qubesbeat ended with %v after %v: %s in %s", b.Err(), took, panicLine(b), b.where())
			}
			events := b.Events(t)
			stats := lastStats(t, events)
			panics[name] = stats["transactions.panics"]
			probes := len(events.Filter(isProbe))
			t.Logf("%-9s %6d of %8d variants in %5.1fs, %4d panics, %4d MiB at most, %d frames, %d KiB of log", name, variants, all, took.Seconds(),
				panics[name], b.Peak()>>20, w.Frames(), len(b.Log())>>10)
			if got := stats["transactions.panics_"+name]; got != panics[name] {
				t.Errorf("%d panics, of them %d of %s", panics[name], got, name)
			}
			if want := (variants + probeEvery - 1) / probeEvery; probes != want {
				t.Errorf("%d of %d probes analyzed", probes, want)
			}
			if stats["flows.packets"] != uint64(w.Frames()) {
				t.Errorf("%d packets metered; want %d", stats["flows.packets"], w.Frames())
			}
			if b.Peak() > sweepMemory {
				t.Errorf("%d MiB of memory; want at most %d", b.Peak()>>20, uint64(sweepMemory)>>20)
			}
		})
	}
	t.Logf("panics by protocol: %v", panics)
}

// impatient gives every protocol a short time to wait for an answer.
func impatient(protocols string) string {
	return strings.ReplaceAll(protocols, ", ports:", ", transaction_timeout: 100ms, ports:")
}

// sweep writes about size variants, evenly chosen among all, with probes in
// between.
func sweep(t *testing.T, w *wire.Wire, list []*dialogue, size int) (written, all int) {
	t.Helper()
	for _, d := range list {
		all += len(d.changes())
	}
	stride, n := max(all/size, 1), 0
	for _, d := range list {
		for _, c := range d.changes() {
			if n++; n%stride != 0 {
				continue
			}
			if written%probeEvery == 0 {
				probe(w)
			}
			write(w, d.port, d.udp, d.with(c))
			written++
		}
	}
	return written, all
}
