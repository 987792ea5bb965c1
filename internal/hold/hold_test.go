package hold_test

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/hold"
	"github.com/qubesbeat/qubesbeat/internal/share"
)

// held is a Hold of names, of which those that are known can be passed on.
type held struct {
	*hold.Hold[string]
	known  map[string]bool
	passed []string // "name" or "name?" if it was not known
	tries  int
}

func newHeld(conf hold.Config[string]) *held {
	h := &held{known: map[string]bool{}}
	conf.Retry = func(name *string, last bool) bool {
		h.tries++
		switch {
		case h.known[*name]:
			h.passed = append(h.passed, *name)
		case last:
			h.passed = append(h.passed, *name+"?")
		default:
			return false
		}
		return true
	}
	h.Hold = hold.New(conf)
	return h
}

func (h *held) add(t *testing.T, names ...string) {
	t.Helper()
	for _, n := range names {
		if !h.Add(n) {
			t.Errorf("Add(%s) = false; want true", n)
		}
	}
}

func (h *held) want(t *testing.T, when string, names ...string) {
	t.Helper()
	if diff := cmp.Diff(names, h.passed); diff != "" {
		t.Errorf("%s: passed mismatch (-want +got):\n%s", when, diff)
	}
}

// run calls Check when it is due, for a time.
func (h *held) run(d time.Duration) {
	for end := time.After(d); ; h.Check() {
		select {
		case <-h.C():
		case <-end: // at the very time, either may come first
			h.Check()
			return
		}
	}
}

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Parallel()
	synctest.Test(t, f)
}

// TestHold_Check passes items on when they are known, in order, and at the end of
// their time.
func TestHold_Check(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHeld(hold.Config[string]{For: 3 * time.Second, Max: 10})
		h.add(t, "a", "b", "c")
		h.run(time.Second)
		h.add(t, "d", "b")
		h.want(t, "after 1 s")
		h.known["b"] = true
		h.run(200 * time.Millisecond)
		h.want(t, "b is known", "b", "b")
		h.run(1799 * time.Millisecond)
		h.want(t, "before the time", "b", "b")
		h.run(time.Millisecond)
		h.want(t, "after the time of a", "b", "b", "a?", "c?")
		if diff := cmp.Diff(hold.Stats{Held: 1, TimedOut: 2}, h.Stats()); diff != "" {
			t.Errorf("Stats mismatch (-want +got):\n%s", diff)
		}
		h.run(time.Second)
		h.want(t, "after the time of d", "b", "b", "a?", "c?", "d?")
		if diff := cmp.Diff(hold.Stats{TimedOut: 3}, h.Stats()); diff != "" {
			t.Errorf("Stats mismatch (-want +got):\n%s", diff)
		}
	})
}

// TestHold_quiet arms nothing while nothing is held, and no more than five times a
// second while something is.
func TestHold_quiet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHeld(hold.Config[string]{For: time.Second, Max: 10})
		idle := func(when string) {
			t.Helper()
			if next, c := h.Next(), h.C(); !next.IsZero() || c != nil {
				t.Errorf("%s: Next = %v, C = %v; want neither", when, next, c)
			}
		}
		idle("at the start")
		h.Check()
		h.add(t, "a")
		h.run(time.Minute)
		if h.tries != 5 {
			t.Errorf("%d attempts in a second; want 5", h.tries)
		}
		idle("after the time")
		h.add(t, "b")
		c := h.C()
		h.Flush()
		idle("after Flush")
		time.Sleep(time.Minute)
		select {
		case <-c:
			t.Error("a timer fired while nothing was held")
		default:
		}
	})
}

// TestHold_Check_often tries no more often than is due.
func TestHold_Check_often(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHeld(hold.Config[string]{For: 10 * time.Second, Max: 10, Every: time.Second})
		h.add(t, "a")
		for range 50 {
			h.Check()
			time.Sleep(100 * time.Millisecond)
		}
		if h.tries != 4 {
			t.Errorf("%d attempts in 4.9 s; want 4", h.tries)
		}
	})
}

// TestHold_Retry tries at once, whatever is due.
func TestHold_Retry(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHeld(hold.Config[string]{For: time.Second, Max: 10})
		h.add(t, "a", "b")
		h.known["b"] = true
		h.Retry()
		h.want(t, "at once", "b")
		if got, want := time.Until(h.Next()), 200*time.Millisecond; got != want {
			t.Errorf("Next is in %v; want %v", got, want)
		}
	})
}

