package cmd

import (
	"bytes"
	"testing"
	"time"

	"github.com/elastic/elastic-agent-libs/config"
	"github.com/google/go-cmp/cmp"

	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// TestLearn proposes what can be read as a configuration, with each endpoint of a tunnel.
func TestLearn(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := learn(&out, &judge.View{Qubes: []judge.QubeView{
		{Name: "sys-vpn", NetVM: "sys-log", Looks: &judge.Looks{Protocol: "wireguard", Endpoints: []string{"203.0.113.9:51820/udp", "203.0.113.10:51820/udp"}}},
		{Name: "sys-vpn2", NetVM: "sys-log", Exit: "vpn", Looks: &judge.Looks{Protocol: "wireguard", Endpoints: []string{"203.0.113.11:51820/udp"}}},
		{Name: "banking", NetVM: "sys-log", Exit: "vpn", Endpoints: []string{"203.0.113.9:51820/udp"}},
		{Name: "work", NetVM: "sys-log", Peers: 1, Last: "93.184.216.34:443/tcp"},
	}}); err != nil {
		t.Fatal(err)
	}
	c, err := config.NewConfigWithYAML(out.Bytes(), "learned")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Qubesbeat struct {
			Verify struct {
				Expect []struct {
					Qubes     []string `config:"qubes"`
					Endpoints []string `config:"endpoints"`
				} `config:"expect"`
			} `config:"verify"`
		} `config:"qubesbeat"`
	}
	if err := c.Unpack(&got); err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"sys-vpn", "203.0.113.9:51820/udp", "203.0.113.10:51820/udp"}, {"sys-vpn2", "203.0.113.11:51820/udp"}, {"work"}}
	for i, x := range got.Qubesbeat.Verify.Expect {
		if diff := cmp.Diff(want[i], append(x.Qubes, x.Endpoints...)); diff != "" {
			t.Errorf("expectation mismatch (-want +got):\n%s", diff)
		}
	}
	if !bytes.Contains(out.Bytes(), []byte("# the last destination was 93.184.216.34:443/tcp\n")) || len(got.Qubesbeat.Verify.Expect) != len(want) {
		t.Errorf("proposal:\n%s", out.Bytes())
	}
}

// TestGoesTo names an endpoint only if the last packet went there.
func TestGoesTo(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	q := judge.QubeView{Endpoints: []string{"203.0.113.9:51820/udp"}, Protocol: "wireguard", Tunnel: "boot", LastAt: now}
	for last, want := range map[string]string{
		"203.0.113.9:51820/udp": "203.0.113.9:51820/udp wireguard, boot, 0s ago",
		"1.1.1.1:443/tcp":       "1.1.1.1:443/tcp, no endpoint, 0s ago; tunnel: boot",
		"":                      "-",
	} {
		q.Last = last
		if got := goesTo(&q, now); got != want {
			t.Errorf("goesTo = %q; want %q", got, want)
		}
	}
}
