package report_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/manyevents"
)

// TestCost makes a report of a million events, as much as the file output keeps by
// default, and one of as many with ten times the peers.
func TestCost(t *testing.T) {
	if os.Getenv("QUBESBEAT_REPORT_COST") == "" {
		t.Skip("QUBESBEAT_REPORT_COST is not set: it reads six gigabytes; go tool mage benchReport")
	}
	program := beat.Program(t)
	left := 0
	for _, peers := range []int{100_000, 1_000_000} {
		path := events(t, manyevents.Config{Events: 1_000_000, Peers: peers, Qubes: 30, Seed: 1})
		var pages [2][]byte
		for i := range pages {
			out := filepath.Join(t.TempDir(), "report.html")
			c := exec.Command(program, "report", "--html", out, path)
			if text, err := c.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			cpu := c.ProcessState.UserTime() + c.ProcessState.SystemTime()
			rss := c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10
			pages[i], _ = os.ReadFile(out)
			t.Logf("%d peers: %v of CPU, %d MiB, %d bytes of HTML", peers, cpu.Round(10*time.Millisecond), rss, len(pages[i]))
			if cpu > 20*time.Second || rss > 200 || len(pages[i]) > 3e6 {
				t.Errorf("%d peers: more than 20 s, 200 MiB or 3 MB", peers)
			}
		}
		others := addedUp(pages[0])
		if t.Logf("%d peers: %d rows of small peers were added up", peers, others); others <= left {
			t.Errorf("%d peers: %d rows were added up; with a tenth of the peers %d", peers, others, left)
		}
		left = others
		if !bytes.Equal(pages[0], pages[1]) {
			t.Errorf("%d peers: two reports differ", peers)
		}
	}
}

// addedUp returns how many rows of peers a report has added up, for qubes with a page.
func addedUp(page []byte) (sum int) {
	for _, m := range regexp.MustCompile(`([0-9,]+) rows of small peers`).FindAllSubmatch(page, -1) {
		n, _ := strconv.Atoi(strings.ReplaceAll(string(m[1]), ",", ""))
		sum += n
	}
	return sum
}
