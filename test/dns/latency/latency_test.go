package latency_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
)

// Numbers of the measurement. Sockets of a qube matter: the kernel distributes them
// among the readers, and a single one may meet a reader that is not flooded.
//
// The flood is 30 times what a qube may ask, and less than the 120,000/s or so
// that its process can send: with both cores full, what is measured is how long the
// kernel lets a process wait (2 to 40 ms), no matter which process fills them. At
// 30,000/s the median was 0.8 ms with the rate limit and 27 ms without.
const (
	tries      = 6
	rounds     = 3
	roundTime  = time.Second
	pace       = 2 * time.Millisecond // 500 queries a second
	floodPorts = 8
	quietPorts = 8
	floodRate  = 30000
	burst      = 30 // of the flood's queries between two pauses of 1 ms
	maxLost    = 3  // of the 1,500 queries of a measurement
)

// quietMachine promises that nothing else runs.
var quietMachine = flag.Bool("quiet", false, "the machine does nothing else: hold the stricter bound")

// floor is what a p99 below it is taken as: the waking of a process takes 0.1 to
// 0.3 ms on a machine of two cores that does nothing else, and several times that
// beside other tests.
func floor() time.Duration {
	if *quietMachine {
		return 250 * time.Microsecond
	}
	return time.Millisecond
}

// A flood of one qube does not make others wait: their p99 is at most twice that
// of quiet times. The rate limit is what sees to it. It is measured in turns, and
// the median of the rounds counts. Others have work on the machine, too: a
// measurement that is not good is made again. Without the limit, none is good.
func TestLatency_flood(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes 6 to 18 s of a machine that does nothing else; run it without -short")
	}
	s := start(t)
	anyFair := false
	for range tries {
		fair, good := s.measure(t)
		if good {
			return
		}
		anyFair = anyFair || fair
	}
	if !anyFair {
		t.Skip("the machine has no time for the flood; run the test on one that does nothing else")
	}
	t.Errorf("p99 under a flood is not within twice that of quiet times in any of %d measurements", tries)
}

// measure makes one measurement. It is fair if the flood, which yields to all other work,
// was as fast as it should be: else the machine had none to spare for anybody.
func (s *setup) measure(t *testing.T) (fair, good bool) {
	t.Helper()
	var quiet, flooded []time.Duration
	lost, slowest := 0, floodRate
	before := s.Stats().OverRate
	for range rounds {
		q, lostThen := s.elsewhere(t)
		stop := s.flood(t)
		f, lostNow := s.elsewhere(t)
		rate := stop()
		t.Logf("p99 quiet %v, under a flood of %d queries/s %v; lost %d and %d", q, rate, f, lostThen, lostNow)
		slowest = min(slowest, rate)
		quiet, flooded, lost = append(quiet, q), append(flooded, f), lost+lostNow
	}
	fair = slowest >= floodRate*9/10
	limited := s.Stats().OverRate - before
	if fair && limited < rounds*floodRate/10 {
		t.Errorf("%d queries were over the rate; want most of the flood", limited)
	}
	slices.Sort(quiet)
	slices.Sort(flooded)
	q, f := max(quiet[rounds/2], floor()), flooded[rounds/2]
	t.Logf("medians: quiet %v, or less; under the flood %v; %d lost; %d over the rate", q, f, lost, limited)
	return fair, fair && f <= 2*q && lost <= maxLost
}

// clientEnv tells the test program that it is to be the quiet qube, and whom to ask.
const clientEnv = "QUBESBEAT_TEST_CLIENT"

// elsewhere measures p99 in a process of its own: a qube does not share a runtime
// with the resolver, as a goroutine of this process would.
func (s *setup) elsewhere(t testing.TB) (p time.Duration, lost int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestLatency_client$")
	cmd.Env = append(os.Environ(), clientEnv+"="+s.addr.String())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the client: %v\n%s", err, out)
	}
	var ns int64
	_, _ = fmt.Sscanf(string(out), "p99 %d lost %d", &ns, &lost)
	return time.Duration(ns), lost
}

