package qube_test

import (
	"regexp"
	"strconv"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// TestVifDomain is not parallel, because AllocsPerRun must not be.
func TestVifDomain(t *testing.T) {
	tests := []struct {
		in   string
		want int32
		ok   bool
	}{
		{"vif7.0", 7, true},
		{"vif0.0", 0, true},
		{"vif19.12", 19, true},
		{"vif32752.0", 32752, true},
		{"vif32753.0", -1, false},
		{"vif4294967296.0", -1, false},
		{"vif07.0", -1, false},
		{"vif7.00", -1, false},
		{"vif7", -1, false},
		{"vif7.", -1, false},
		{"vif.0", -1, false},
		{"vif7.0.1", -1, false},
		{"vif7.0-nat", -1, false},
		{"vif-7.0", -1, false},
		{"Vif7.0", -1, false},
		{"eth0", -1, false},
		{"vif", -1, false},
		{"", -1, false},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			got, ok := qube.VifDomain(tt.in)
			if got != tt.want || ok != tt.ok {
				t.Errorf("VifDomain(%q) = %d, %v; want %d, %v", tt.in, got, ok, tt.want, tt.ok)
			}

			if n := testing.AllocsPerRun(100, func() { qube.VifDomain(tt.in) }); n != 0 {
				t.Errorf("VifDomain(%q) allocates %v times; want 0", tt.in, n)
			}
		})
	}
}

// FuzzVifDomain compares with the script's own expression.
func FuzzVifDomain(f *testing.F) {
	for _, name := range []string{"vif7.0", "vif32752.1", "vif32753.0", "vif07.0", "vif7.0\n", "eth0"} {
		f.Add(name)
	}

	script := regexp.MustCompile(`^vif(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$`)

	f.Fuzz(func(t *testing.T, name string) {
		want, wantOK := int64(-1), false
		if match := script.FindStringSubmatch(name); match != nil {
			if id, err := strconv.ParseInt(match[1], 10, 32); err == nil && id <= qube.MaxDomain {
				want, wantOK = id, true
			}
		}

		if got, ok := qube.VifDomain(name); int64(got) != want || ok != wantOK {
			t.Errorf("VifDomain(%q) = %d, %v; want %d, %v", name, got, ok, want, wantOK)
		}
	})
}

func BenchmarkVifDomain(b *testing.B) {
	b.ReportAllocs()

	for b.Loop() {
		qube.VifDomain("vif12345.0")
	}
}