// TestHold_Flush passes everything on.
func TestHold_Flush(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHeld(hold.Config[string]{For: time.Second, Max: 10})
		h.known["b"] = true
		h.add(t, "a", "b", "c")
		h.Flush()
		h.Flush()
		h.want(t, "at the end", "a?", "b", "c?")
		if diff := cmp.Diff(hold.Stats{}, h.Stats()); diff != "" {
			t.Errorf("Stats mismatch (-want +got):\n%s", diff)
		}
	})
}

// TestHold_Add refuses what finds no room.
func TestHold_Add(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHeld(hold.Config[string]{For: time.Second, Max: 3})
		for i := range 5 {
			if got, want := h.Add(fmt.Sprint(i)), i < 3; got != want {
				t.Errorf("Add(%d) = %v; want %v", i, got, want)
			}
		}
		if diff := cmp.Diff(hold.Stats{Held: 3, Refused: 2}, h.Stats()); diff != "" {
			t.Errorf("Stats mismatch (-want +got):\n%s", diff)
		}
		h.Flush()
		if !h.Add("again") {
			t.Error("Add = false after Flush; want true")
		}
	})
}

// TestHold_off holds nothing and counts nothing.
func TestHold_off(t *testing.T) {
	t.Parallel()
	h := newHeld(hold.Config[string]{Max: 3})
	if h.Add("a") || h.Stats() != (hold.Stats{}) || !h.Next().IsZero() {
		t.Errorf("Add = true, or Stats = %+v, or Next = %v; want nothing", h.Stats(), h.Next())
	}
}

// TestHold_Next is the end of the first item's time if that comes before the next
// attempt, and is not put off by further items.
func TestHold_Next(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHeld(hold.Config[string]{For: 250 * time.Millisecond, Max: 10})
		h.add(t, "a")
		time.Sleep(150 * time.Millisecond)
		h.add(t, "b")
		if got, want := time.Until(h.Next()), 50*time.Millisecond; got != want {
			t.Errorf("Next is in %v; want %v", got, want)
		}
		h.run(50 * time.Millisecond)
		h.want(t, "after 200 ms")
		if got, want := time.Until(h.Next()), 50*time.Millisecond; got != want {
			t.Errorf("Next is in %v; want %v", got, want)
		}
		h.run(50 * time.Millisecond)
		h.want(t, "after 250 ms", "a?")
	})
}

// TestHold_forgets keeps no reference to what was passed on.
func TestHold_forgets(t *testing.T) {
	t.Parallel()
	h := hold.New(hold.Config[*[64]int]{For: time.Hour, Max: 3, Retry: func(**[64]int, bool) bool { return true }})
	item := new([64]int)
	gone := weak.Make(item)
	h.Add(item)
	h.Retry()
	item = nil
	runtime.GC()
	if gone.Value() != nil {
		t.Error("an item that was passed on is still in memory")
	}
	h.Flush() // keeps h alive until here
}

// TestHold_panic forgets the item that cannot be passed on, and only that.
func TestHold_panic(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var passed []string
		h := hold.New(hold.Config[string]{For: time.Second, Max: 10, Retry: func(name *string, last bool) bool {
			if *name == "bad" {
				panic(*name)
			}
			if last || *name == "known" {
				passed = append(passed, *name)
				return true
			}
			return false
		}})
		for _, name := range []string{"known", "a", "bad", "b", "known"} {
			h.Add(name)
		}
		func() {
			defer func() { _ = recover() }()
			h.Retry()
		}()
		if s, next := h.Stats(), time.Until(h.Next()); s.Held != 3 || next != 200*time.Millisecond {
			t.Errorf("after a panic Stats = %+v, Next is in %v; want 3 held, 200ms", s, next)
		}
		h.Flush()
		if diff := cmp.Diff([]string{"known", "a", "b", "known"}, passed); diff != "" {
			t.Errorf("passed mismatch (-want +got):\n%s", diff)
		}
	})
}

// TestAttack03_hold waits for the name of a quiet qube while another floods, and
// gives room back once.
func TestAttack03_hold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHeld(hold.Config[string]{For: time.Second, Max: 1000, Size: func(s *string) int { return len(*s) },
			Class: func(s *string) share.Class { return share.Class((*s)[0]) }})
		for range 3 {
			for range 1000 {
				h.Add("flood")
			}
			if s := h.Stats(); s.Held != 100 {
				t.Errorf("the flood holds %d items; want half of the room", s.Held)
			}
			h.Check()
			h.Retry()
			h.add(t, "quiet", "q", "other")
			if h.Add("flood") {
				t.Error("the flood gets more than its share")
			}
			h.Flush()
		}
	})
}
