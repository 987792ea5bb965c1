//go:build linux

package redirect_test

import (
	"context"
	"net/netip"
	"regexp"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/nftrules"
	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// TestSink sends canaries with a long time to live: with the sink none of them leaves sys-log.
// Without it they leave.
func TestSink(t *testing.T) {
	testbed.Require(t, "nft", "ping")
	nw := testbed.New(t, testbed.Config{})
	work := nw.AddClient(testbed.Client{Name: "work", Label: "blue", DomID: 4, IP: netip.MustParseAddr("10.137.0.6")})
	count := func(q *testbed.Qube, table string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		out, stderr, err := q.Run(ctx, "nft", "list", "table", "inet", table)
		if err != nil {
			t.Fatalf("%v: %s", err, stderr)
		}
		return regexp.MustCompile(`192\.0\.2\.0/24 counter packets (\d+)`).FindString(out)
	}
	if err := nw.Net.Nft("table inet seen { chain first { type filter hook prerouting priority -300; ip daddr 192.0.2.0/24 counter; }; }"); err != nil {
		t.Fatal(err)
	}
	ping := func() {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, _, _ = work.Run(ctx, "ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", "-t", "64", "192.0.2.200") // no one answers
	}
	s, err := nftrules.ParseState([]byte(`{"nftables": [{"chain": {"family": "ip", "table": "qubes", "name": "custom-input"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := nftrules.Make(s, nftrules.Config{Sink: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := nw.Log.Nft(plan.Script()); err != nil {
		t.Fatal(err)
	}
	ping()
	if in, out := count(nw.Log, nftrules.SinkTable), count(nw.Net, "seen"); in != "192.0.2.0/24 counter packets 2" || out != "192.0.2.0/24 counter packets 0" {
		t.Errorf("with the sink: %q dropped, %q left; want 2 and 0", in, out)
	}
	if err := nw.Log.Nft("delete table inet " + nftrules.SinkTable); err != nil {
		t.Fatal(err)
	}
	ping()
	if out := count(nw.Net, "seen"); out != "192.0.2.0/24 counter packets 2" {
		t.Errorf("without the sink: %q left; want 2", out)
	}
}
