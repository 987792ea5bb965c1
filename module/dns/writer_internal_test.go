package dns

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/event"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	"github.com/qubesbeat/qubesbeat/internal/testbed/strict"
)

var (
	work = netip.MustParseAddr("10.137.0.6")
	disp = netip.MustParseAddr("10.137.0.9")
)

// bench is the writer of a service that is not served: entries come from the test. It is
// the outlet and the inventory, too.
type bench struct {
	*Service
	t       *testing.T
	began   time.Time
	written chan struct{}

	mu        sync.Mutex
	qubes     []*qube.Qube // guarded by mu, as all below
	documents []*Document
	after     []time.Duration // when they were published
}

// Publish implements [event.Sink].
func (b *bench) Publish(d event.Document) {
	strict.Document(b.t, "query", d)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.documents, b.after = append(b.documents, d.(*Document)), append(b.after, time.Since(b.began))
}

// Delivery implements [event.Outlet].
func (b *bench) Delivery() event.Delivery { return event.Delivery{} }

// ByDomain implements [Inventory].
func (b *bench) ByDomain(int32, time.Time) *qube.Qube { return nil }

// ByAddr implements [Inventory].
func (b *bench) ByAddr(a netip.Addr, _ time.Time) *qube.Qube {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, q := range b.qubes {
		if q.Owns(a) {
			return q
		}
	}
	return nil
}

// Downstream implements [Inventory].
func (b *bench) Downstream(string) []string { return nil }

// All implements [Inventory].
func (b *bench) All() []*qube.Qube { return nil }

func (b *bench) addQube(name string, a netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.qubes = append(b.qubes, &qube.Qube{Name: name, XID: -1, IP: a})
}

// newBench returns an open service whose writer runs. change, if not nil, may change its
// settings.
func newBench(t *testing.T, hold time.Duration, change func(c *config.Resolver)) *bench {
	t.Helper()
	dir := t.TempDir()
	c := config.Default().Resolver
	c.Listen, c.Upstreams = []string{"127.0.0.1:5353"}, map[string][]string{"default": {"udp://127.0.0.1:9"}}
	c.Firewall.Obey, c.Socket = "never", filepath.Join(dir, "dns.sock")
	if change != nil {
		change(&c)
	}
	set, err := Parse(&c)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, began: time.Now(), written: make(chan struct{})}
	b.addQube("work", work)
	b.Service = New(Config{Settings: set, DataDir: dir, Instance: "sys-log", Hold: hold}, Deps{Outlet: b, Inventory: b,
		Captured: func(uint32) string { return "vif9.0" }, Logger: slog.New(slog.DiscardHandler)})
	if err := b.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.control.Close() })
	go func() {
		defer close(b.written)
		b.writer.run()
	}()
	return b
}

// query logs a query of a client for a name.
func (b *bench) query(from netip.Addr, name string) {
	b.t.Helper()
	wire, err := dnsmsg.ParseName(nil, name)
	if err != nil {
		b.t.Fatal(err)
	}
	reply := dnsmsg.AppendQuestion(dnsmsg.AppendHeader(nil, 1, dnsmsg.FlagQR), wire, dnsmsg.TypeA, dnsmsg.ClassIN)
	reply = dnsmsg.AppendRecord(reply, nil, dnsmsg.TypeA, dnsmsg.ClassIN, 60, []byte{198, 51, 100, 1})
	dnsmsg.SetCounts(reply, 1, 1, 0, 0)
	b.log.Push(&dnsevent.Entry{At: time.Now().UnixNano(), From: netip.AddrPortFrom(from, 5000), Iface: 9, Type: dnsmsg.TypeA, Class: dnsmsg.ClassIN,
		Name: wire, Reply: reply, ReplyLen: len(reply), Count: 1, Outcome: dnsevent.Outcome{EDE: dnsmsg.NoEDE}})
}

// end closes the log and waits until everything has been written.
func (b *bench) end() {
	b.log.Close()
	<-b.written
}

// published returns the qube, the name and the number of queries of each event, and when
// it was published, in whole seconds.
func (b *bench) published() (all []string) {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, d := range b.documents {
		name := "?"
		if d.Parties.Qube != nil {
			name = d.Parties.Qube.Name
		}
		all = append(all, name+" "+d.Question()+strings.Repeat("+", int(d.Count)-1)+" "+b.after[i].Truncate(time.Second).String())
	}
	return all
}

func (b *bench) want(when string, want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.published()); diff != "" {
		b.t.Errorf("%s: events mismatch (-want +got):\n%s", when, diff)
	}
}

// counter returns a metric of the service.
func (b *bench) counter(name string) uint64 {
	b.t.Helper()
	for _, c := range metrics.Collect(b.Service) {
		if c.Name == name {
			return c.Value
		}
	}
	b.t.Fatalf("there is no counter %s", name)
	return 0
}

// TestService_log publishes the query of a known client at once.
func TestService_log(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 10*time.Second, nil)
		b.query(work, "www.example")
		b.want("at once", "work www.example 0s")
		b.end()
		b.want("at the end", "work www.example 0s")
	})
}

