package lists_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/lists"
)

// TestManager_addresses tries all addresses of a server within the time for the first, and none that
// it must not connect to.
func TestManager_addresses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, addresses string
		dead            []string
		dialed          []string
		works           bool
	}{
		{"the first answers", "93.184.216.34 2001:db8:1::1", nil, []string{"93.184.216.34:80"}, true},
		{"the second answers", "2001:db8:1::1 93.184.216.34", []string{"2001:db8:1::1"}, []string{"[2001:db8:1::1]:80", "93.184.216.34:80"}, true},
		{"none answers", "93.184.216.34 93.184.216.35", []string{"93.184.216.34", "93.184.216.35"},
			[]string{"93.184.216.34:80", "93.184.216.35:80"}, false},
		{"one is private", "10.0.0.1 93.184.216.34", nil, []string{"93.184.216.34:80"}, true},
		{"the private one would answer", "93.184.216.34 127.0.0.1", []string{"93.184.216.34"}, []string{"93.184.216.34:80"}, false},
		{"all are private", "127.0.0.1 10.0.0.1", nil, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := newInternet(t, map[string]string{"lists.test": tt.addresses}, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "bad.example") })
			n.dead = tt.dead
			m := manager(t, func(c *lists.Config) { c.Lookup, c.Dial, c.Attempts, c.Timeout = n.lookup, n.dial, 1, 2*time.Second }, "http://lists.test/")
			if _, err := m.Refresh(t.Context(), false); (err == nil) != tt.works {
				t.Errorf("Refresh = %v; want the list: %v", err, tt.works)
			}
			if got := n.asked(); !slices.Equal(got, tt.dialed) {
				t.Errorf("connected to %q; want %q", got, tt.dialed)
			}
		})
	}
}
