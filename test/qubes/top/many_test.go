//go:build linux

package top_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
	"github.com/qubesbeat/qubesbeat/internal/topview"
)

// many is a beat with 500 qubes, each of which sends more than the one before. All of its
// numbers change all the time, and one has a name that a hostile server would like.
type many struct {
	began time.Time
	asked atomic.Int64
}

// Top implements [control.Top].
func (m *many) Top(context.Context, string) (*topview.Snapshot, error) {
	m.asked.Add(1)
	s := &topview.Snapshot{At: time.Now(), Uptime: time.Since(m.began)}
	for i := range 500 {
		q := topview.Qube{Interface: fmt.Sprintf("vif%d.0", i+1), Name: fmt.Sprintf("disp%04d", i), Label: [...]string{"red", "orange", "blue"}[i%3], Flows: i,
			Top: &topview.Peer{Name: "www.example.org", Address: "198.51.100.7", Port: 443, Transport: "tcp"}}
		q.Out.Bytes = uint64(1000 * i * int(s.Uptime.Seconds()*10))
		s.Qubes = append(s.Qubes, q)
	}
	s.Qubes[499].Top.Name = "\x1b[2J\x1b]0;owned\x07\u202e.example"
	return s, nil
}

// serve serves the qubes and returns the path of the socket.
func (m *many) serve(t *testing.T) string {
	t.Helper()
	path := filepath.Join(beat.NewHome(t), "top.sock")
	server, err := control.Listen(control.Config{Path: path, Top: m})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve() }()
	t.Cleanup(func() { _ = server.Close() })
	return path
}

// TestTop_many pages through 500 qubes, follows the size of the terminal, and shows a hostile
// name without obeying it.
func TestTop_many(t *testing.T) {
	m := &many{began: time.Now()}
	p := newPane(t, m.serve(t), 80, 24, "TERM=screen-256color")
	p.await("500 qubes")
	p.press("s", "s", "s") // by flows: the order stays
	p.await("sort (flows)")
	p.await("disp0499")
	if name := `0;owned\007\226\128\174.example:443`; !strings.Contains(strings.Join(p.lines(), "\n"), name) {
		t.Errorf("the hostile name is not shown as %s:\n%s", name, strings.Join(p.lines(), "\n"))
	}
	if title := p.tmux("display-message", "-p", "#{pane_title}"); strings.Contains(title, "owned") {
		t.Errorf("the title of the terminal is %q", title)
	}
	p.press("NPage", "NPage")
	p.await("disp0459")
	p.press("End")
	p.await("disp0000")
	p.tmux("resize-window", "-x", "120", "-y", "50")
	poll.Until(t, "48 lines, and names in full", func() bool {
		return p.row("disp0046") != nil && strings.Contains(strings.Join(p.lines(), "\n"), "disp0000") && len(p.lines()) == 50
	})
	p.tmux("resize-window", "-x", "40", "-y", "8")
	poll.Until(t, "fewer columns and lines", func() bool {
		w := p.row("QUBE")
		return strings.Join(w, " ") == "QUBE OUT/s IN/s TOP DESTINATI>" && len(p.lines()) == 8
	})
	if w := p.row("disp0000"); w == nil {
		t.Errorf("the chosen row is out of sight:\n%s", strings.Join(p.lines(), "\n"))
	}
	p.press("q")
	p.await("ended 0")
}

// TestTop_colour paints labels, unless NO_COLOR says otherwise.
func TestTop_colour(t *testing.T) {
	socket := (&many{began: time.Now()}).serve(t)
	for _, tt := range []struct {
		env    string
		colour bool
	}{{"NO_COLOR=", true}, {"NO_COLOR=1", false}} {
		p := newPane(t, socket, 80, 24, "TERM=screen-256color", tt.env)
		p.await("disp0498")
		raw, err := os.ReadFile(p.raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(raw), "\x1b[38;5;"); got != tt.colour {
			t.Errorf("%s: colours %v; want %v", tt.env, got, tt.colour)
		}
	}
}

// TestTop_cost takes little to show 500 qubes whose numbers all change: half a hundredth of
// a core where docs/top.md was measured. The bound is for machines that are much slower.
func TestTop_cost(t *testing.T) {
	m := &many{began: time.Now()}
	p := newPane(t, m.serve(t), 80, 24, "TERM=vt100")
	p.await("500 qubes")
	pid := strings.TrimSpace(p.tmux("display-message", "-p", "#{pane_pid}"))
	before, asked, began := cpuOfChild(t, pid), m.asked.Load(), time.Now()
	poll.Until(t, "ten snapshots", func() bool { return m.asked.Load() >= asked+10 })
	used, span := cpuOfChild(t, pid)-before, time.Since(began)
	t.Logf("%v of processor time in %v", used, span)
	if used > span/20 {
		t.Errorf("top took %v of processor time in %v; want less than a twentieth", used, span)
	}
}

// cpuOfChild returns the processor time of the qubesbeat that a shell has started, in steps of
// a hundredth of a second.
func cpuOfChild(t *testing.T, shell string) time.Duration {
	t.Helper()
	children, err := os.ReadFile("/proc/" + shell + "/task/" + shell + "/children")
	if err != nil {
		t.Skipf("needs the children of a process in /proc: %v", err)
	}
	stat, err := os.ReadFile("/proc/" + strings.Fields(string(children))[0] + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after)
	var ticks int
	for _, f := range fields[11:13] { // utime and stime
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