// TestService_hold holds the query of an unknown client until it is named, for a bounded
// time, and not beyond the end.
func TestService_hold(t *testing.T) {
	t.Parallel()
	const hold = 10 * time.Second
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hold, nil)
		b.query(disp, "named.example")
		b.query(netip.MustParseAddr("10.137.0.10"), "unknown.example")
		b.want("at once")
		if n := b.counter("held"); n != 2 {
			t.Errorf("%d queries are held; want 2", n)
		}
		time.Sleep(3*time.Second + 50*time.Millisecond) // between two looks
		b.addQube("disp9", disp)
		time.Sleep(time.Second)
		b.want("named", "disp9 named.example 3s")
		time.Sleep(hold)
		b.want("in time", "disp9 named.example 3s", "? unknown.example 10s")
		b.query(netip.MustParseAddr("10.137.0.10"), "last.example")
		synctest.Wait()
		b.end()
		b.want("at the end", "disp9 named.example 3s", "? unknown.example 10s", "? last.example 14s")
		if held, published := b.counter("held"), b.counter("published"); held != 0 || published != 3 {
			t.Errorf("%d held, %d published; want 0 and 3", held, published)
		}
	})
}

// TestService_coalesce publishes the same question of a client once in the configured
// time, with a count.
func TestService_coalesce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 0, func(c *config.Resolver) { c.Log.Coalesce = config.Duration(time.Minute) })
		b.query(work, "www.example")
		b.query(work, "WWW.example")
		b.query(work, "other.example")
		time.Sleep(50 * time.Second)
		b.query(work, "www.example")
		b.want("within the time")
		if held, coalesced := b.counter("held"), b.counter("coalesced"); held != 4 || coalesced != 2 {
			t.Errorf("%d held, %d coalesced; want 4 and 2", held, coalesced)
		}
		time.Sleep(11 * time.Second)
		if got := b.published(); len(got) != 2 || !strings.Contains(strings.Join(got, "\n"), "work www.example++ 1m0") {
			t.Errorf("events %q; want two after a minute, one of them for three queries", got)
		}
		b.query(work, "www.example")
		b.end()
		if n := b.counter("published"); n != 5 || len(b.documents) != 3 {
			t.Errorf("%d queries in %d events; want 5 in 3", n, len(b.documents))
		}
	})
}

// TestService_coalesce_named publishes a coalesced event under the name that its client
// got after the first query.
func TestService_coalesce_named(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, time.Second, func(c *config.Resolver) { c.Log.Coalesce = config.Duration(time.Minute) })
		b.query(disp, "www.example")
		time.Sleep(10 * time.Second)
		b.addQube("disp9", disp)
		b.query(disp, "www.example")
		time.Sleep(time.Minute)
		b.want("after a minute", "disp9 www.example+ 1m0s")
		b.end()
	})
}

// TestService_tsv_flush brings rows to the disk within flushEvery, without an entry that
// follows.
func TestService_tsv_flush(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		b := newBench(t, 0, func(c *config.Resolver) { c.TSV.Dir = dir })
		rows := func() int {
			synctest.Wait()
			files, _ := filepath.Glob(dir + "/*.log")
			if len(files) != 1 {
				return 0
			}
			text, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			return strings.Count(string(text), "\n")
		}
		for i := range 5 {
			b.query(work, "www.example")
			time.Sleep(flushEvery + writerLag)
			if n := rows(); n != i+1 {
				t.Errorf("%d rows after %d queries", n, i+1)
			}
		}
		b.query(work, "www.example")
		b.end()
		if n := rows(); n != 6 {
			t.Errorf("%d rows at the end; want 6", n)
		}
	})
}

// TestService_log_idle wakes nothing while nothing waits.
func TestService_log_idle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, time.Second, func(c *config.Resolver) { c.TSV.Dir = t.TempDir() })
		b.query(disp, "www.example")
		time.Sleep(time.Minute)
		b.want("after its time", "? www.example 1s")
		synctest.Wait()
		if next := b.writer.next(); !next.IsZero() {
			t.Errorf("the writer wants to look at what waits at %v, though nothing does", next)
		}
		b.end()
	})
}

// TestWriter_Observe reports each query with its client, before it is coalesced or held.
func TestWriter_Observe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, time.Minute, func(c *config.Resolver) { c.Log.Coalesce = config.Duration(time.Minute) })
		got := map[string]uint64{}
		b.deps.Observe = func(client string, blocked bool, n uint64) { got[fmt.Sprint(client, " ", blocked)] += n }
		b.query(work, "a.example")
		b.query(work, "a.example")
		b.query(disp, "b.example")
		b.log.Push(&dnsevent.Entry{At: time.Now().UnixNano(), From: netip.AddrPortFrom(disp, 5000), Name: []byte{0}, Count: 3,
			Outcome: dnsevent.Outcome{Action: dnsevent.Blocked, EDE: dnsmsg.NoEDE}})
		synctest.Wait()
		if diff := cmp.Diff(map[string]uint64{"vif9.0 false": 3, "10.137.0.9 true": 3}, got); diff != "" {
			t.Errorf("observed mismatch (-want +got):\n%s", diff)
		}
		b.end()
	})
}
