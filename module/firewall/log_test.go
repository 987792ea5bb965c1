package firewall_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	firewallmodule "github.com/qubesbeat/qubesbeat/module/firewall"
)

// collected are the events of a log by their identity.
type collected map[string]*firewallmodule.Document

// Publish implements [event.Sink].
func (c collected) Publish(d event.Document) {
	c[event.IdentityOf(d, "")] = d.(*firewallmodule.Document)
}

// readLog reads a log.
func readLog(t *testing.T, conf firewallmodule.LogConfig) (collected, firewallmodule.LogCounts) {
	t.Helper()
	all := collected{}
	l := firewallmodule.NewLog(conf, all, &enrich.Enricher{Qubes: lookup{}})
	if err := l.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return all, l.Counts()
}

// at is a line of syslog at a number of milliseconds.
func at(millis int, message string) string {
	return time.UnixMilli(1_700_000_000_000+int64(millis)).UTC().Format("2006-01-02T15:04:05.000Z07:00") + " sys-log kernel: " + message + "\n"
}

// packet is what a LOG rule writes of a packet from and to a port.
func packet(vif, from, to int) string {
	return fmt.Sprintf("DROP: IN=vif%d.0 OUT=eth0 SRC=10.137.0.15 DST=198.51.100.7 LEN=60 PROTO=TCP SPT=%d DPT=%d SYN", vif, from, to)
}

// TestLog_again gives the same events, whatever the log: also while more attempts are
// open than are reported one by one.
func TestLog_again(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for n := range 3000 {
		text.WriteString(at(n*2, packet(12, 1000+n%700, n%3)))
	}
	for n := range 200 {
		text.WriteString(at(20_000+n*3000, packet(14, 5000, n%2)))
	}
	conf := firewallmodule.LogConfig{Files: []string{"-"}}
	read := func() ([]string, uint64, bool) {
		conf.Stdin = strings.NewReader(text.String())
		all, counts := readLog(t, conf)
		packets, coalesced := uint64(0), false
		for _, d := range all {
			packets += d.Count
			coalesced = coalesced || d.Coalesced
		}
		if counts.Verdicts != uint64(len(all)) || counts.Packets != 3200 || counts.Lines != 3200 {
			t.Errorf("%d events of %+v", len(all), counts)
		}
		return slices.Sorted(maps.Keys(all)), packets, coalesced
	}
	want, packets, coalesced := read()
	if packets != 3200 || !coalesced {
		t.Errorf("%d packets are refused; want 3200, and some coalesced: %v", packets, coalesced)
	}
	for range 5 {
		if got, _, _ := read(); !slices.Equal(got, want) {
			t.Fatalf("%d events; want the same %d", len(got), len(want))
		}
	}
}

// TestLog_clock keeps attempts apart by the times of the lines, also after the clock was
// set back.
func TestLog_clock(t *testing.T) {
	t.Parallel()
	p := packet(12, 1, 443)
	text := at(0, p) + at(3000, p) + at(2500, p) + at(60_000, p) + at(-3_600_000, p) + at(-3_599_000, p) + at(10_000_000, p)
	all, _ := readLog(t, firewallmodule.LogConfig{Files: []string{"-"}, Stdin: strings.NewReader(text)})
	var got []string
	for _, d := range all {
		got = append(got, fmt.Sprintf("%d+%d x%d", d.First/1e6-1_700_000_000_000, (d.Last-d.First)/1e6, d.Count))
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"-3600000+1000 x2", "0+3000 x3", "10000000+0 x1", "60000+0 x1"}, got); diff != "" {
		t.Errorf("verdicts mismatch (-want +got):\n%s", diff)
	}
}

// TestLog_left_out counts each line that is no packet, with the reason.
func TestLog_left_out(t *testing.T) {
	t.Parallel()
	text := at(0, packet(12, 1, 2)) + at(1, "usb 1-1: new device") + strings.Replace(at(2, packet(12, 1, 2)), "kernel:", "sshd[7]:", 1) +
		"second line of something\n" + "\n" + strings.Repeat("x", 5000) + "\n"
	path := filepath.Join(t.TempDir(), "kern.log")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	all, counts := readLog(t, firewallmodule.LogConfig{Files: []string{path}})
	want := firewallmodule.LogCounts{Files: 1, Lines: 6, Packets: 1, Verdicts: 1, OtherPrograms: 1, UnknownHeaders: 1, NoPackets: 1, TooLong: 1}
	if diff := cmp.Diff(want, counts); diff != "" || len(all) != 1 {
		t.Errorf("%d events, counts mismatch (-want +got):\n%s", len(all), diff)
	}
	if got, want := counts.LeftOut(), "1 of other programs, 1 with an unknown header, 1 about other things than packets, 1 longer than the kernel writes them"; got != want {
		t.Errorf("LeftOut = %q; want %q", got, want)
	}
	_, counts = readLog(t, firewallmodule.LogConfig{Files: []string{"-"}, Stdin: strings.NewReader("[   12.345678] " + packet(12, 1, 2) + "\n")})
	if counts.Timeless != 1 || counts.Verdicts != 0 {
		t.Errorf("counts of a log without times are %+v", counts)
	}
}

// TestLog_tooLong takes a line without a header behind an over-long one of a program for the program's:
// it may have made both.
func TestLog_tooLong(t *testing.T) {
	t.Parallel()
	forged := "[Tue Nov 14 22:13:25 2023] " + packet(12, 1, 443) + "\n"
	program := strings.Replace(at(1, strings.Repeat("x", 5000)), "kernel:", "sshd[7]:", 1)
	for text, want := range map[string]int{at(0, packet(12, 1, 2)) + forged: 2, at(0, packet(12, 1, 2)) + program + forged: 1} {
		if all, counts := readLog(t, firewallmodule.LogConfig{Files: []string{"-"}, Stdin: strings.NewReader(text)}); len(all) != want {
			t.Errorf("%d events of %.300q, %+v; want %d", len(all), text, counts, want)
		}
	}
}

// TestLog_missing names a file that cannot be read, and reads the others.
func TestLog_missing(t *testing.T) {
	t.Parallel()
	all := collected{}
	l := firewallmodule.NewLog(firewallmodule.LogConfig{Files: []string{filepath.Join(t.TempDir(), "none"), "-"}, Stdin: strings.NewReader(at(0, packet(12, 1, 2)))},
		all, &enrich.Enricher{Qubes: lookup{}})
	if err := l.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "none: no such file") || len(all) != 1 {
		t.Errorf("Run = %v with %d events", err, len(all))
	}
}
