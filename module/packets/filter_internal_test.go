package packets

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestService_filter stores what the filter accepts, and counts the rest, which the flows
// do not call stored.
func TestService_filter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.Filter = "not port 22" })
	stop := w.run()
	if k := w.add(7, frame(40000, 53, 200)); k.Written != 1 {
		t.Errorf("Kept of what is accepted = %+v; want one packet written", k)
	}
	for range 2 {
		if k := w.add(7, frame(40001, 22, 200)); k.Written+k.Cut+k.Lost != 0 {
			t.Errorf("Kept of what is refused = %+v; want nothing", k)
		}
	}
	stop()
	if f, n, bytes := w.metric("frames"), w.metric("filtered"), w.metric("filtered_bytes"); f != 1 || n != 2 || bytes != 400 {
		t.Errorf("frames, filtered, filtered_bytes = %d, %d, %d; want 1, 2, 400", f, n, bytes)
	}
}

// TestService_filter_allocs refuses a packet without allocation.
func TestService_filter_allocs(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Filter = "not port 22" })
	defer w.run()()
	for _, port := range []uint16{22, 53} {
		data := frame(40000, port, 100)
		w.add(7, data)
		if n := testing.AllocsPerRun(100, func() { w.add(7, data) }); n > 0 {
			t.Errorf("a packet to port %d allocates %v times; want 0", port, n)
		}
	}
}

// TestService_filter_empty warns once, a minute after the first packet, where the filter lets
// nothing through, and shows it.
func TestService_filter_empty(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *Config) { c.Filter = "tcp port 22" })
		f := w.sieve.Load()
		data := frame(40000, 53, 100)
		ssh := frame(40000, 22, 100)
		ssh[23] = 6 // TCP
		f.accepts(7, 1, data, time.Now().UnixNano())
		f.accepts(8, 1, data, time.Now().UnixNano())
		f.accepts(8, 1, ssh, time.Now().UnixNano())
		time.Sleep(nothingAfter - time.Second)
		if w.warnEmpty(time.Now()); w.log.String() != "" {
			t.Errorf("the log has %q before a minute is over", w.log)
		}
		time.Sleep(time.Second)
		for range 2 {
			w.warnEmpty(time.Now())
		}
		if text := w.log.String(); strings.Count(text, "lets nothing through") != 1 || !strings.Contains(text, "interface=vif7.0") {
			t.Errorf("the log has %q; want one warning, of vif7.0", text)
		}
		vifs := w.silenced(nil, time.Now())
		if len(vifs) != 1 || vifs[0].Name != "vif7.0" || vifs[0].Qube != "work" || !vifs[0].Nothing || vifs[0].Filtered != 1 {
			t.Errorf("silenced = %+v; want vif7.0 of work", vifs)
		}
		f.forget(7)
		if vifs := w.silenced(nil, time.Now()); len(vifs) != 0 {
			t.Errorf("silenced = %+v after the interface has gone; want none", vifs)
		}
	})
}

// TestSieve_bound counts each of a bounded number of interfaces.
func TestSieve_bound(t *testing.T) {
	t.Parallel()
	f, err := newSieve("port 22")
	if err != nil {
		t.Fatal(err)
	}
	data := frame(40000, 53, 100)
	for i := range uint32(maxSifted + 100) {
		f.accepts(i, 1, data, 1)
	}
	if n := len(f.vifs); n != maxSifted {
		t.Errorf("%d interfaces are counted; want %d", n, maxSifted)
	}
}

// TestSieve_concurrent lets interfaces go, and others look, while the meter counts: the
// interfaces are followed by a goroutine of their own. What comes after the end of an
// interface is counted from 1 on.
func TestSieve_concurrent(t *testing.T) {
	t.Parallel()
	f, err := newSieve("port 22")
	if err != nil {
		t.Fatal(err)
	}
	data := frame(40000, 53, 100)
	var others sync.WaitGroup
	stop := make(chan struct{})
	others.Go(func() {
		for i := uint32(0); ; i++ {
			select {
			case <-stop:
				return
			default:
				f.forget(i % 64)
				f.counts(i % 64)
				f.empty(time.Now())
			}
		}
	})
	for i := range uint32(200_000) {
		f.accepts(i%64, 1, data, 1)
	}
	close(stop)
	others.Wait()
	f.accepts(1, 1, data, 1)
	f.forget(1)
	f.accepts(1, 1, data, 1)
	if n := f.counts(1); n == nil || n.refused.Load() != 1 {
		t.Errorf("counts of an interface that has come again = %+v; want 1", n)
	}
}
