package guard_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// catch returns what another process reports of a panic.
func catch(input string) (c guard.Caught) {
	defer func() { c = guard.Catch(recover(), []byte(input)) }()
	panic("from afar")
}

// TestPart_Report counts, logs and keeps the panics of another process as those of this
// one, and stops the part at the 100th.
func TestPart_Report(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k, l := newKeeper(dir)
	p := k.Part("transactions/http")
	for i := range 100 {
		if p.Stopped() {
			t.Fatalf("stopped after %d panics", i)
		}
		c := catch("GET / crash")
		p.Report(&c)
	}
	if p.Panics() != 100 || !p.Stopped() {
		t.Errorf("%d panics, stopped %v; want 100, true", p.Panics(), p.Stopped())
	}
	for text, want := range map[string]int{"recovered from a panic": 1, "guard_test.catch": 1, "from afar": 1, "stopping a part": 1} {
		if got := l.count(text); got != want {
			t.Errorf("%q was logged %d times; want %d", text, got, want)
		}
	}
	kept := files(t, dir)
	if len(kept) != 1 {
		t.Fatalf("kept %q; want one input", kept)
	}
	if b, err := os.ReadFile(filepath.Join(dir, kept[0])); err != nil || string(b) != "GET / crash" {
		t.Errorf("kept %q, %v", b, err)
	}
	(*guard.Part)(nil).Report(new(guard.Caught)) // does nothing
}
