package flow_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/flow"
)

// TestNew names every wrong setting at once.
func TestNew(t *testing.T) {
	t.Parallel()
	good := flow.Config{Report: func(*flow.Record) {}, IdleTimeout: sec, MaxFlows: 1}
	tests := []struct {
		name   string
		change func(*flow.Config)
		want   []string // parts of the error
	}{
		{"least", func(*flow.Config) {}, nil},
		{"no report", func(c *flow.Config) { c.Report = nil }, []string{"report function missing"}},
		{"idle", func(c *flow.Config) { c.IdleTimeout = sec - 1 }, []string{"idle timeout 999.999999ms is below 1s"}},
		{"no flows", func(c *flow.Config) { c.MaxFlows = 0 }, []string{"max flows 0"}},
		{"too many flows", func(c *flow.Config) { c.MaxFlows = 1<<30 + 1 }, []string{"max flows 1073741825"}},
		{"active", func(c *flow.Config) { c.ActiveTimeout = -1 }, []string{"negative duration"}},
		{"period", func(c *flow.Config) { c.Period = -1 }, []string{"negative duration"}},
		{"linger", func(c *flow.Config) { c.Linger = -1 }, []string{"negative duration"}},
		{"all", func(c *flow.Config) { *c = flow.Config{Period: -1} },
			[]string{"flow table: ", "report function", "idle timeout", "max flows", "negative duration"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := good
			tt.change(&cfg)
			table, err := flow.New(cfg)
			if (err != nil) != (tt.want != nil) || (table == nil) != (err != nil) {
				t.Fatalf("New = %v, %v; want error %q", table, err, tt.want)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("New = %q; want %q in it", err, part)
				}
			}
		})
	}
}

// TestTable_Flush ends all flows in the order in which they took their places.
func TestTable_Flush(t *testing.T) {
	t.Parallel()
	for seed := uint64(0); seed < 4; seed++ {
		m := newMeter(t, func(c *flow.Config) { c.Seed = seed })
		var want []string
		for i := range 50 {
			src := fmt.Sprintf("10.137.0.%d:1000", 1+i*37%101)
			m.meter(udp(time.Duration(i), src, server))
			want = append(want, src+" > 1.1.1.1:443 17 1/0 forced")
		}
		m.Flush(flow.ReasonForced)
		m.want(t, want...)
		m.Flush(flow.ReasonForced)
		m.want(t) // nothing is left
	}
}

// TestTable_FlushReasons gives the reason to all but closed connections, and the
// table goes on.
func TestTable_FlushReasons(t *testing.T) {
	t.Parallel()
	m := newMeter(t).meter(finished(0)...)
	m.meter(udp(sec, client, server))
	m.Flush(flow.ReasonEvicted)
	m.want(t, "10.137.0.6:40000 > 1.1.1.1:443 6 4/2 end closed", flow17+"1/0 evicted")
	m.meter(udp(2*sec, client, server))
	m.Flush(flow.ReasonForced)
	m.want(t, flow17+"1/0 forced")
}

// TestTable_Stats balances.
func TestTable_Stats(t *testing.T) {
	t.Parallel()
	m := newMeter(t, func(c *flow.Config) { c.Period = 10 * sec }).meter(finished(0)...)
	m.meter(udp(sec, client, server))
	m.Advance(at(12 * sec))
	m.Flush(flow.ReasonForced)
	want := flow.Stats{Packets: 7, Bytes: 700, Created: 2}
	want.Records[flow.ReasonNone] = 1
	want.Records[flow.ReasonEnd] = 1
	want.Records[flow.ReasonForced] = 1
	if diff := cmp.Diff(want, m.Stats()); diff != "" {
		t.Errorf("Stats mismatch (-want +got):\n%s", diff)
	}
}

func TestReason_String(t *testing.T) {
	t.Parallel()
	var got []string
	for r := range flow.Reasons {
		got = append(got, flow.Reason(r).String())
	}
	want := []string{"", "idle", "active", "end", "forced", "evicted"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reasons mismatch (-want +got):\n%s", diff)
	}
}
