package servers

import "testing"

// recorder is a test that a check may end.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Fatalf(string, ...any) { r.failed = true }

// TestRequireDisk ends a test on a disk that has no room, as the one of /proc.
func TestRequireDisk(t *testing.T) {
	t.Parallel()
	for dir, want := range map[string]bool{t.TempDir(): false, "/proc": true} {
		r := &recorder{TB: t}
		requireDisk(r, dir)
		if r.failed != want {
			t.Errorf("%s: ended %v; want %v", dir, r.failed, want)
		}
	}
}
