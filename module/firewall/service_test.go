package firewall_test

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/enrich"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/filewatch"
	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/testbed/strict"
	firewallmodule "github.com/qubesbeat/qubesbeat/module/firewall"
)

// lookup is an inventory of the qubes of this package's tests.
type lookup struct{}

// ByDomain implements [enrich.QubeLookup].
func (lookup) ByDomain(domid int32, _ time.Time) *qube.Qube {
	return map[int32]*qube.Qube{12: work, 14: disp}[domid]
}

// ByAddr implements [enrich.QubeLookup].
func (lookup) ByAddr(a netip.Addr, _ time.Time) *qube.Qube {
	return map[netip.Addr]*qube.Qube{work.IP: work, disp.IP: disp}[a]
}

// published is a verdict and when it was published.
type published struct {
	after time.Duration // since the start of the test
	*firewallmodule.Document
}

// world is a service that follows one log file, under the clock of a bubble.
type world struct {
	*firewallmodule.Service
	t       *testing.T
	path    string
	changed chan struct{} // reports that the file has grown
	began   time.Time
	cancel  context.CancelFunc
	done    chan error

	mu  sync.Mutex
	out []published // guarded by mu
}

// Publish implements [event.Sink].
func (w *world) Publish(d event.Document) {
	strict.Document(w.t, "verdict", d)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out = append(w.out, published{time.Since(w.began), d.(*firewallmodule.Document)})
}

// verdicts returns what has been published so far.
func (w *world) verdicts() []published {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.out)
}

// watch is a [filewatch.Func] without a file descriptor, which a bubble cannot wait for.
func (w *world) watch(ctx context.Context, _ string) <-chan struct{} {
	out := make(chan struct{})
	go func() {
		defer close(out)
		for {
			select {
			case <-w.changed:
				out <- struct{}{}
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

var _ filewatch.Func = (*world)(nil).watch // type check

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, path: filepath.Join(t.TempDir(), "kern.log"), changed: make(chan struct{}), began: time.Now(), done: make(chan error, 1)}
	w.Service = firewallmodule.New(firewallmodule.Config{Firewall: config.Firewall{Enabled: true, LogFiles: []config.LogFile{{Path: w.path}}, ICMPErrors: true}},
		firewallmodule.Deps{Sink: w, Enrich: &enrich.Enricher{Qubes: lookup{}}, Local: func(a netip.Addr) bool { return a == netvm },
			Captured: func(iface uint32) string { return map[uint32]string{12: "vif12.0", 2: "eth0"}[iface] },
			Watch:    w.watch, Logger: slog.New(slog.DiscardHandler)})
	if err := w.Open(); err != nil {
		t.Fatal(err)
	}
	return w
}

var netvm = netip.MustParseAddr("10.137.0.5")

// start runs the service.
func (w *world) start() {
	ctx, cancel := context.WithCancel(w.t.Context())
	w.cancel = cancel
	go func() { w.done <- w.Run(ctx) }()
	<-w.Ready()
}

// stop ends the service.
func (w *world) stop() {
	w.t.Helper()
	w.cancel()
	if err := <-w.done; err != nil {
		w.t.Errorf("Run = %v", err)
	}
}

// log appends lines to the file and reports it to the service.
func (w *world) log(lines ...string) {
	w.t.Helper()
	w.write(lines...)
	w.changed <- struct{}{}
}

func (w *world) write(lines ...string) {
	w.t.Helper()
	f, err := os.OpenFile(w.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	}
	if err != nil || f.Close() != nil {
		w.t.Fatal(err)
	}
}

// drop is what a LOG rule writes of a packet of work.
func drop(port string) string {
	return "kernel: QUBES DROP: IN=vif12.0 OUT=eth0 MAC=fe:ff SRC=10.137.0.15 DST=198.51.100.7 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT=" +
		port + " DPT=443 WINDOW=64240 RES=0x00 SYN URGP=0"
}

// line is a line of syslog at a time of the bubble.
func line(message string) string { return time.Now().Format(time.RFC3339) + " sys-log " + message }

// counters returns the metrics of the service.
func (w *world) counters() map[string]uint64 {
	all := map[string]uint64{}
	for _, c := range metrics.Collect(w.Service) {
		if c.Group != "firewall" {
			w.t.Errorf("%s is in the group %s", c.Name, c.Group)
		}
		all[c.Name] = c.Value
	}
	return all
}

// pollPause is how long a follower of a log waits for more after a change.
const pollPause = 100 * time.Millisecond

// TestService_log publishes what a log file says when the attempts have been idle for
// long enough, and counts it.
func TestService_log(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.write(line(drop("1"))) // the file appears after Open, so that it is read from its beginning
		w.start()
		w.log(line(drop("1")), line("kernel: usb 1-1: new device"), line("sshd[7]: "+drop("9")))
		time.Sleep(pollPause + firewall.IdleDelay - time.Nanosecond)
		if got := w.verdicts(); len(got) != 0 {
			t.Fatalf("%d verdicts after %v; want none yet", len(got), time.Since(w.began))
		}
		time.Sleep(time.Nanosecond)
		got := w.verdicts()
		if len(got) != 1 {
			t.Fatalf("%d verdicts after %v; want one", len(got), time.Since(w.began))
		}
		d := got[0]
		want := firewall.Verdict{Tuple: firewall.Tuple{Proto: 6, Src: work.IP, Dst: netip.MustParseAddr("198.51.100.7"), SrcPort: 1, DstPort: 443},
			Point: firewall.User, Rule: d.Rule, Source: firewall.LogFile, In: "vif12.0", Out: "eth0", First: w.began.UnixNano(), Last: w.began.UnixNano(), Count: 2, Bytes: 120}
		if diff := cmp.Diff(want, d.Verdict, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("verdict mismatch (-want +got):\n%s", diff)
		}
		if d.Qube != work || d.Attribution != event.Inventory || d.Interface != "vif12.0" || d.Direction != event.Outbound {
			t.Errorf("parties = %+v; want work", d.Parties)
		}
		counters := w.counters()
		for name, n := range map[string]uint64{"observed": 2, "user_rules": 2, "refused": 2, "verdicts": 1, "open": 0, "unparsed": 1, "lines_too_long": 0, "nflog_bound": 0} {
			if v, ok := counters[name]; v != n || !ok {
				t.Errorf("%s = %d, %v; want %d", name, v, ok, n)
			}
		}
		w.stop()
	})
}

