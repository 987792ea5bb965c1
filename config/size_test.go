package config_test

import (
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/config"
)

func TestSize_Unpack(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   any
		want config.Size
		err  string
	}{
		{"KiB", "64KiB", 64 << 10, ""},
		{"MiB", "512 MiB", 512 << 20, ""},
		{"fraction", "1.5GiB", 3 << 29, ""},
		{"TiB", "1024TiB", 1 << 50, ""},
		{"zero", uint64(0), 0, ""},
		{"zero as text", "0", 0, ""},
		{"number", uint64(30), 0, `30 has no unit; write "30MiB"`},
		{"too much", "1025TiB", 0, "more than 1024TiB"},
		{"negative", "-1MiB", 0, `"-1MiB" is not a size`},
		{"no number", "NaNMiB", 0, `"NaNMiB" is not a size`},
		{"unit of 1000", "20GB", 0, `"20GB" is not a size such as 64KiB`},
		{"word", "much", 0, `"much" is not a size`},
		{"empty", "", 0, `"" is not a size`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := config.Size(7)
			err := s.Unpack(tt.in)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || s != 7 {
					t.Errorf("Unpack(%v) = %v, %v; want %q and nothing changed", tt.in, s, err, tt.err)
				}
				return
			}
			if err != nil || s != tt.want {
				t.Errorf("Unpack(%v) = %v, %v; want %v", tt.in, int64(s), err, int64(tt.want))
			}
		})
	}
}

func TestSize_String(t *testing.T) {
	t.Parallel()
	for size, want := range map[config.Size]string{0: "0B", 100: "100B", 64 << 10: "64KiB", 3 << 29: "1536MiB", 20 << 30: "20GiB", 1 << 50: "1024TiB"} {
		if got := size.String(); got != want {
			t.Errorf("String = %s; want %s", got, want)
		}
	}
}

// TestPackets_ucfg reads lists as the beat does: that exclude is empty differs from that
// it is absent.
func TestPackets_ucfg(t *testing.T) {
	t.Parallel()
	c, err := unpack(map[string]any{"packets": map[string]any{"enabled": true, "max_bytes": "20GiB", "max_age": "7d", "exclude": []any{},
		"quotas": []any{map[string]any{"qubes": "work", "payload": false, "weight": 0.5}}}})
	if err != nil {
		t.Fatal(err)
	}
	p := &c.Packets
	if p.MaxBytes != 20<<30 || p.MaxAge.D().Hours() != 168 || p.Exclude == nil || len(p.Exclude) != 0 || p.MinFree != 512<<20 {
		t.Errorf("Packets = %+v; want what was set, and exclude empty", p)
	}
	if q := p.Quotas; len(q) != 1 || q[0].Qubes[0] != "work" || q[0].Payload == nil || *q[0].Payload || q[0].Weight != 0.5 {
		t.Errorf("quotas = %+v", q)
	}
	if c, err = unpack(map[string]any{"packets": map[string]any{"enabled": true}}); err != nil || c.Packets.Exclude != nil {
		t.Errorf("exclude = %v, %v; want nil", c.Packets.Exclude, err)
	}
}
