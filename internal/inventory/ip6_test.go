package inventory_test

import (
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/inventory"
)

// TestIndex_HasIP6 tells an inventory that says which qubes have IPv6 from one that does not.
func TestIndex_HasIP6(t *testing.T) {
	t.Parallel()
	x := inventory.NewIndex(inventory.Config{})
	if x.HasIP6() {
		t.Error("an empty index has IPv6 addresses")
	}
	for _, tt := range []struct {
		text string
		want bool
	}{
		{"#fields NAME|IP|IP6\nwork|10.137.0.6|fd00::6\n", true},
		{"#fields NAME|IP|IP6\nwork|10.137.0.6|-\n", true},
		{"#fields NAME|IP\nwork|10.137.0.6\n", false},
	} {
		s, err := inventory.Parse(strings.NewReader(tt.text), inventory.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if x.Update(s, time.Unix(1_700_000_000, 0)); x.HasIP6() != tt.want || s.IP6 != tt.want {
			t.Errorf("%q: HasIP6 = %v; want %v", tt.text, x.HasIP6(), tt.want)
		}
	}
}
