package packetstore

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestKeptOf holds that files in kept/ are found by the qubes of their packets, known or not, as far as
// they can be read, and that nothing else there is touched.
func TestKeptOf(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w := newWorld(t, dir, nil)
	w.holders[9] = Holder{Vif: "vif9.0", Name: "bare"}
	w.add(7, 1, 10, 100)
	w.add(9, 2, 10, 100)
	w.add(12, 3, 10, 100)
	w.tick()
	w.stop()
	res, r := mustFind(t, dir, &Query{})
	for _, name := range []string{"all", "cut", "busy"} {
		_, _, err := r.Keep(t.Context(), res, name, "", 1<<30, CopyOptions{})
		check(t, err)
	}
	check(t, os.Truncate(filepath.Join(dir, keptName, "cut.pcapng"), 1000))
	check(t, os.WriteFile(filepath.Join(dir, keptName, "mine.txt"), []byte("work (blue)"), 0o600))
	check(t, os.Symlink("all.pcapng", filepath.Join(dir, keptName, "link.pcapng")))
	busy, err := r.files.Open(keptName + "/busy.pcapng")
	check(t, err)
	check(t, busy.Lock(true))
	for qube, want := range map[string][]string{
		"work": {"kept/all.pcapng", "kept/cut.pcapng"}, "bare": {"kept/all.pcapng"}, "_vif12.0": {"kept/all.pcapng"}, "vault": nil, "unknown": nil,
	} {
		files, err := r.KeptOf(t.Context(), qube)
		check(t, err)
		var got []string
		for i := range files {
			got = append(got, files[i].Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("kept of %s mismatch (-want +got):\n%s", qube, diff)
		}
	}
	files, err := r.KeptOf(t.Context(), "bare")
	check(t, err)
	if k := &files[0]; k.Packets != 30 || !cmp.Equal(k.Qubes, []string{"_vif12.0", "bare", "work"}) {
		t.Errorf("%+v; want 30 packets of three", k)
	}
	check(t, r.ForgetKept(&files[0], "test"))
	check(t, busy.Close())
	v, err := r.Verify(t.Context())
	check(t, err)
	if v.Kept != 1 || len(v.Problems) != 3 { // cut.pcapng, and what was never kept
		t.Errorf("%d files are whole, %q; want busy.pcapng, and problems with three others", v.Kept, v.Problems)
	}
	if lines, err := r.Removed("", time.Time{}, time.Time{}); err != nil || len(lines) > 0 {
		t.Errorf("%+v, %v: what was kept is no segment that is gone", lines, err)
	}
}
