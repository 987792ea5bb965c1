package finding_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/atomicfile"
	"github.com/qubesbeat/qubesbeat/internal/behaviour"
	"github.com/qubesbeat/qubesbeat/module/finding"
)

// writerEnv names the folder in which a process of TestState_kill writes.
const writerEnv = "QUBESBEAT_TEST_STATE"

// learned returns the state of a live beat that has seen n check-ins of work, and its folder.
func learned(t *testing.T, n int64) (dir string, state []byte) {
	t.Helper()
	dir = t.TempDir()
	w := newWorld(func(c *finding.Config, _ *finding.Deps) { c.Live, c.DataDir = true, dir })
	w.run(t, func() { w.beacons(0, n) })
	state, err := os.ReadFile(filepath.Join(dir, "behaviour.state"))
	if err != nil {
		t.Fatal(err)
	}
	return dir, state
}

// TestState_cut goes on with the last state that was written whole, whichever byte of the next
// one was the last when the beat was killed, and leaves nothing of it behind.
func TestState_cut(t *testing.T) {
	t.Parallel()
	dir, state := learned(t, 6)
	unfinished := filepath.Join(dir, ".behaviour.state-123")
	for n := range state {
		if err := os.WriteFile(unfinished, state[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		w := newWorld(func(c *finding.Config, _ *finding.Deps) { c.Live, c.DataDir = true, dir })
		if err := w.Open(); err != nil {
			t.Fatal(err)
		}
		if p := w.Profiles("work"); len(p) != 1 || p[0].Destinations != 1 {
			t.Fatalf("killed after %d bytes: profiles = %+v", n, p)
		}
		if _, err := os.Lstat(unfinished); err == nil {
			t.Fatalf("killed after %d bytes: %s is still there", n, unfinished)
		}
	}
}

// writeForever writes the state at a path again and again, with a character to the standard
// output before each time.
func writeForever(path string) {
	state, err := os.ReadFile(path)
	for err == nil {
		_, _ = os.Stdout.Write([]byte{'.'})
		err = atomicfile.Write(path, state)
	}
}

// TestState_kill kills a process again and again that writes states without an end: each time
// there is a whole one.
func TestState_kill(t *testing.T) {
	t.Parallel()
	if to := os.Getenv(writerEnv); to != "" {
		writeForever(filepath.Join(to, "behaviour.state"))
		os.Exit(1) // it could not: the test sees the end of the output
	}
	dir, _ := learned(t, 6)
	for i := range 10 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestState_kill$")
		cmd.Env = append(os.Environ(), writerEnv+"="+dir)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadFull(out, make([]byte, 1+i*7))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(func(c *finding.Config, _ *finding.Deps) { c.Live, c.DataDir = true, dir })
		if err := w.Open(); err != nil {
			t.Fatal(err)
		}
		if p := w.Profiles("work"); len(p) != 1 {
			t.Errorf("after kill %d there is no state: %s", i+1, w.log.String())
		}
	}
}

// TestExport carries what was learned to another folder: the beacon that began there is found.
func TestExport(t *testing.T) {
	t.Parallel()
	dir, _ := learned(t, 6)
	b, err := finding.Export(dir)
	if err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	if n, err := finding.Import(other, b); n != 1 || err != nil {
		t.Fatalf("Import = %d, %v; want one subject", n, err)
	}
	w := newWorld(func(c *finding.Config, _ *finding.Deps) { c.Live, c.DataDir = true, other })
	w.run(t, func() { w.beacons(6, 14) })
	if len(w.documents) != 1 || w.documents[0].Rule != behaviour.Beacon || w.documents[0].Beats != 9 {
		t.Errorf("found %v; want the beacon of nine beats that began elsewhere", w.found())
	}
	if _, err := finding.Import(other, b); err == nil {
		t.Error("an import writes over what was learned here")
	}
	for n := range len(b) {
		if _, err := finding.Import(t.TempDir(), b[:n]); err == nil && n != 4+16+12 { // an export without subjects
			t.Fatalf("an export of %d of %d bytes is accepted", n, len(b))
		}
	}
	if _, err := finding.Export(t.TempDir()); err == nil {
		t.Error("a folder without baselines is exported")
	}
}
