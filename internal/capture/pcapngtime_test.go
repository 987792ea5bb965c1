package capture_test

import (
	"math"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/capture"
)

func TestFile_Next_pcapngTime(t *testing.T) {
	t.Parallel()
	const sec, second = 1_700_000_000, 1e9
	tests := []struct {
		name   string
		resol  []byte // if_tsresol
		offset int64  // if_tsoffset
		ts     uint64
		want   int64
	}{
		{name: "default", ts: sec*1e6 + 123456, want: sec*second + 123456000},
		{name: "10^0", resol: []byte{0}, ts: sec, want: sec * second},
		{name: "10^-3", resol: []byte{3}, ts: sec*1e3 + 789, want: sec*second + 789000000},
		{name: "10^-6", resol: []byte{6}, ts: sec*1e6 + 1, want: sec*second + 1000},
		{name: "10^-9", resol: []byte{9}, ts: sec*1e9 + 999999999, want: sec*second + 999999999},
		{name: "10^-10", resol: []byte{10}, ts: sec*1e10 + 19, want: sec*second + 1},
		{name: "10^-12 in the first months", resol: []byte{12}, ts: 18_000_000*1e12 + 1999, want: 18_000_000*second + 1},
		{name: "10^-18", resol: []byte{18}, ts: 18*1e18 + 1e9 - 1, want: 18 * second},
		{name: "2^0", resol: []byte{0x80}, ts: sec, want: sec * second},
		{name: "2^-10", resol: []byte{0x8a}, ts: sec<<10 | 512, want: sec*second + 500000000},
		{name: "2^-20", resol: []byte{0x94}, ts: sec<<20 | 1, want: sec*second + 953},
		{name: "2^-32", resol: []byte{0xa0}, ts: sec<<32 | 1<<31, want: sec*second + 500000000},
		{name: "2^-63", resol: []byte{0xbf}, ts: 1<<63 | 1<<62, want: 1.5 * second},
		{name: "resolution of two bytes is none", resol: []byte{9, 9}, ts: 1, want: 1000},
		{name: "offset", offset: 3600, ts: 1e6, want: 3601 * second},
		{name: "negative offset", offset: -3600, ts: 7200e6 + 1, want: 3600*second + 1000},
		{name: "negative time", offset: -3600, ts: 1e6, want: 0},
		{name: "offset with nanoseconds", resol: []byte{9}, offset: sec, ts: 5, want: sec*second + 5},
	}
	for _, n := range []ng{ngLE(), ngBE()} {
		for _, tt := range tests {
			got, err := readBytes(timed(n, tt.resol, tt.offset, tt.ts), nil)
			if err != nil || len(got) != 1 {
				t.Errorf("%v %s: %d frames, %v; want 1", n, tt.name, len(got), err)
				continue
			}
			if got[0].Time != tt.want {
				t.Errorf("%v %s: Time = %d; want %d", n, tt.name, got[0].Time, tt.want)
			}
		}
	}
}

// timed is a file of one packet with a time.
func timed(n ng, resol []byte, offset int64, ts uint64) []byte {
	var options []byte
	if resol != nil {
		options = append(options, n.option(9, resol)...)
	}
	if offset != 0 {
		options = append(options, n.option(14, n.AppendUint64(nil, uint64(offset)))...)
	}
	return cat(n.section(), n.iface(1, 0, options), n.enhanced(0, ts, 1, "a"))
}

// TestFile_Next_pcapngTimeBounds holds every resolution against hostile times:
// what comes out can be added to a timeout.
func TestFile_Next_pcapngTimeBounds(t *testing.T) {
	t.Parallel()
	n := ngLE()
	times := []uint64{0, 1, 1 << 31, 1 << 53, math.MaxInt64, math.MaxUint64 - 1, math.MaxUint64}
	for resol := range 256 {
		for _, offset := range []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 1 << 32, -1 << 32, 1 << 62} {
			file := timed(n, []byte{byte(resol)}, offset, 0)
			for _, ts := range times {
				file = append(file, n.enhanced(0, ts, 1, "a")...)
			}
			got, err := readBytes(file, nil)
			if err != nil || len(got) != len(times)+1 {
				t.Fatalf("resolution %#x: %d frames, %v; want %d", resol, len(got), err, len(times)+1)
			}
			for i, f := range got {
				if f.Time < 0 || f.Time > 1<<62 {
					t.Errorf("resolution %#x offset %d frame %d: Time = %d; want 0 to 1<<62", resol, offset, i, f.Time)
				}
			}
		}
	}
}

func TestFile_Next_sharedNames(t *testing.T) {
	t.Parallel()
	// Two files that share names number the same interface the same.
	n, names := ngBE(), new(capture.Interfaces)
	first, err := readBytes(cat(n.section(), n.named("eth0"), n.named("vif7.0"), n.enhanced(1, 0, 1, "a")), names)
	if err != nil {
		t.Fatal(err)
	}
	second, err := readBytes(cat(n.section(), n.named("vif7.0"), n.enhanced(0, 0, 1, "a")), names)
	if err != nil {
		t.Fatal(err)
	}
	if first[0].Iface != second[0].Iface || names.Name(first[0].Iface) != "vif7.0" {
		t.Errorf("Iface = %d and %d; want the same, vif7.0", first[0].Iface, second[0].Iface)
	}
}
