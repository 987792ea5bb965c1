package dns

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
)

// TestCoalescer_panic forgets the event that cannot be passed on, and only that.
func TestCoalescer_panic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCoalescer(time.Minute)
		for _, name := range []string{"a", "bad", "b", "a"} {
			if !c.add(&Document{name: name, Entry: dnsevent.Entry{Count: 1}}) {
				t.Errorf("add(%s) = false; want true", name)
			}
		}
		time.Sleep(time.Minute)
		var passed []string
		pass := func(d *Document) {
			if d.name == "bad" {
				panic(d.name)
			}
			passed = append(passed, d.name)
		}
		func() {
			defer func() { _ = recover() }()
			c.release(time.Now(), false, pass)
		}()
		if c.next.IsZero() {
			t.Error("no release is due after a panic, though an event is open")
		}
		time.Sleep(writerLag)
		c.release(time.Now(), false, pass)
		if diff := cmp.Diff([]string{"a", "b"}, passed); diff != "" || !c.next.IsZero() || len(c.open) != 0 {
			t.Errorf("%d open, next %v; passed mismatch (-want +got):\n%s", len(c.open), c.next, diff)
		}
	})
}
