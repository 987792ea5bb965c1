package capture_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/capture"
)

// statistics is an interface statistics block: interface, time, options.
func (n ng) statistics(iface uint32, options ...[]byte) []byte {
	return n.block(5, append(n.AppendUint64(n.AppendUint32(nil, iface), 0), cat(options...)...))
}

// TestFile_Stats_drops adds up what a file says was lost: before packets, or in all, which is of
// the same ones.
func TestFile_Stats_drops(t *testing.T) {
	t.Parallel()
	for _, n := range []ng{ngLE(), ngBE()} {
		number := func(code uint16, v uint64) []byte { return n.option(code, n.AppendUint64(nil, v)) }
		before := func(v uint64) []byte {
			return n.enhanced(0, 0, 5, "frame", n.option(2, n.AppendUint32(nil, 1)), number(4, v))
		}
		one := n.enhanced(0, 0, 5, "frame")
		for name, tt := range map[string]struct {
			blocks [][]byte
			want   uint64
		}{
			"nothing":                   {[][]byte{one}, 0},
			"before packets":            {[][]byte{before(3), one, before(4)}, 7},
			"by the interface":          {[][]byte{one, n.statistics(0, number(4, 100), number(5, 6))}, 6},
			"by the system, too":        {[][]byte{one, n.statistics(0, number(5, 6), number(7, 2))}, 8},
			"twice, from the start":     {[][]byte{one, n.statistics(0, number(5, 6)), one, n.statistics(0, number(5, 9))}, 9},
			"both counts":               {[][]byte{before(7), n.statistics(0, number(5, 7))}, 7},
			"both, and more at the end": {[][]byte{before(7), n.statistics(0, number(5, 9))}, 9},
			"of another interface":      {[][]byte{before(7), n.statistics(1, number(5, 9))}, 16},
			"of one that there is not":  {[][]byte{one, n.statistics(2, number(5, 9))}, 0},
			"an obsolete block":         {[][]byte{n.obsolete(0, 5, 0, 5, "frame"), n.obsolete(0, 0xffff, 0, 5, "frame")}, 5},
			"two sections":              {[][]byte{before(1), n.section(), n.named("eth0"), before(2), n.statistics(0, number(5, 2))}, 3},
			"options of a wrong size":   {[][]byte{n.enhanced(0, 0, 5, "frame", n.option(4, []byte{1, 2})), n.statistics(0, n.option(5, []byte{1, 0, 0, 0}))}, 0},
			"a block that is too short": {[][]byte{one, n.block(5, make([]byte, 8))}, 0},
			"more than there can be":    {[][]byte{before(math.MaxUint64), before(math.MaxUint64), n.statistics(0, number(5, math.MaxUint64), number(7, math.MaxUint64))}, 1 << 40},
		} {
			src, err := capture.NewReader("test", bytes.NewReader(cat(append([][]byte{n.section(), n.named("vif7.0"), n.named("eth0")}, tt.blocks...)...)), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := readAll(src); err != nil {
				t.Errorf("%v %s: %v", n, name, err)
			}
			if got := src.Stats().KernelDrops; got != tt.want {
				t.Errorf("%v %s: %d lost; want %d", n, name, got, tt.want)
			}
		}
	}
}

// TestMerge_Stats_drops holds that files that are merged have lost what each of them has.
func TestMerge_Stats_drops(t *testing.T) {
	t.Parallel()
	n, names := ngLE(), new(capture.Interfaces)
	open := func(drops uint64) capture.Source {
		src, err := capture.NewReader("test", bytes.NewReader(cat(n.section(), n.named("eth0"), n.enhanced(0, 0, 5, "frame", n.option(4, n.AppendUint64(nil, drops))))), names)
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	m := capture.NewMerge(names, open(2), open(3))
	if _, err := readAll(m); err != nil {
		t.Fatal(err)
	}
	if got := m.Stats().KernelDrops; got != 5 {
		t.Errorf("%d lost; want 5", got)
	}
}
