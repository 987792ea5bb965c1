package packetstore

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// killDir names the folder that the process which is killed stores packets in.
const killDir = "QUBESBEAT_TEST_KILL_DIR"

// killFlush is its flush interval, and killLost what may be lost: half a second, ten intervals, since
// a machine that is busy with other tests is late.
const (
	killFlush = 50 * time.Millisecond
	killLost  = 10 * killFlush
)

// kills returns how often TestKill9 kills, and whether that was asked for.
func kills(tb testing.TB) (n int, asked bool) {
	tb.Helper()
	text := os.Getenv("QUBESBEAT_KILLS")
	if text == "" {
		return 10, false
	}
	n, err := strconv.Atoi(text)
	check(tb, err)
	return n, true
}

// TestKill9_child stores packets until it is killed, and prints how many it has given to the
// store, and how many are written. It is a process of its own: see TestKill9.
func TestKill9_child(t *testing.T) {
	dir := os.Getenv(killDir)
	if dir == "" {
		t.Skip("it is started by TestKill9")
	}
	w := newWorld(t, dir, func(c *Config) {
		c.Now, c.Segment.Bytes, c.MaxBytes, c.Flush = time.Now, 2<<20, 1<<30, killFlush
	})
	w.running()
	tick := time.NewTicker(time.Millisecond) // a moment is some packets, not megabytes
	defer tick.Stop()
	for i := uint64(0); ; i++ {
		<-tick.C
		for range 20 {
			w.now = time.Now()
			w.Add(w.packet(uint32(7+i%3), i%500, 60+int(i*37%1400)))
		}
		w.mu.Lock()
		c := w.c
		w.mu.Unlock()
		fmt.Printf("added %d written %d lost %d\n", c.frames.packets, c.written.sum().packets, c.lostMemory.packets+c.lostDisk.packets)
	}
}

// killed is what a process has said until it was killed.
type killed struct {
	added, written, lost uint64 // at the end
	due                  uint64 // packets that it was given killLost before
}

// killChild has a process store packets into a folder, and kills it at a random
// moment within most.
func killChild(t *testing.T, dir string, most time.Duration) (k killed) {
	t.Helper()
	child := exec.CommandContext(context.Background(), os.Args[0], "-test.run=^TestKill9_child$")
	child.Env = append(os.Environ(), killDir+"="+dir)
	out, err := child.StdoutPipe()
	check(t, err)
	check(t, child.Start())
	type point struct {
		at    time.Time
		added uint64
	}
	var points []point
	end := time.Now().Add(rand.N(most))
	in := bufio.NewScanner(out)
	for in.Scan() && (k.added == 0 || time.Now().Before(end)) {
		_, err := fmt.Sscanf(in.Text(), "added %d written %d lost %d", &k.added, &k.written, &k.lost)
		check(t, err)
		points = append(points, point{time.Now(), k.added})
	}
	end = time.Now()
	check(t, child.Process.Kill())
	_ = child.Wait() // killed
	for _, p := range points {
		if end.Sub(p.at) > killLost {
			k.due = p.added
		}
	}
	return k
}

// TestKill9 kills a process that stores packets, at random moments: the next start repairs
// what it leaves, tshark has nothing to say about it, what was written is there, and so is all that
// came before the last moment.
func TestKill9(t *testing.T) {
	t.Parallel()
	runs, asked := kills(t)
	most := 700 * time.Millisecond
	if asked {
		most *= 2
	}
	repaired, due := uint64(0), 0
	for i := range runs {
		dir := fastDir(t)
		k := killChild(t, dir, most)
		w := newWorld(t, dir, nil)
		w.stop()
		n := scanned(t, dir)
		if n < k.written {
			t.Errorf("run %d: %d packets are left; %d were written", i, n, k.written)
		}
		if k.due > 0 {
			due++
		}
		if n+k.lost < k.due {
			t.Errorf("run %d: %d packets are left, %d were lost before the end; %d had come %v before", i, n, k.lost, k.due, killLost)
		}
		if repaired += w.c.repaired; w.c.damaged+w.c.lostCrash > 0 {
			t.Errorf("run %d: %d segments are damaged, %d packets of a flush are missing", i, w.c.damaged, w.c.lostCrash)
		}
		verified(t, dir)
		if again := newWorld(t, dir, nil); again.c.repaired+again.c.damaged > 0 {
			t.Errorf("run %d: the second start repairs, too", i)
		} else {
			again.stop()
		}
		if asked || i%5 == 0 { // tshark takes its time
			if shown := rows(t, dir); shown != n {
				t.Errorf("run %d: tshark shows %d packets of %d", i, shown, n)
			}
		}
		check(t, os.RemoveAll(dir))
	}
	if repaired == 0 { // of one run there may be none: all were sealed just before
		t.Error("no open segment was repaired in any run")
	}
	t.Logf("%d runs, %d segments repaired; %d runs were longer than %v", runs, repaired, due, killLost)
}
