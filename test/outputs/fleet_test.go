package outputs_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
	"github.com/qubesbeat/qubesbeat/test/outputs/servers"
)

// fleetSettings are the arguments of bench/fleet: a short run, or with QUBESBEAT_FLEET its own
// defaults with that number of sensors.
func fleetSettings(t *testing.T) []string {
	t.Helper()
	text := os.Getenv("QUBESBEAT_FLEET")
	if text == "" {
		return []string{"-sensors", "8", "-events", "300", "-seconds", "10"}
	}
	if n, err := strconv.Atoi(text); err != nil || n < 1 {
		t.Fatalf("QUBESBEAT_FLEET=%s: want a number of sensors", text)
	}
	return []string{"-sensors", text}
}

// TestFleet runs the sensors of several laptops into one Elasticsearch and one Kafka, and loses,
// doubles, misnames and disorders no event: bench/fleet has the checks.
func TestFleet(t *testing.T) {
	servers.Require(t)
	settings, program := fleetSettings(t), beat.Program(t)
	fleet, err := beat.Build(t, "fleet", "bench", "./fleet", "CGO_ENABLED=0")
	if err != nil {
		t.Fatal(err)
	}
	es, k := servers.StartElasticsearch(t), servers.StartKafka(t)
	cmd := exec.CommandContext(t.Context(), fleet, append(settings, "-qubesbeat", program, "-elasticsearch", es.URL, "-kafka", k.Address,
		"-kafka-pid", fmt.Sprint(k.PID()), "-json", fixture.Repository(t, "build", "fleet.json"))...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}
