//go:build linux

package top_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/poll"
)

// downloaded is the size of the page that work fetches.
const downloaded = 5_000_000

// TestTop_counters has qubes do something of each kind, and compares the numbers on the
// screen with the events, to the byte.
func TestTop_counters(t *testing.T) {
	h := newHome(t)
	p := newPane(t, h.top, 100, 30, "TERM=screen-256color")
	p.await("no packets of a qube yet")
	h.run(t, h.work, "dig +tries=1 +time=5 @"+testbed.MagicDNS+" www.example.org")
	h.run(t, h.work, "dig +tries=1 +time=5 @"+testbed.MagicDNS+" a.ads.example")
	h.run(t, h.work, "dig +tcp +tries=1 +time=5 @"+testbed.MagicDNS+" b.ads.example")
	h.run(t, h.work, "dig +tries=1 +time=5 @"+testbed.DNSAddr+" www.example.org") // past the resolver: a finding
	h.run(t, h.banking, "dig +tries=1 +time=5 @"+testbed.MagicDNS+" www.example.org")
	h.run(t, h.work, "curl -sS -o /dev/null --resolve www.example.org:80:"+testbed.WebAddr+" http://www.example.org/large?bytes="+strconv.Itoa(downloaded))
	p.await("www.example.org:80") // the top destination, by the name that was resolved
	_, _, _ = h.work.Run(t.Context(), "curl", "-sS", "--max-time", "1", "http://"+testbed.WebAddr+":8443/")
	h.Settle()

	poll.Until(t, "the verdict of the refused connection and the finding", func() bool {
		w := p.row("work")
		return len(w) > 8 && w[7] == "1" && w[8] == "1"
	})
	work, banking := p.row("work"), p.row("banking")
	if want := "work blue 0 0"; strings.Join(work[:4], " ") != want {
		t.Errorf("the row of work begins with %v; want %s, as nothing happens any more", work[:4], want)
	}
	if strings.Join(banking[:2], " ") != "banking green" {
		t.Errorf("the row of banking begins with %v", banking[:2])
	}
	p.press("s", "s", "s", "s", "s", "s", "s", "s", "Enter") // sorted by name, banking is first
	p.await("10.137.0.7")
	seen := map[string]counters{"banking": readCounters(t, p)}
	p.press("Escape")
	p.await("Enter open")
	p.press("Down", "Enter")
	p.await("10.137.0.6")
	seen["work"] = readCounters(t, p)
	p.press("q")
	p.await("ended 0")

	events := h.beat.Stop(t)
	for name, got := range seen {
		if want := countEvents(events, name); got != want {
			t.Errorf("%s: the screen shows %+v; the events have %+v", name, got, want)
		}
	}
	if w := seen["work"]; w.in < downloaded || w.queries != 3 || w.blocked != 2 || w.refused != 1 || w.findings != 1 {
		t.Errorf("work: %+v; want %d bytes in, 3 queries, 2 blocked, 1 refused, 1 finding", w, downloaded)
	}
}

// counters are what the view of one qube shows exactly.
type counters struct {
	out, outPackets, in, inPackets, begun, queries, blocked, refused, findings uint64
}

// readCounters reads the view of one qube.
func readCounters(t *testing.T, p *pane) (c counters) {
	t.Helper()
	text := strings.Join(p.lines(), "\n")
	for _, one := range []struct {
		pattern string
		to      []*uint64
	}{
		{`out .* ([\d,]+) bytes in ([\d,]+) packets?`, []*uint64{&c.out, &c.outPackets}},
		{`in .* ([\d,]+) bytes in ([\d,]+) packets?`, []*uint64{&c.in, &c.inPackets}},
		{`flows .* live, ([\d,]+) begun  dns ([\d,]+), ([\d,]+) blocked  refused ([\d,]+)  findings ([\d,]+)`,
			[]*uint64{&c.begun, &c.queries, &c.blocked, &c.refused, &c.findings}},
	} {
		m := regexp.MustCompile(`(?m)^` + one.pattern).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("no %s in\n%s", one.pattern, text)
		}
		for i, to := range one.to {
			n, err := strconv.ParseUint(strings.ReplaceAll(m[i+1], ",", ""), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			*to = n
		}
	}
	return c
}

// countEvents adds up the events of a qube.
func countEvents(events beat.Events, name string) (c counters) {
	for _, e := range events.Where(beat.Event{"qube.name": name}) {
		switch e.Text("event.dataset") {
		case "flow":
			if !e.Flag("flow.final") {
				continue
			}
			c.begun++
			from, to := "source.", "destination."
			if e.Text("source.ip") != e.Text("qube.ip") {
				from, to = to, from
			}
			c.out, c.outPackets = c.out+e.Number(from+"bytes"), c.outPackets+e.Number(from+"packets")
			c.in, c.inPackets = c.in+e.Number(to+"bytes"), c.inPackets+e.Number(to+"packets")
		case "qubesbeat.dns":
			c.queries += e.Number("qubesbeat.dns.count")
			if e.Text("event.action") == "dns-blocked" {
				c.blocked += e.Number("qubesbeat.dns.count")
			}
		case "qubesbeat.firewall":
			c.refused += e.Number("firewall.count")
		case "qubesbeat.finding":
			c.findings++
		}
	}
	return c
}

// TestTop_rate shows the rate of a ping, ten packets of 1,042 bytes a second both ways, on a
// terminal that can do no more than a VT100.
func TestTop_rate(t *testing.T) {
	h := newHome(t)
	p := newPane(t, h.top, 80, 24, "TERM=vt100")
	p.await("qubesbeat top")
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.run(t, h.work, "ping -q -i 0.1 -s 1000 -c 80 "+testbed.WebAddr)
	}()
	about := regexp.MustCompile(`^([89]\d\d\d|1[0-2]k)$`)
	poll.Until(t, "about 10,420 bytes a second", func() bool {
		w := p.row("work")
		return len(w) > 9 && about.MatchString(w[2]) && about.MatchString(w[3]) && w[9] == testbed.WebAddr
	})
	<-done
	poll.Until(t, "no rate once it has ended", func() bool { w := p.row("work"); return len(w) > 3 && w[3] == "0" })
	p.checkVT100()
}
