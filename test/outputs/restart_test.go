package outputs_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
	"github.com/qubesbeat/qubesbeat/internal/testbed/wire"
	"github.com/qubesbeat/qubesbeat/test/outputs/servers"
)

// manyFlows is the number of events in the middle of which a server is killed.
const manyFlows = 60_000

// onlyFlows is a configuration without analyzers.
const onlyFlows = "qubesbeat: {flows: {timeout: 30s, period: -1s}, inventory: {hold: 0s}}\n"

// flood writes a capture of so many flows.
func flood(t *testing.T, flows int) string {
	t.Helper()
	w := wire.New(t)
	for range flows {
		w.UDP(5000, []wire.Message{{FromClient: true, Data: []byte("x")}})
	}
	return w.Close()
}

// server is what is killed.
type server interface {
	Start(tb testing.TB)
	Kill()
}

// interrupt runs a beat, kills the server once it has some events, starts it again, and
// waits for the end of the beat, which must have delivered everything.
func interrupt(t *testing.T, s server, output string, arrived func() int) {
	t.Helper()
	b := command(t, onlyFlows, output, "-t", "-I", flood(t, manyFlows)).Launch(t)
	poll.Until(t, "the server has events", func() bool { return arrived() > manyFlows/10 || b.HasEnded() })
	if b.HasEnded() {
		t.Fatalf("the beat has ended before the server was killed: %v\n%s", b.Err(), b.Tail())
	}
	s.Kill()
	s.Start(t)
	select {
	case <-b.Ended():
	case <-time.After(runTime):
		t.Fatalf("the beat does not end:\n%s", b.Tail())
	}
	if b.Err() != nil {
		t.Errorf("the beat ended with %v\n%s", b.Err(), b.Tail())
	}
}

// distinct returns the number of events of flows by event.id, and how many came twice.
func distinct(t *testing.T, lines [][]byte) (ids, twice int) {
	t.Helper()
	seen := map[string]bool{}
	for _, line := range lines {
		e, err := beat.ParseEvent(line)
		if err != nil {
			t.Fatalf("%v in %.200s", err, line)
		}
		if e.Text("type") != "flow" {
			continue
		}
		if seen[e.Text("event.id")] {
			twice++
		}
		seen[e.Text("event.id")] = true
	}
	return len(seen), twice
}

// wantAll checks that every event has arrived. Twice is what an output without ids cannot
// avoid; event.id tells.
func wantAll(t *testing.T, lines [][]byte) {
	t.Helper()
	ids, twice := distinct(t, lines)
	if ids != manyFlows {
		t.Errorf("%d events have arrived; want %d", ids, manyFlows)
	}
	t.Logf("%d events, %d of them twice", ids, twice)
}

// TestElasticsearch_killed loses nothing and stores nothing twice.
func TestElasticsearch_killed(t *testing.T) {
	es := servers.StartElasticsearch(t)
	setup(t, es.URL)
	interrupt(t, es, elasticsearch(es.URL), func() int { return es.Count(t, "qubesbeat-*") })
	es.Count(t, "qubesbeat-*")
	if got := es.CountWhere(t, "qubesbeat-*", "type:flow"); got != manyFlows {
		t.Errorf("%d documents; want %d", got, manyFlows)
	}
}

// TestRedis_killed loses nothing.
func TestRedis_killed(t *testing.T) {
	r := servers.StartRedis(t)
	interrupt(t, r, fmt.Sprintf(`output.redis: {hosts: ["%s"], key: all}`, r.Address), func() int { return r.Len(t, "all") })
	var lines [][]byte
	for _, e := range r.List(t, "all") {
		lines = append(lines, []byte(e))
	}
	wantAll(t, lines)
}

// TestKafka_killed loses nothing: there are at least as many messages as events.
func TestKafka_killed(t *testing.T) {
	servers.Require(t)
	kcat, err := exec.LookPath("kcat")
	if err != nil {
		t.Skip("needs the program kcat; run: apt-get install kcat")
	}
	k := servers.StartKafka(t)
	arrived := func() (n int) {
		for partition := range servers.Partitions {
			n += k.Len(t, kcat, "qubes", partition)
		}
		return n
	}
	interrupt(t, k, fmt.Sprintf(`output.kafka: {hosts: ["%s"], topic: qubes}`, k.Address), arrived)
	// By the offsets of the log: consumers stop early at places that a broker has recovered
	// after it was killed.
	if n := arrived(); n < manyFlows {
		t.Errorf("%d messages have arrived; want at least %d", n, manyFlows)
	}
}

// TestLogstash_killed loses nothing.
func TestLogstash_killed(t *testing.T) {
	l := servers.StartCamel(t)
	read := func() [][]byte {
		text, _ := os.ReadFile(l.File)
		lines := bytes.Split(text, []byte{'\n'})
		return lines[:len(lines)-1]
	}
	interrupt(t, l, fmt.Sprintf(`output.logstash: {hosts: ["%s"]}`, l.Address), func() int { return len(read()) })
	poll.Settle(t, "the receiver writes", time.Second, func() int { return len(read()) })
	lines := read()
	whole := lines[:0]
	for _, line := range lines {
		if _, err := beat.ParseEvent(line); err == nil { // the last line of a receiver that was killed is torn
			whole = append(whole, line)
		}
	}
	wantAll(t, whole)
}
