package packetstore

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"
)

// killDir names the folder that the process which is killed stores packets in.
const killDir = "PACKETSTORE_KILL_DIR"

// TestKill9_child stores packets until it is killed, and prints how many are written. It
// is a process of its own: see TestKill9.
func TestKill9_child(t *testing.T) {
	dir := os.Getenv(killDir)
	if dir == "" {
		t.Skip("it is started by TestKill9")
	}
	w := newWorld(t, dir, func(c *Config) {
		c.Now, c.Segment.Bytes, c.MaxBytes, c.Flush = time.Now, 2<<20, 1<<30, 20*time.Millisecond
	})
	w.running()
	for i := uint64(0); ; i++ {
		for range 50 {
			w.now = time.Now()
			w.Add(w.packet(uint32(7+i%3), i%500, 60+int(i*37%1400)))
		}
		w.mu.Lock()
		written := w.c.written.sum().packets
		w.mu.Unlock()
		fmt.Printf("written %d\n", written)
	}
}

// TestKill9 kills a process that stores packets, at random moments: the next start
// repairs what it leaves, tshark has nothing to say about it, and what was written is there.
func TestKill9(t *testing.T) {
	t.Parallel()
	repaired := uint64(0)
	for range 3 {
		dir := fastDir(t)
		child := exec.Command(os.Args[0], "-test.run=^TestKill9_child$")
		child.Env = append(os.Environ(), killDir+"="+dir)
		out, err := child.StdoutPipe()
		check(t, err)
		check(t, child.Start())
		written, enough := uint64(0), uint64(1000+rand.IntN(20_000))
		in := bufio.NewScanner(out)
		for in.Scan() && written < enough {
			_, err := fmt.Sscanf(in.Text(), "written %d", &written)
			check(t, err)
		}
		check(t, child.Process.Kill())
		_ = child.Wait() // killed
		open := len(segments(t, dir))
		w := newWorld(t, dir, nil)
		w.stop()
		if n := rows(t, dir); n < written || written == 0 {
			t.Errorf("%d packets are in %d segments; %d were written before the end", n, open, written)
		}
		if repaired += w.c.repaired; w.c.damaged > 0 {
			t.Errorf("%d segments are damaged", w.c.damaged)
		}
		verified(t, dir)
	}
	if repaired == 0 { // of one run there may be none: all were sealed just before
		t.Error("no open segment was repaired in any run")
	}
}
