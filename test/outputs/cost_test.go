package outputs_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/test/outputs/servers"
)

const (
	costFlows  = 120_000
	costRounds = 3
)

// most is what an event may cost in an output, in microseconds of the CPU time of the
// whole beat: start, reading and metering are in it.
var most = map[string]float64{"elasticsearch": 30, "logstash": 30, "kafka": 22, "redis": 22, "file": 15}

// TestCost measures what an event costs in each output, in rounds, and prints it beside
// that of the beat in QUBESBEAT_BEFORE. It runs only if QUBESBEAT_COST is set.
func TestCost(t *testing.T) {
	if os.Getenv("QUBESBEAT_COST") == "" {
		t.Skip("measures for some minutes; run: go tool mage benchOutputs")
	}
	servers.Require(t)
	capture := flood(t, costFlows)
	outputs := map[string]string{"file": "output.file: {path: HOME/out, rotate_every_kb: 1000000}",
		"elasticsearch": elasticsearch(servers.StartElasticsearch(t).URL),
		"logstash":      fmt.Sprintf(`output.logstash: {hosts: ["%s"]}`, servers.StartCamel(t).Address),
		"kafka":         fmt.Sprintf(`output.kafka: {hosts: ["%s"], topic: flows}`, servers.StartKafka(t).Address),
		"redis":         fmt.Sprintf(`output.redis: {hosts: ["%s"], key: flows}`, servers.StartRedis(t).Address)}
	programs := map[string]string{"beat": beat.Program(t)}
	if before := os.Getenv("QUBESBEAT_BEFORE"); before != "" {
		programs["before"] = before
	}
	t.Logf("%-14s %-7s %12s %12s", "output", "beat", "us/event", "events/s")
	for _, name := range []string{"file", "redis", "kafka", "logstash", "elasticsearch"} {
		for who, c := range costs(t, capture, outputs[name], programs) {
			t.Logf("%-14s %-7s %12.1f %12.0f", name, who, c.cpu, c.rate)
			if who == "beat" && c.cpu > most[name] {
				t.Errorf("%s: an event costs %.1f us; want at most %.0f", name, c.cpu, most[name])
			}
		}
	}
}

// cost is the median of some runs: microseconds of CPU time an event, and events a second.
type cost struct{ cpu, rate float64 }

// costs runs the programs in turn.
func costs(t *testing.T, capture, output string, programs map[string]string) map[string]cost {
	t.Helper()
	cpu, rate := map[string][]float64{}, map[string][]float64{}
	for range costRounds {
		for who, program := range programs {
			c := command(t, onlyFlows, output, "-t", "-I", capture)
			run := exec.Command(program, c.Args...)
			run.Dir = c.Home
			start := time.Now()
			if out, err := run.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%.2000s", program, err, out)
			}
			rate[who] = append(rate[who], costFlows/time.Since(start).Seconds())
			cpu[who] = append(cpu[who], float64((run.ProcessState.UserTime()+run.ProcessState.SystemTime()).Microseconds())/costFlows)
		}
	}
	medians := map[string]cost{}
	for who := range programs {
		slices.Sort(cpu[who])
		slices.Sort(rate[who])
		medians[who] = cost{cpu[who][costRounds/2], rate[who][costRounds/2]}
	}
	return medians
}