// TestLatency_client is the quiet qube.
func TestLatency_client(t *testing.T) {
	addr := os.Getenv(clientEnv)
	if addr == "" {
		t.Skip("it is the other process of TestLatency_flood")
	}
	s := &setup{addr: netip.MustParseAddrPort(addr)}
	p, lost := s.p99(t)
	fmt.Printf("p99 %d lost %d\n", p.Nanoseconds(), lost)
}

// p99 asks for a name in the cache at a steady pace, as a qube that has 127.0.0.2,
// and returns the time that 99 of 100 answers take at most, and how many were none.
func (s *setup) p99(t testing.TB) (p time.Duration, lost int) {
	t.Helper()
	var socks []*net.UDPConn
	for range quietPorts {
		socks = append(socks, s.socket(t, ip(2)))
	}
	m := dnstest.Pack(query("www.example"))
	var took []time.Duration
	buf := make([]byte, 4096)
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for end := time.Now().Add(roundTime); time.Now().Before(end); <-tick.C {
		c := socks[len(took)%len(socks)]
		m[0], m[1] = byte(len(took)>>8), byte(len(took))
		began := time.Now()
		_, _ = c.Write(m)
		_ = c.SetReadDeadline(began.Add(200 * time.Millisecond))
		for {
			n, err := c.Read(buf)
			if err != nil {
				lost++
				break
			}
			if n > 12 && buf[0] == m[0] && buf[1] == m[1] {
				break
			}
		}
		took = append(took, time.Since(began))
	}
	for _, c := range socks {
		_ = c.Close()
	}
	slices.Sort(took)
	return took[len(took)*99/100], lost
}

// floodEnv tells the test program that it is to be the flood, and of what.
const floodEnv = "QUBESBEAT_TEST_FLOOD"

// flood lets another process flood the resolver, so that it is the kernel who
// shares the cores out, not the runtime that serves. stop ends it and returns how
// many queries it has sent in a second.
func (s *setup) flood(t testing.TB) (stop func() int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestLatency_flooder$")
	cmd.Env = append(os.Environ(), floodEnv+"="+s.addr.String())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// A qube has cores of its own: what its flood takes of ours is the packets, not
	// the time in which they are made.
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, cmd.Process.Pid, 19)
	before := s.Stats().UDP
	dnstest.Until(t, "the flood begins", func() bool { return s.Stats().UDP >= before+1000 })
	return func() (rate int) {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the flood: %v\n%s", err, out.Bytes())
		}
		_, _ = fmt.Sscanf(out.String(), "rate %d", &rate)
		return rate
	}
}

// TestLatency_flooder is the flood: it sends at floodRate, as a qube that has
// 127.0.0.3, asking in turn for new names and for one that is in the cache, until its
// input ends.
func TestLatency_flooder(t *testing.T) {
	addr := os.Getenv(floodEnv)
	if addr == "" {
		t.Skip("it is the other process of TestLatency_flood")
	}
	var over atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		over.Store(true)
	}()
	s := &setup{addr: netip.MustParseAddrPort(addr)}
	var socks []*net.UDPConn
	for range floodPorts {
		socks = append(socks, s.socket(t, ip(3)))
	}
	cached, random := dnstest.Pack(query("www.example")), dnstest.Pack(query("x0000000000.example"))
	began, n := time.Now(), 0
	for ; !over.Load(); n++ {
		b := cached
		if n%2 == 0 {
			b = random
			copy(b[14:24], fmt.Appendf(nil, "%010d", n+int(began.UnixMicro()%1e9))) // behind header, length and x
		}
		_, _ = socks[n%floodPorts].Write(b)
		if n%burst == burst-1 {
			time.Sleep(time.Until(began.Add(time.Duration(n) * time.Second / floodRate)))
		}
	}
	fmt.Printf("rate %d\n", int(float64(n)/time.Since(began).Seconds()))
}
