package dom0_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/qubesbeat/qubesbeat/internal/testbed/dom0"
)

// TestQvmRun checks that what does the work has the arguments whole and the input, and that
// the program ends after it.
func TestQvmRun(t *testing.T) {
	t.Parallel()
	dir, done := t.TempDir(), make(chan dom0.Push, 2)
	q := dom0.NewQvmRun(t, dir, dir, dom0.Behaviour{Status: 3, Does: func(p dom0.Push) { done <- p }})
	want := []dom0.Push{{Args: []string{"--pass-io", "two words", "two\nlines\n", ""}, Text: []byte("a\x00b\n")}, {Args: []string{"work"}, Text: []byte{}}}
	for _, p := range want {
		cmd := exec.Command(filepath.Join(dir, "qvm-run"), p.Args...)
		cmd.Stdin = strings.NewReader(string(p.Text))
		_ = cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != 3 || len(done) != 1 {
			t.Fatalf("exit status %d, %d pushes done; want 3 and 1", code, len(done))
		}
		if diff := cmp.Diff(p, <-done, cmpopts.IgnoreFields(dom0.Push{}, "At")); diff != "" {
			t.Errorf("done mismatch (-want +got):\n%s", diff)
		}
	}
	for _, p := range want { // they are kept, too
		if got, ok := q.Within(t, 0); !ok || !cmp.Equal(p, got, cmpopts.IgnoreFields(dom0.Push{}, "At")) {
			t.Errorf("kept %q, %t; want %q", got.Args, ok, p.Args)
		}
	}
	if _, ok := q.Within(t, time.Millisecond); ok {
		t.Error("there is a third push")
	}
}
