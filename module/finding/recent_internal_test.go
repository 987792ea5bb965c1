package finding

import "testing"

// TestRecent_bound has the latest findings, the last one first.
func TestRecent_bound(t *testing.T) {
	t.Parallel()
	for _, n := range []int64{0, 1, maxRecent, maxRecent + 1, 3*maxRecent - 7} {
		var r recent
		for at := range n {
			d := &Document{}
			d.At = at
			r.add(d)
		}
		want := n
		for f := range r.all() {
			if want--; f.At != want {
				t.Fatalf("of %d findings: that of %d is where that of %d should be", n, f.At, want)
			}
		}
		if forgotten := max(0, n-maxRecent); want != forgotten {
			t.Errorf("of %d findings the oldest %d are forgotten; want %d", n, want, forgotten)
		}
	}
}
