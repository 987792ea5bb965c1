//go:build linux

package dropin_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
	runner "github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

// liveTime is how long both programs watch the same traffic.
var liveTime = flag.Duration("live", 20*time.Second, "`time` for which both programs capture the same traffic")

// workers are clients that work at the same time. Each does one of its lines
// after the other, in random order, over and over.
func workers() map[string][]string {
	const web, web6 = "http://" + testbed.WebAddr, "http://[" + testbed.WebAddr6 + "]"
	curl := "curl -sS --fail -o /dev/null "
	return map[string][]string{
		"http": {
			curl + testbed.SmallURL,
			curl + testbed.SmallURL6,
			curl + "-H Connection:close " + web + "/close",
			curl + "-I " + web + "/head",
			curl + "-d name=value -d list=1&list=2 " + web + "/form?q=1&r=two",
			curl + "-X PUT -d @/etc/passwd " + web + "/put",
			curl + "-A agent/1.0 -e http://example.org/ -u user:secret -H X-Forwarded-For:192.0.2.1 " + web + "/headers",
			// Several requests on a connection: an -o is needed for each.
			curl + web + "/a -o /dev/null " + web + "/b -o /dev/null " + web + "/c -o /dev/null " + web6 + "/d",
			curl + testbed.LargeURL + "200000 -o /dev/null " + testbed.LargeURL + "3000000 -o /dev/null " + testbed.LargeURL + "1",
			curl + "--limit-rate 4M " + testbed.LargeURL + "2000000",
			"curl -sS -o /dev/null " + web + "/large?bytes=none", // 400
		},
		"dns": {
			"dig +tries=1 www.example.org @" + testbed.DNSAddr,
			"dig +tries=1 AAAA www.example.org @" + testbed.MagicDNS,
			"dig +tries=1 TXT big.example.org @" + testbed.DNSAddr, // cut, then TCP
			"dig +tries=1 +tcp www.example.org @" + testbed.DNSAddr,
			"dig +tries=1 MX example.org @" + testbed.DNSAddr,
			"dig +tries=1 absent.example.org @" + testbed.DNSAddr, // NXDOMAIN
			"dig +tries=1 +noedns -x 192.0.2.53 @" + testbed.DNSAddr,
			"dig +tries=1 +dnssec NS example.org @" + testbed.DNSAddr6,
			"dig +tries=1 +keepopen +tcp www.example.org @" + testbed.DNSAddr + " AAAA www.example.org @" + testbed.DNSAddr,
		},
		"tls": {
			"curl -sSk -o /dev/null https://" + testbed.WebAddr + "/",
			"curl -sSk --tls-max 1.2 -o /dev/null https://" + testbed.WebAddr + "/large?bytes=100000",
			"curl -sSk -o /dev/null --resolve www.example.org:443:" + testbed.WebAddr + " https://www.example.org/",
			"curl -sSk -o /dev/null https://[" + testbed.WebAddr6 + "]/",
		},
		"icmp": {
			"ping -q -c3 -i0.2 " + testbed.WebAddr,
			"ping -q -c2 -i0.2 -s1200 " + testbed.DNSAddr,
			"ping -q -6 -c3 -i0.2 " + testbed.WebAddr6,
			"ping -q -6 -c1 -s600 " + testbed.DNSAddr6,
		},
	}
}

// mix lets a client work for some time, and returns how many lines it has done.
func (h *home) mix(t *testing.T, length time.Duration) map[string]int {
	t.Helper()
	end := time.Now().Add(length)
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := map[string]int{}
	for name, lines := range workers() {
		wg.Go(func() {
			order := rand.New(rand.NewPCG(1, uint64(len(name))))
			for first := true; first || time.Now().Before(end); first = false {
				for _, i := range order.Perm(len(lines)) {
					h.run(t, h.work, lines[i])
					mu.Lock()
					done[name]++
					mu.Unlock()
				}
			}
		})
	}
	wg.Go(func() { h.unanswered(t, end) })
	wg.Wait()
	return done
}

// unanswered sends requests without answers: the analyzers report them after some time.
func (h *home) unanswered(t *testing.T, end time.Time) {
	t.Helper()
	for first := true; first || time.Now().Before(end); first = false {
		for _, line := range []string{
			"dig +tries=1 +time=1 absent.example @" + testbed.Unreachable,
			"ping -q -c1 -W1 " + testbed.Unreachable,
			"curl -sS --max-time 2 " + testbed.RefusedURL,
		} {
			if _, _, err := h.work.Run(h.ctx, "sh", "-c", line); err == nil {
				t.Errorf("%s was answered", line)
			}
		}
	}
}

// count is a table of how often each type occurs, as text.
func count(events runner.Events) string {
	counts := map[string]int{}
	for _, e := range events {
		counts[e.Text("type")]++
	}
	return fmt.Sprint(counts)
}
