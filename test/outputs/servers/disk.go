package servers

import (
	"testing"

	"golang.org/x/sys/unix"
)

// mostUsed is how full the disk may be, in percent. Elasticsearch pauses merges above 95 (its
// indices.merge.disk.watermark.high), and what waits for one waits for ever.
const mostUsed = 92

// requireDisk ends the test if the disk of a folder is so full that Elasticsearch would stand still.
func requireDisk(tb testing.TB, dir string) {
	tb.Helper()
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		tb.Fatal(err)
	}
	if used := 100 - 100*s.Bavail/max(s.Blocks, 1); used > mostUsed {
		tb.Fatalf("the disk of %s is %d %% full, and Elasticsearch pauses merges above 95 %%: make room, or set TMPDIR to a folder on another disk", dir, used)
	}
}
