package compat_test

import (
	"io/fs"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// allCaptures returns packetbeat's captures and, where they are there, those of
// other projects.
func allCaptures(t *testing.T) []string {
	t.Helper()
	var paths []string
	for _, p := range beatsCaptures(t) {
		paths = append(paths, p)
	}
	_ = filepath.WalkDir(fixture.SharedPath(t, "captures"), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			t.Logf("packetbeat's captures only: %v", err)
		}
		if err == nil && !e.IsDir() && strings.Contains(filepath.Base(path), ".pcap") {
			paths = append(paths, path)
		}
		return nil
	})
	sort.Strings(paths)
	return paths
}

// TestFlows_conservation checks that every frame is in one flow or counted as in
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

// TestFlows_repeatable checks that two runs over a capture give the same records
// in the same order, although the tables hash with different secrets.
func TestFlows_repeatable(t *testing.T) {
	for _, path := range allCaptures(t) {
		first, second := meter(t, path, time.Second), meter(t, path, time.Second)
		if diff := cmp.Diff(first.records, second.records, cmp.AllowUnexported(flow.Record{})); diff != "" {
			t.Errorf("%s: mismatch between two runs (-first +second):\n%s", path, diff)
		}
	}
}
