package flow_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/module/flow"
)

// TestCase24_test_config_filter reports what a start would refuse: filters that cannot be
// compiled, names that would have to be looked up, and folders that do not exist.
func TestCase24_test_config_filter(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"/nonexistent.pcap": "/nonexistent.pcap: no such file", empty: "the file is empty"} {
		if err := flow.Check([]config.Interface{{File: file}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("file %q: Check = %v; want %q", file, err, want)
		}
	}
	for _, tt := range []struct{ filter, dump, want string }{
		{"tcp and host 10.0.0.1 or and port 53", "", `byte 25: unexpected "and"`},
		{"host example.com", "", "host name"},
		{"port (", "", "bpf_filter"},
		{"net 10.0.0.0/33", "", "bpf_filter"},
		{"", "/proc/nowhere/x", "dumpfile"},
		{"", "/nonexistent/folder/x", "interfaces.0.dumpfile: dumping packets: open /nonexistent/folder/x-"},
		{"tcp port 53", "", ""},
		{"", "", ""},
	} {
		err := flow.Check([]config.Interface{{Device: []string{"lo"}, BPFFilter: tt.filter, Dumpfile: tt.dump}})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%q, %q: Check = %v; want %q", tt.filter, tt.dump, err, tt.want)
		}
	}
}
