package report_test

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/report"
)

func TestProgress(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   report.Replay
		want string
	}{
		{"nothing yet", report.Replay{}, "0 packets  0/s  0 flows  0 events"},
		{"a third", report.Replay{Read: 1 << 20, Size: 3 << 20, Packets: 1_234_567, Flows: 8910, Events: 11, Elapsed: 2 * time.Second},
			" 33%  1,234,567 packets  617,283/s  8,910 flows  11 events"},
		{"the end", report.Replay{Read: 5, Size: 5, Packets: 1, Elapsed: time.Second}, "100%  1 packets  1/s  0 flows  0 events"},
		{"a pipe", report.Replay{Read: 5, Packets: 10, Elapsed: time.Millisecond}, "10 packets  10,000/s  0 flows  0 events"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := report.Progress(tt.in); got != tt.want {
				t.Errorf("Progress = %q; want %q", got, tt.want)
			}
		})
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	const lossless = "qubesbeat: 1,500 packets, 1.20 MB, in 30 flows; 31 events; 1.5s (1,000 packets/s)\n"
	good := report.Replay{Packets: 1500, Bytes: 1_200_000, Flows: 30, Events: 31, Elapsed: 1_499_999 * time.Microsecond}
	tests := []struct {
		name   string
		change func(*report.Replay)
		want   string
	}{
		{"nothing lost", func(*report.Replay) {}, lossless},
		{"frames", func(r *report.Replay) { r.NonIP, r.Unsupported = 1000, 2 },
			lossless + "qubesbeat: frames in no flow: 1,000 not IP, 2 of unsupported link types\n"},
		{"more frames", func(r *report.Replay) { r.Truncated, r.Malformed = 3, 4 },
			lossless + "qubesbeat: frames in no flow: 3 cut short, 4 malformed\n"},
		{"events", func(r *report.Replay) { r.NotDelivered, r.OutputFailed = 5, 6 },
			lossless + "qubesbeat: events lost: 5 not delivered, 6 refused by the output\n"},
		{"refused", func(r *report.Replay) { r.OutputFailed, r.RefusedIn = 6, "/logs/*.ndjson" },
			lossless + "qubesbeat: events lost: 6 refused by the output\nqubesbeat: the refused events, and why, are in: /logs/*.ndjson\n"},
		{"none refused", func(r *report.Replay) { r.RefusedIn = "/logs/*.ndjson" }, lossless},
		{"incomplete", func(r *report.Replay) { r.Incomplete = true },
			lossless + "qubesbeat: the capture could not be read to its end; the events before the fault are complete\n"},
		{"everything", func(r *report.Replay) { r.NonIP, r.OutputFailed, r.Incomplete = 1, 1, true },
			lossless + "qubesbeat: frames in no flow: 1 not IP\nqubesbeat: events lost: 1 refused by the output\n" +
				"qubesbeat: the capture could not be read to its end; the events before the fault are complete\n"},
		{"no time at all", func(r *report.Replay) { *r = report.Replay{Packets: 1} },
			"qubesbeat: 1 packets, 0 B, in 0 flows; 0 events; 0s (0 packets/s)\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := good
			tt.change(&r)
			if diff := cmp.Diff(tt.want, report.Summary(r)); diff != "" {
				t.Errorf("Summary mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	for in, want := range map[uint64]string{
		0: "0", 7: "7", 999: "999", 1000: "1,000", 12_345: "12,345", 999_999: "999,999", 1_000_000: "1,000,000",
		math.MaxUint64: "18,446,744,073,709,551,615",
	} {
		if got := report.Count(in); got != want {
			t.Errorf("Count(%d) = %q; want %q", in, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for in, want := range map[uint64]string{
		0: "0 B", 999: "999 B", 1000: "1.00 kB", 1004: "1.00 kB", 1006: "1.01 kB", 9994: "9.99 kB", 9996: "10.0 kB",
		12_345: "12.3 kB", 99_940: "99.9 kB", 99_960: "100 kB", 123_456: "123 kB", 999_400: "999 kB", 999_500: "1.00 MB",
		999_999: "1.00 MB", 1_500_000_000: "1.50 GB", 2e12: "2.00 TB", 3e15: "3.00 PB", math.MaxUint64: "18.4 EB",
	} {
		if got := report.Size(in); got != want {
			t.Errorf("Size(%d) = %q; want %q", in, got, want)
		}
	}
}

// TestShowProgress writes the line again twice a second, and clears it at the end.
func TestShowProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		stop := report.ShowProgress(&out, func() report.Replay { return report.Replay{Packets: 7} })
		time.Sleep(1200 * time.Millisecond)
		stop()
		const line = "\r\x1b[K7 packets  0/s  0 flows  0 events"
		if got, want := out.String(), line+line+"\r\x1b[K"; got != want {
			t.Errorf("ShowProgress has written %q; want %q", got, want)
		}
		time.Sleep(time.Minute)
	})
}
