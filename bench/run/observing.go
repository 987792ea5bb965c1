package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/qubesbeat/qubesbeat/bench/traffic"
)

// Settings of a qubesbeat that knows the qubes, and may look at what they do.
const observingConfig = `qubesbeat:
  interfaces: {device: any}
  flows: {timeout: 30s, period: -1s}
  protocols: []
  inventory.file: %q
  verify.enabled: %v
  detect.enabled: %v
%s
queue.mem: {events: 3200, flush: {min_events: 1600, timeout: 0.1s}}
logging: {level: error, to_stderr: true}
`

// newObserving returns a qubesbeat with an inventory of the clients of package traffic,
// with or without verification and detection, for the inputs that that package makes.
func newObserving(name, path, missing string, verify, detect bool) *contender {
	c := onlyFor("synth", newBeat(name, path, "qubesbeat", missing, false, ""))
	c.argv = func(j *job) ([]string, error) {
		inventory, config := filepath.Join(j.dir, "inventory"), filepath.Join(j.dir, "qubesbeat.yml")
		if err := os.WriteFile(inventory, qubes(), 0o600); err != nil {
			return nil, err
		}

		return []string{path, "-c", config, "--path.home", j.dir, "--strict.perms=false", "-I", j.in.path, "-t"},
			os.WriteFile(config, fmt.Appendf(nil, observingConfig, inventory, verify, detect, outputDiscard), 0o600)
	}

	return c
}

// qubes returns an inventory of the clients of package traffic.
func qubes() (text []byte) {
	for i := range traffic.Clients {
		text = fmt.Appendf(text, "qube-%d|10.137.%d.%d\n", i, (i+2)/256, (i+2)%256)
	}

	return text
}
