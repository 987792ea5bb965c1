package packetstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// readFor is how long TestReadWhileWriting reads.
func readFor(tb testing.TB) time.Duration {
	tb.Helper()
	text := os.Getenv("QUBESBEAT_READ")
	if text == "" {
		return 5 * time.Second
	}
	d, err := time.ParseDuration(text)
	check(tb, err)
	return d
}

// TestReadWhileWriting reads all files over and over while packets are stored, flushed, sealed and
// removed: tshark and tcpdump find every file valid at every moment, and tshark shows the names
// that are in it.
func TestReadWhileWriting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() // on a disk: a file in memory grows by pages
	begun := time.Now()
	w := newWorld(t, dir, func(c *Config) {
		c.uptime = func() time.Duration { return time.Since(begun) }
		c.Now, c.Flush, c.Segment.Bytes, c.MaxBytes = time.Now, 20*time.Millisecond, 1<<20, 16<<20
	})
	stop, full := w.running(), make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for i := uint64(0); ; i++ {
			select {
			case <-full:
				return
			case <-tick.C:
				w.now = time.Now()
				w.Add(w.packet(uint32(7+i%3), i%50, 60+int(i*37%1400))) // a segment takes seconds to fill, and so may tshark to begin
			}
		}
	}()
	reads := map[string]int{}
	enough := func() bool { return reads["open"] >= 3 && reads["sealed"] >= 1 }
	end := time.Now().Add(readFor(t))
	for last := end.Add(time.Minute); time.Now().Before(end) || !enough() && time.Now().Before(last); { // tshark may take a second
		sealed := true // one of them between the open ones
		for _, path := range segments(t, dir) {
			if isOpen := strings.HasPrefix(filepath.Base(path), openPrefix); isOpen || sealed {
				sealed = sealed && isOpen
				readOnce(t, path, reads)
			}
		}
	}
	close(full)
	<-done
	stop()
	w.balance()
	if !enough() || reads["names"] != reads["tshark"] {
		t.Errorf("read %v; want open and sealed files, and the name of the qube in each", reads)
	}
	t.Logf("read %v", reads)
}

// readOnce has both programs read a file, unless it was sealed or removed just before they open
// it.
func readOnce(t *testing.T, path string, reads map[string]int) {
	t.Helper()
	kind := "sealed"
	if strings.HasPrefix(filepath.Base(path), openPrefix) {
		kind = "open"
	}
	// A descriptor keeps the file, whatever its name is by then.
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	check(t, err)
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() == 0 {
		return // its first page is not written yet
	}
	if out, ran := readBy(t, f, "tshark", "-N", "n", "-r", "/dev/fd/3"); ran {
		reads["tshark"]++
		reads[kind]++
		if slices.ContainsFunc([]string{"work", "personal", "untrusted"}, func(name string) bool { return strings.Contains(out, name) }) || out == "" {
			reads["names"]++
		}
	}
	readBy(t, f, "tcpdump", "-nr", "/dev/fd/3")
}

// readBy runs a reader over a file, and fails if it complains.
func readBy(t *testing.T, f *os.File, program string, args ...string) (out string, ran bool) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%v; apt-get install tshark tcpdump", err)
	}
	cmd := exec.Command(path, args...)
	again, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", f.Fd())) // with an offset of its own
	if errors.Is(err, fs.ErrNotExist) {
		return "", false // it was removed
	}
	check(t, err)
	defer again.Close()
	cmd.ExtraFiles = []*os.File{again}
	var talk strings.Builder
	cmd.Stderr = &talk
	b, err := cmd.Output()
	for line := range strings.Lines(talk.String()) {
		if !strings.HasPrefix(line, "Running as user") && !strings.HasPrefix(line, "reading from file") {
			t.Errorf("%s says of %s: %s", program, f.Name(), line)
		}
	}
	if err != nil {
		t.Errorf("%s of %s: %v", program, f.Name(), err)
	}
	return string(b), true
}
