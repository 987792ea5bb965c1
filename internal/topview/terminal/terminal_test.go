package terminal_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
	"github.com/qubesbeat/qubesbeat/internal/topview"
	"github.com/qubesbeat/qubesbeat/internal/topview/terminal"
)

// watched is a screen in memory on which a view runs.
type watched struct {
	tcell.SimulationScreen
	fetched atomic.Int64
	open    atomic.Value // of string: that the last fetch asked for
	fault   atomic.Value // of error: what a fetch returns
	done    chan error

	mu    sync.Mutex
	cells []tcell.SimCell // guarded by mu, as width: what was shown last
	width int
}

// Show implements [tcell.Screen]. It keeps a copy of the cells, which the simulated screen
// itself hands out without a lock.
func (w *watched) Show() {
	w.SimulationScreen.Show()
	w.mu.Lock()
	defer w.mu.Unlock()
	cells, width, _ := w.GetContents()
	w.cells, w.width = w.cells[:0], width
	for _, c := range cells {
		c.Runes = slices.Clone(c.Runes)
		w.cells = append(w.cells, c)
	}
}

// watch runs a view of one qube, work, which is blue.
func watch(t *testing.T, ctx context.Context, colour bool) *watched {
	t.Helper()
	w := &watched{SimulationScreen: tcell.NewSimulationScreen("UTF-8"), done: make(chan error, 1)}
	w.open.Store("")
	fetch := func(_ context.Context, open string) (*topview.Snapshot, error) {
		n := w.fetched.Add(1)
		w.open.Store(open)
		if err, ok := w.fault.Load().(error); ok {
			return nil, err
		}
		return &topview.Snapshot{Uptime: time.Duration(n) * time.Second, Qubes: []topview.Qube{{Interface: "vif4.0", Name: "work", Label: "blue",
			Out: topview.Traffic{Bytes: uint64(1000 * n)}}}}, nil
	}
	go func() { w.done <- terminal.Run(ctx, terminal.Config{Screen: w, Fetch: fetch, Colour: colour}) }()
	w.await(t, "work")
	return w
}

// text returns what is on the screen.
func (w *watched) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for i, c := range w.cells {
		if i%max(1, w.width) == 0 {
			b.WriteByte('\n')
		}
		b.WriteString(string(c.Runes))
	}
	return b.String()
}

// await waits until the screen shows a text.
func (w *watched) await(t *testing.T, text string) {
	t.Helper()
	if !poll.Within(10*time.Second, func() bool { return strings.Contains(w.text(), text) }) {
		t.Fatalf("no %q on the screen:%s", text, w.text())
	}
}

// colourOf returns the foreground of the cell at which a text begins.
func (w *watched) colourOf(t *testing.T, text string) tcell.Color {
	t.Helper()
	i := strings.Index(strings.ReplaceAll(w.text(), "\n", ""), text)
	if i < 0 {
		t.Fatalf("no %q on the screen:%s", text, w.text())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	fg, _, _ := w.cells[i].Style.Decompose()
	return fg
}

// TestRun shows rates, opens a qube, survives faults and another size, and ends with q.
func TestRun(t *testing.T) {
	t.Parallel()
	w := watch(t, t.Context(), true)
	w.await(t, "out 1000B/s") // after the second fetch
	w.InjectKey(tcell.KeyEnter, 0, tcell.ModNone)
	w.await(t, "bytes in 0 packets")
	poll.Until(t, "a fetch of the qube that is open", func() bool { return w.open.Load() == "vif4.0" })
	w.SetSize(40, 10)
	w.await(t, "DESTINATION")
	w.fault.Store(errors.New("the beat does not answer"))
	w.await(t, "the beat does not answer")
	w.InjectKey(tcell.KeyEscape, 0, tcell.ModNone)
	w.await(t, "QUBE")
	w.InjectKey(tcell.KeyRune, 'q', tcell.ModNone)
	if err := <-w.done; err != nil {
		t.Errorf("Run = %v", err)
	}
}

// TestRun_colour paints labels only where colours are wanted.
func TestRun_colour(t *testing.T) {
	t.Parallel()
	for _, colour := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		w := watch(t, ctx, colour)
		w.InjectKey(tcell.KeyRune, '?', tcell.ModNone) // the row is chosen, and in reverse: look at another
		w.await(t, "REFD")
		w.InjectKey(tcell.KeyRune, '?', tcell.ModNone)
		w.InjectKey(tcell.KeyEnter, 0, tcell.ModNone)
		w.await(t, "work  blue")
		want := tcell.ColorDefault
		if colour {
			want = tcell.NewRGBColor(82, 139, 204)
		}
		if got := w.colourOf(t, "work  blue"); got != want {
			t.Errorf("colour %v: work has %v; want %v", colour, got, want)
		}
		cancel()
		if err := <-w.done; err != nil {
			t.Errorf("Run = %v after its context has ended", err)
		}
	}
}

// TestRun_pause fetches nothing while the screen stands still.
func TestRun_pause(t *testing.T) {
	t.Parallel()
	w := watch(t, t.Context(), false)
	w.InjectKey(tcell.KeyRune, 'p', tcell.ModNone)
	w.await(t, "PAUSED")
	before := w.fetched.Load()
	if !poll.Remains(2500*time.Millisecond, func() bool { return w.fetched.Load() <= before+1 }) { // one may be under way
		t.Errorf("%d fetches in the pause", w.fetched.Load()-before)
	}
	w.InjectKey(tcell.KeyCtrlC, 0, tcell.ModNone)
	if err := <-w.done; err != nil {
		t.Errorf("Run = %v", err)
	}
}

// TestOpen_dumb refuses a terminal on which nothing can be drawn, and names the way out.
func TestOpen_dumb(t *testing.T) {
	for _, name := range []string{"", "dumb"} {
		t.Setenv("TERM", name)
		if _, err := terminal.Open(); err == nil || !strings.Contains(err.Error(), "--once") {
			t.Errorf("TERM=%q: Open = %v; want an error that names --once", name, err)
		}
	}
}
