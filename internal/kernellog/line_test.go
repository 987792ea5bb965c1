package kernellog_test

import (
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/kernellog"
)

func TestReader_Line(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const text = "QB-NEW IN=vif4.0 OUT=eth0 SRC=1.1.1.1 "
	stamped := time.Date(2026, 11, 22, 5, 25, 27, 123456000, time.UTC)
	tests := []struct {
		name string
		in   []string // the last one completes the message
		at   time.Time
	}{
		{"plain", []string{text}, now},
		{"dmesg", []string{"[ 1712.773189] " + text}, now},
		{"/dev/kmsg", []string{"4,460,1744843132,-;" + text}, now},
		{"syslog of last year", []string{"May  4 06:35:08 zathras kernel: [1749207.946614] " + text}, time.Date(2025, 5, 4, 6, 35, 8, 0, time.Local)},
		{"syslog with RFC 3339", []string{"2026-11-22T05:25:27.123456+00:00 sys-log kernel: " + text}, stamped},
		{"journal, JSON", []string{`{"MESSAGE":"` + text + `","__REALTIME_TIMESTAMP":"1795325127123456","_TRANSPORT":"kernel"}`}, stamped},
		{"journal, export", []string{"__CURSOR=s=1", "__REALTIME_TIMESTAMP=1795325127123456", "PRIORITY=4", "MESSAGE=" + text, "_TRANSPORT=kernel", ""}, stamped},
		{"journal, export, without a time", []string{"__REALTIME_TIMESTAMP=1795325127123456", "", "MESSAGE=" + text, ""}, now},
	}
	r := kernellog.Reader{Now: time.Now}
	if message, _, ok := r.Line("DROPIN=vif4.0 OUT=eth0 SRC=1.1.1.1"); !ok || message != "DROPIN=vif4.0 OUT=eth0 SRC=1.1.1.1" {
		t.Errorf("a prefix in capitals, without a separator: %q, %v", message, ok)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := kernellog.Reader{Now: func() time.Time { return now }}
			var message string
			var at time.Time
			var ok bool
			for _, line := range tt.in {
				message, at, ok = r.Line(line + "\n")
			}
			if message != text || !at.Equal(tt.at) || !ok {
				t.Errorf("Line = %q, %v, %v; want %q, %v", message, at, ok, text, tt.at)
			}
		})
	}
}

// TestReader_Line_others checks that lines of other programs are skipped, whatever they
// contain.
func TestReader_Line_others(t *testing.T) {
	t.Parallel()
	const text = "kernel: QB-SPOOF IN=vif4.0 OUT= SRC=1.1.1.1 "
	for _, lines := range [][]string{
		{"May  4 06:35:08 sys-log tinyproxy[7]: GET / " + text}, {"2026-11-22T05:25:27Z sys-log dnsmasq: " + text},
		{`{"MESSAGE":"` + text + `","_TRANSPORT":"syslog"}`}, {"MESSAGE=" + text, "_TRANSPORT=syslog", ""}, {"12,460,1744843132,-;" + text}, {"", ""}, {"{"},
	} {
		r := kernellog.Reader{Now: time.Now}
		for _, line := range lines {
			if message, _, ok := r.Line(line); ok {
				t.Errorf("Line(%q) = %q; want nothing", line, message)
			}
		}
	}
}

func FuzzReader_Line(f *testing.F) {
	f.Add("May  4 06:35:08 zathras kernel: [1749207.946614] IPT: IN=eth0")
	f.Add(`{"MESSAGE":"x","__REALTIME_TIMESTAMP":"1"}`)
	f.Add("4,460,1744843132,-;x")
	f.Fuzz(func(t *testing.T, line string) {
		r := kernellog.Reader{Now: time.Now}
		if message, _, ok := r.Line(line); ok && len(message) > 3*len(line) { // invalid UTF-8 becomes U+FFFD
			t.Errorf("Line(%q) = %q", line, message)
		}
	})
}
