package compat_test

import (
	"encoding/csv"
	"io/fs"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/flow"
)

// allCaptures returns packetbeat's captures and, where they are there, those of
// other projects.
func allCaptures(t *testing.T) []string {
	t.Helper()
	var paths []string
	for _, p := range beatsCaptures(t) {
		paths = append(paths, p)
	}
	root := shared(t, "captures")
	_ = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.Contains(filepath.Base(path), ".pcap") {
			paths = append(paths, path)
		}
		return nil
	})
	sort.Strings(paths)
	return paths
}

// TestFlows_conservation holds that every frame is in one flow or counted as in
// none, for every capture, also for short timeouts.
func TestFlows_conservation(t *testing.T) {
	frames, flows, unreadable := uint64(0), 0, 0
	for _, path := range allCaptures(t) {
		for _, idle := range []time.Duration{time.Second, time.Hour} {
			m := meter(t, path, idle)
			packets, bytes := m.sum()
			if packets+m.other != m.frames || bytes+m.otherB != m.bytes {
				t.Errorf("%s: %d packets and %d bytes in flows, %d and %d in none; %d and %d read",
					path, packets, bytes, m.other, m.otherB, m.frames, m.bytes)
			}
			if m.frames == 0 && m.fault != nil {
				unreadable++
			}
			frames += m.frames
			flows += len(m.records)
		}
	}
	t.Logf("%d frames, %d flow records; %d reads refused with an error", frames, flows, unreadable)
}

// TestFlows_repeatable holds that two runs over a capture give the same records
// in the same order, although the tables hash with different secrets.
func TestFlows_repeatable(t *testing.T) {
	for _, path := range allCaptures(t) {
		first, second := meter(t, path, time.Second), meter(t, path, time.Second)
		if diff := cmp.Diff(first.records, second.records, cmp.AllowUnexported(flow.Record{})); diff != "" {
			t.Errorf("%s: mismatch between two runs (-first +second):\n%s", path, diff)
		}
	}
}

// shorterThanCaptured are captures with records that claim a length on the wire
// below what was captured. Wireshark believes them; we count what is there.
var shorterThanCaptured = map[string]bool{"aoe-oobr-1.pcap": true, "pim_header_asan-2.pcap": true,
	"rsvp-rsvp_obj_print-oobr.pcap": true}

// TestFlows_capinfos compares what was read with what Wireshark's capinfos says
// of the same files.
func TestFlows_capinfos(t *testing.T) {
	capinfos, err := exec.LookPath("capinfos")
	if err != nil {
		t.Skip("no capinfos; apt-get install wireshark-common")
	}
	compared := 0
	for _, path := range allCaptures(t) {
		m := meter(t, path, time.Hour)
		if m.fault != nil {
			continue
		}
		// -c packets, -d sum of the frames' lengths, as exact numbers in a table.
		out, err := exec.Command(capinfos, "-M", "-T", "-r", "-c", "-d", path).Output()
		if err != nil {
			t.Logf("%s: capinfos refuses it: %v", path, err)
			continue
		}
		r := csv.NewReader(strings.NewReader(string(out)))
		r.Comma, r.LazyQuotes = '\t', true
		row, err := r.Read()
		if err != nil || len(row) < 3 {
			t.Errorf("%s: capinfos printed %q", path, out)
			continue
		}
		if shorterThanCaptured[filepath.Base(path)] {
			continue
		}
		if n := len(row); number(row[n-2]) != m.frames || number(row[n-1]) != m.bytes {
			t.Errorf("%s: read %d packets, %d bytes; capinfos says %s, %s", path, m.frames, m.bytes, row[n-2], row[n-1])
		}
		compared++
	}
	t.Logf("%d captures compared", compared)
	if compared < 100 {
		t.Errorf("only %d captures could be compared", compared)
	}
}
