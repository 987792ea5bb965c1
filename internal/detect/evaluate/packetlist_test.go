package evaluate_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/internal/detect/evaluate"
)

// TestItems_packets reads lists of packets: check-ins every five seconds within one connection
// are a beacon, and those by chance are not. Lists of names are not taken for them.
func TestItems_packets(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 9))
	for _, tt := range []struct {
		name, header string
		gap          func() float64
		want         bool
	}{
		{"regular", "src_ip,dst_ip,length,time_since_last", func() float64 { return 4.5 + rng.Float64() }, true},
		{"chance", "src_ip,dst_ip,length,time_since_last", func() float64 { return 5 * rng.ExpFloat64() }, false},
		{"names", "label,name,kind,rank", func() float64 { return 5 }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var text strings.Builder
			fmt.Fprintln(&text, tt.header)
			for range 60 {
				fmt.Fprintf(&text, "0,1,300,%f\n1,0,66,0.02\n1,0,500,0.03\n0,1,66,0.001\n", tt.gap())
			}
			path := filepath.Join(t.TempDir(), "list.csv")
			if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			c := evaluate.Case{File: evaluate.File{Path: path}, Paths: []string{path}}
			r, err := evaluate.Run(&c, false)
			if err != nil {
				t.Fatal(err)
			}
			after, found := r.Found(behaviour.Beacon, behaviour.Low)
			if found != tt.want || found && after.Seconds() > 90 {
				t.Errorf("a beacon: %v, after %v, of %d items; want %v", found, after, r.Items, tt.want)
			}
		})
	}
}
