package guard_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/guard"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
)

// log is what a keeper has logged. It is safe for concurrent use.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// count returns how many lines contain a text.
func (l *log) count(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.b.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func newKeeper(dir string) (*guard.Keeper, *log) {
	l := new(log)
	return guard.New(guard.Config{Dir: dir, Logger: slog.New(slog.NewTextHandler(l, nil))}), l
}

// reader handles inputs in batches, as a loop that must go on does.
type reader struct {
	part    *guard.Part
	handled []string
}

// batch handles inputs until one panics.
func (r *reader) batch(inputs ...string) {
	var input []byte
	defer r.part.Recover(&input)
	for _, s := range inputs {
		input = []byte(s)
		r.part.Probe(input)
		r.handle(input)
	}
}

func (r *reader) handle(input []byte) {
	if len(input) > 3 {
		_ = input[:3][len(input)] // a parser that trusts a length
	}
	r.handled = append(r.handled, string(input))
}

// TestPart_Recover goes on with the next batch, counts each panic and logs each
// stack once.
func TestPart_Recover(t *testing.T) {
	t.Parallel()
	k, l := newKeeper("")
	r := &reader{part: k.Part("resolver/udp")}
	for _, inputs := range [][]string{{"a", "long", "lost"}, {"b", "longer"}, {"c"}} {
		r.batch(inputs...)
	}
	func() {
		defer r.part.Recover(nil)
		panic("of another place")
	}()
	if diff := cmp.Diff([]string{"a", "b", "c"}, r.handled); diff != "" {
		t.Errorf("handled mismatch (-want +got):\n%s", diff)
	}
	if got := r.part.Panics(); got != 3 || r.part.Stopped() || r.part.Err() != nil {
		t.Errorf("Panics = %d, Err = %v; want 3, nil", got, r.part.Err())
	}
	for text, want := range map[string]int{"recovered from a panic": 2, "part=resolver/udp": 2, "index out of range": 1,
		"of another place": 1, "guard_test.(*reader).handle": 1} {
		if got := l.count(text); got != want {
			t.Errorf("%d lines with %q; want %d", got, text, want)
		}
	}
}

// TestPart_Do recovers from a panic in each kind of input.
func TestPart_Do(t *testing.T) {
	t.Parallel()
	hello := func() []byte { return []byte("hello") }
	var nilMap map[string]int
	tests := []struct {
		name  string
		input func() []byte
		f     func()
		want  error
	}{
		{"no panic", hello, func() {}, nil},
		{"no panic, no input", nil, func() {}, nil},
		{"error", hello, func() { panic(errors.New("x")) }, guard.ErrPanic},
		{"nil map", hello, func() { nilMap["x"] = 1 }, guard.ErrPanic},
		{"nil pointer", nil, func() { _ = (*reader)(nil).handled }, guard.ErrPanic},
		{"panic(nil)", nil, func() { panic(nil) }, guard.ErrPanic},
		{"value that panics", nil, func() { panic((*broken)(nil)) }, guard.ErrPanic},
		{"input that panics", func() []byte { panic("again") }, func() { panic("x") }, guard.ErrPanic},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k, l := newKeeper(t.TempDir())
			p := k.Part("part")
			if err := p.Do(tt.input, tt.f); !errors.Is(err, tt.want) || (err != nil) != (tt.want != nil) {
				t.Errorf("Do = %v; want %v", err, tt.want)
			}
			want := 0
			if tt.want != nil {
				want = 1
			}
			if got := l.count("recovered from a panic"); got != want || p.Panics() != uint64(want) {
				t.Errorf("%d logged, Panics = %d; want %d of each", got, p.Panics(), want)
			}
		})
	}
}

// broken is an error that cannot be printed.
type broken struct{ text string }

func (b *broken) Error() string { return b.text }

// TestPart_Do_goexit lets a goroutine end.
func TestPart_Do_goexit(t *testing.T) {
	t.Parallel()
	k, _ := newKeeper("")
	var wg sync.WaitGroup
	wg.Go(func() { _ = k.Part("part").Do(nil, runtime.Goexit) })
	wg.Wait()
	if got := k.Part("part").Panics(); got != 0 {
		t.Errorf("Panics = %d; want 0", got)
	}
}

// TestPart_nil lets panics pass.
func TestPart_nil(t *testing.T) {
	t.Parallel()
	var k *guard.Keeper
	k.Metrics(new(metrics.Set))
	p := k.Part("part")
	if p != nil || p.Panics() != 0 || p.Stopped() || p.Err() != nil || p.Done() != nil || p.String() != "" {
		t.Errorf("Part = %v; want nil that does nothing", p)
	}
	p.Probe([]byte("x"))
	called := false
	if err := p.Do(nil, func() { called = true }); err != nil || !called {
		t.Errorf("Do = %v, called = %v; want nil, true", err, called)
	}
	for name, f := range map[string]func(){
		"Recover": func() { (&reader{}).batch("long") },
		"Do":      func() { _ = p.Do(nil, func() { panic("x") }) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: a nil part recovered from a panic", name)
				}
			}()
			f()
		}()
	}
}

// fail panics in a part.
func fail(p *guard.Part, times int) {
	for range times {
		_ = p.Do(nil, func() { panic("x") })
	}
}

