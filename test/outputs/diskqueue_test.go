package outputs_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnstest"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
	"github.com/qubesbeat/qubesbeat/test/outputs/servers"
)

// queries is how many queries are answered while the server is away.
const queries = 200

// live is a beat that serves DNS, which needs no privileges, and keeps its events in a
// disk queue.
type live struct {
	beat.Command
	addr string
}

func newLive(t *testing.T, output string) *live {
	t.Helper()
	addr := dnstest.FreePort(t, netip.AddrFrom4([4]byte{127, 0, 0, 1})).String()
	c := command(t, fmt.Sprintf("qubesbeat: {flows: {enabled: false}, inventory: {hold: 0s}, resolver: {listen: [%q], socket: HOME/s}}\n"+
		"queue.disk: {max_size: 100MB}\n", addr), output)
	return &live{c, addr}
}

// start starts the beat and waits until it answers.
func (l *live) start(t *testing.T) *beat.Beat {
	t.Helper()
	b := l.Launch(t)
	poll.Until(t, "the resolver answers", func() bool { return b.HasEnded() || l.ask("ready.localhost.") })
	if b.HasEnded() {
		t.Fatalf("the beat has ended: %v\n%s", b.Err(), b.Tail())
	}
	return b
}

// ask reports whether a query is answered.
func (l *live) ask(name string) bool {
	m := new(dns.Msg)
	m.SetQuestion(name, dns.TypeA)
	c := dns.Client{Timeout: time.Second}
	a, _, err := c.Exchange(m, l.addr)
	return err == nil && len(a.Answer) > 0
}

// away answers queries without a server and stops, which must be quick and lose nothing.
func (l *live) away(t *testing.T) {
	t.Helper()
	b := l.start(t)
	for i := range queries {
		if !l.ask(fmt.Sprintf("q%d.localhost.", i)) {
			t.Fatalf("query %d is not answered\n%s", i, b.Tail())
		}
	}
	begin := time.Now()
	b.End(t)
	if took := time.Since(begin); took > 8*time.Second { // without the queue it waits ten for the output
		t.Errorf("the stop took %v", took)
	}
	if strings.Contains(b.Log(), "stopped with losses") {
		t.Errorf("events were lost:\n%s", b.Tail())
	}
}

// count counts the events of the queries by name.
func count(t *testing.T, lines []string) (names map[string]int) {
	t.Helper()
	names = map[string]int{}
	for _, line := range lines {
		e, err := beat.ParseEvent([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if name := e.Text("dns.question.name"); strings.HasPrefix(name, "q") {
			names[name]++
		}
	}
	return names
}

// TestRedis_disk_queue answers queries while the server is away, stops, and starts again
// with the server: every event arrives, and none twice.
func TestRedis_disk_queue(t *testing.T) {
	r := servers.StartRedis(t)
	r.Kill()
	l := newLive(t, fmt.Sprintf(`output.redis: {hosts: ["%s"], key: all}`, r.Address))
	l.away(t)
	r.Start(t)
	b := l.start(t)
	poll.Until(t, "the events of before arrive", func() bool { return r.Len(t, "all") >= queries })
	b.End(t)
	names := count(t, r.List(t, "all"))
	if len(names) != queries {
		t.Errorf("the events of %d queries have arrived; want %d", len(names), queries)
	}
	for name, n := range names {
		if n != 1 {
			t.Errorf("the event of %s has arrived %d times", name, n)
		}
	}
}

// TestElasticsearch_disk_queue does the same with a server that knows an event by its id.
func TestElasticsearch_disk_queue(t *testing.T) {
	es := servers.StartElasticsearch(t)
	setup(t, es.URL)
	es.Kill()
	l := newLive(t, elasticsearch(es.URL))
	l.away(t)
	es.Start(t)
	b := l.start(t)
	const query = "dns.question.name:q*.localhost"
	poll.Within(time.Minute, func() bool {
		return es.Count(t, "qubesbeat-*") > 0 && es.CountWhere(t, "qubesbeat-*", query) >= queries
	})
	b.End(t)
	if es.Count(t, "qubesbeat-*"); es.CountWhere(t, "qubesbeat-*", query) != queries {
		t.Errorf("%d documents of queries; want %d", es.CountWhere(t, "qubesbeat-*", query), queries)
	}
}