// TestService_Run_stop publishes what is open at the stop, with the lines that were
// written until then, and nothing after it.
func TestService_Run_stop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		w.log(line(drop("1")))
		time.Sleep(time.Second)
		w.write(line(drop("2"))) // no watch has reported it
		w.stop()
		if n := len(w.verdicts()); n != 2 || time.Since(w.began) != time.Second {
			t.Errorf("%d verdicts at the stop, which took %v; want 2 at once", n, time.Since(w.began)-time.Second)
		}
		if n := w.counters()["open"]; n != 0 {
			t.Errorf("%d attempts are open after the stop; want none", n)
		}
		time.Sleep(time.Hour) // the bubble fails the test if a goroutine is left
	})
}

// TestService_Run_idle arms its timer for what the tracker waits for: an attempt that
// comes while another is waiting is reported in its own time.
func TestService_Run_idle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		for _, port := range []string{"1", "2", "3"} {
			w.log(line(drop(port)))
			time.Sleep(time.Second)
		}
		time.Sleep(time.Hour)
		w.log(line(drop("4"))) // the alarm was off
		time.Sleep(time.Minute)
		w.stop()
		var after []time.Duration
		for _, d := range w.verdicts() {
			after = append(after, d.after.Truncate(time.Millisecond))
		}
		first, last := pollPause+firewall.IdleDelay, time.Hour+3*time.Second+pollPause+firewall.IdleDelay
		if diff := cmp.Diff([]time.Duration{first, first + time.Second, first + 2*time.Second, last}, after); diff != "" {
			t.Errorf("times mismatch (-want +got):\n%s", diff)
		}
	})
}

// TestService_Open goes on without the sources that cannot be opened.
func TestService_Open(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	dir := t.TempDir()
	s := firewallmodule.New(firewallmodule.Config{Firewall: config.Firewall{Enabled: true, LogFiles: []config.LogFile{{Path: dir}, {Path: filepath.Join(dir, "absent")}}}},
		firewallmodule.Deps{Logger: slog.New(slog.NewTextHandler(&text, nil))})
	if err := s.Open(); err != nil || strings.Count(text.String(), "no verdicts from a log file") != 1 {
		t.Errorf("Open = %v, log %s; want a warning about the folder", err, &text)
	}
	if s.String() != "firewall verdicts" {
		t.Errorf("String = %q", s)
	}
}