// TestPart_Stopped stops a part at its 100th panic within a minute.
func TestPart_Stopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, l := newKeeper("")
		p, other := k.Part("resolver/udp"), k.Part("resolver/tcp")
		for range 10 { // 50 a minute are no reason
			fail(p, 50)
			time.Sleep(61 * time.Second)
		}
		fail(p, 99)
		if p.Stopped() || p.Err() != nil {
			t.Fatalf("Err = %v after 99 panics; want nil", p.Err())
		}
		time.Sleep(59 * time.Second)
		fail(p, 1)
		select {
		case <-p.Done():
		default:
			t.Fatal("Done is not closed after 100 panics within a minute")
		}
		if err := p.Err(); !errors.Is(err, guard.ErrStopped) || err.Error() != "resolver/udp: stopped after too many panics" {
			t.Errorf("Err = %v; want %v", err, guard.ErrStopped)
		}
		if err := p.Do(nil, func() { t.Error("Do called a stopped part") }); !errors.Is(err, guard.ErrStopped) {
			t.Errorf("Do = %v; want %v", err, guard.ErrStopped)
		}
		func() { // what was under way when the part was stopped
			defer p.Recover(nil)
			panic("x")
		}()
		if got := l.count("stopping a part"); got != 1 || other.Stopped() {
			t.Errorf("%d logged, the other stopped = %v; want 1, false", got, other.Stopped())
		}
		time.Sleep(time.Hour)
		if !p.Stopped() {
			t.Error("the part is not stopped any more")
		}
	})
}

// TestKeeper_Metrics sums the parts of a group.
func TestKeeper_Metrics(t *testing.T) {
	t.Parallel()
	k, _ := newKeeper("")
	fail(k.Part("resolver/udp"), 2)
	fail(k.Part("firewall"), 100)
	fail(k.Part("resolver/tcp"), 3)
	fail(k.Part("resolver/udp"), 1)
	want := []event.Counter{{Group: "resolver", Name: "panics", Value: 6}, {Group: "resolver", Name: "stopped", Value: 0},
		{Group: "firewall", Name: "panics", Value: 100}, {Group: "firewall", Name: "stopped", Value: 1}}
	if diff := cmp.Diff(want, metrics.Collect(k)); diff != "" {
		t.Errorf("Collect mismatch (-want +got):\n%s", diff)
	}
}

// TestKeeper_together recovers in several goroutines at once.
func TestKeeper_together(t *testing.T) {
	t.Parallel()
	k, l := newKeeper(t.TempDir())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			r := &reader{part: k.Part("part")}
			for range 10 {
				r.batch("longest")
				_ = metrics.Collect(k)
			}
		})
	}
	wg.Wait()
	if got := k.Part("part").Panics(); got != 80 || l.count("recovered from") != 1 {
		t.Errorf("Panics = %d, %d logged; want 80, 1", got, l.count("recovered from"))
	}
}

// TestKeeper_Inject makes parts panic at a marker.
func TestKeeper_Inject(t *testing.T) {
	t.Parallel()
	tests := []struct {
		spec       string
		panics     uint64 // of the part
		inputs     []string
		wantOfLoop []string
	}{
		{"", 0, []string{"a", "b"}, []string{"a", "b", "end"}},
		{",=,udp=", 0, []string{"a", "b"}, []string{"a", "b", "end"}},
		{"b", 2, []string{"a", "b"}, []string{"a", "end"}},
		{"tcp=a,udp=b", 2, []string{"a", "xby"}, []string{"a", "end"}},
		{"tcp=a", 0, []string{"a", "b"}, []string{"a", "b", "end"}},
	}
	for _, tt := range tests {
		t.Run(tt.spec, func(t *testing.T) {
			t.Parallel()
			k, _ := newKeeper("")
			k.Inject(tt.spec)
			r := &reader{part: k.Part("udp")}
			r.batch(tt.inputs...)
			for _, s := range tt.inputs {
				_ = r.part.Do(func() []byte { return []byte(s) }, func() {})
			}
			if got := r.part.Panics(); got != tt.panics {
				t.Errorf("Panics = %d; want %d", got, tt.panics)
			}
			k.Inject("")
			r.batch("end", "b"[:0])
			if diff := cmp.Diff(append(tt.wantOfLoop, ""), r.handled); diff != "" {
				t.Errorf("handled mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPart_OnStop calls a function when the part is stopped, and not if that comes too
// late.
func TestPart_OnStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, _ := newKeeper("")
		p, calls := k.Part("part"), 0
		ended, cancel := context.WithCancel(t.Context())
		p.OnStop(t.Context(), func() { calls++ })
		p.OnStop(ended, func() { t.Error("called after the end of the context") })
		k = nil
		k.Part("part").OnStop(t.Context(), func() { t.Error("a nil part was stopped") })
		cancel()
		synctest.Wait()
		fail(p, 99)
		if synctest.Wait(); calls != 0 {
			t.Error("called before the part was stopped")
		}
		fail(p, 1)
		if synctest.Wait(); calls != 1 {
			t.Errorf("called %d times; want once", calls)
		}
	})
}
