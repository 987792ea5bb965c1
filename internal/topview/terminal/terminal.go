// Package terminal shows a [topview.Model] on a terminal, and gives it the keys.
package terminal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/gdamore/tcell/v2/terminfo"

	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/topview"
)

// Every is the time between two snapshots.
const Every = time.Second

// Config says what is shown, and where.
type Config struct {
	// Screen is the terminal. It must not be nil, and Run closes it.
	Screen tcell.Screen
	// Fetch returns a new snapshot, with the peers of an interface if open is not "". It is
	// called from one goroutine at a time, and must not be nil.
	Fetch func(ctx context.Context, open string) (*topview.Snapshot, error)
	// Colour paints labels in their colours, if the terminal has any.
	Colour bool
}

// console is a terminal that may not know its size, as a serial console: it is then that of
// a VT100.
type console struct{ tcell.Tty }

// WindowSize implements [tcell.Tty].
func (c console) WindowSize() (tcell.WindowSize, error) {
	size, err := c.Tty.WindowSize()
	if size.Height == 25 && os.Getenv("LINES") == "" { // tcell's guess
		size.Height = 24
	}
	return size, err
}

// Open opens the terminal of the process. One whose TERM is not known is taken for a VT100,
// which nearly all are compatible with.
func Open() (tcell.Screen, error) {
	name := os.Getenv("TERM")
	if name == "" || name == "dumb" {
		return nil, fmt.Errorf("a terminal with TERM=%q cannot be drawn on; set TERM, to vt100 for example, or use --once", name)
	}
	tty, err := tcell.NewDevTty()
	if err != nil {
		return nil, fmt.Errorf("opening the terminal: %w; use --once", err)
	}
	info, err := describe(name)
	if err != nil {
		return nil, errors.Join(err, tty.Close())
	}
	tcell.SetEncodingFallback(tcell.EncodingFallbackASCII) // all that is drawn is ASCII
	return tcell.NewTerminfoScreenFromTtyTerminfo(console{tty}, info)
}

// describe returns what a terminal can do. What calls itself a VT100 is a program, which
// does not need the pauses that terminfo has for the device, milliseconds for each move of
// the cursor, and has keys that the device had not.
func describe(name string) (*terminfo.Terminfo, error) {
	found, err := tcell.LookupTerminfo(name)
	if err != nil {
		if found, err = tcell.LookupTerminfo("vt100"); err != nil {
			return nil, fmt.Errorf("looking up the terminal: %w", err)
		}
	}
	info := *found
	info.PadChar = "" // no pauses
	info.KeyPgUp, info.KeyPgDn = cmp.Or(info.KeyPgUp, "\x1b[5~"), cmp.Or(info.KeyPgDn, "\x1b[6~")
	return &info, nil
}

// screen is what Run works with.
type screen struct {
	Config
	model  topview.Model
	events chan tcell.Event
	stop   chan struct{} // closed when Run returns
	result chan result   // of the fetch that is under way
	busy   bool          // a fetch is under way
}

// result is the outcome of a fetch.
type result struct {
	snapshot *topview.Snapshot
	err      error
}

// Run shows snapshots until the user leaves or ctx ends, and restores the terminal.
func Run(ctx context.Context, conf Config) error {
	if err := conf.Screen.Init(); err != nil {
		return fmt.Errorf("preparing the terminal: %w; use --once", err)
	}
	defer conf.Screen.Fini()
	conf.Screen.HideCursor()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &screen{Config: conf, events: make(chan tcell.Event, 16), stop: make(chan struct{}), result: make(chan result, 1)}
	defer close(s.stop)
	go s.Screen.ChannelEvents(s.events, s.stop)
	return s.loop(ctx)
}

// loop draws, and waits for what happens next.
func (s *screen) loop(ctx context.Context) error {
	ticker := time.NewTicker(Every)
	defer ticker.Stop()
	s.fetch(ctx)
	for {
		s.draw()
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			s.fetch(ctx)
		case r := <-s.result:
			s.take(r)
		case e, ok := <-s.events:
			if quit, err := s.handle(ctx, e); !ok || quit || err != nil {
				return err
			}
		}
	}
}

// fetch begins to fetch a snapshot, unless the screen stands still or the last one is still
// under way.
func (s *screen) fetch(ctx context.Context) {
	if s.busy || s.model.Paused() {
		return
	}
	s.busy = true
	open := s.model.Open()
	go func() {
		snapshot, err := s.Fetch(ctx, open)
		s.result <- result{snapshot, err}
	}()
}

// take takes the outcome of a fetch.
func (s *screen) take(r result) {
	s.busy = false
	if r.err != nil {
		s.model.Fail(r.err)
		return
	}
	s.model.Update(r.snapshot)
}

// handle handles what the terminal reports. quit reports whether the user leaves.
func (s *screen) handle(ctx context.Context, e tcell.Event) (quit bool, err error) {
	switch e := e.(type) {
	case *tcell.EventError:
		return false, fmt.Errorf("reading the terminal: %w", e)
	case *tcell.EventResize:
		s.Screen.Sync()
	case *tcell.EventKey:
		k := keyOf(e)
		if quit = s.model.Press(k); k == topview.Enter && !quit {
			s.fetch(ctx) // the destinations, now
		}
	}
	return quit, nil
}

// draw draws the screen. The library sends only what has changed.
func (s *screen) draw() {
	width, height := s.Screen.Size()
	s.Screen.Clear()
	for y, line := range s.model.Draw(width, height) {
		x := 0
		for _, span := range line {
			style := s.style(&span)
			for i := range len(span.Text) {
				s.Screen.SetContent(x, y, rune(span.Text[i]), nil, style)
				x++
			}
		}
	}
	s.Screen.Show()
}

// style returns the style of a span.
func (s *screen) style(span *topview.Span) tcell.Style {
	style := tcell.StyleDefault
	switch span.Style {
	case topview.Title:
		style = style.Bold(true)
	case topview.Chosen:
		style = style.Reverse(true)
	case topview.Warn:
		style = style.Bold(true)
	case topview.Label:
		if r, g, b, ok := qube.TerminalColor(span.Label); ok && s.Colour {
			style = style.Foreground(tcell.NewRGBColor(int32(r), int32(g), int32(b)))
		}
	}
	return style
}
