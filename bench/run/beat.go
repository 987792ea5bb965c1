package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// beatConfig is the configuration of both beats. The first verb is the root of
// the beat's own settings, the second stands for further ones, the third is the
// output.
//
// The period -1s gives final reports only. No protocol is analyzed unless the
// fourth verb says so, since the other programs have nothing of the kind. The queue has its default size but
// hands over a batch that is not full after 0.1 s and not after 10 s: a beat
// that waits for its last events would spend the time on that.
const beatConfig = `%[1]s:
  interfaces: {device: any}
  flows: {timeout: 30s, period: -1s}
  protocols:%[4]s
%[2]s%[3]s
queue.mem: {events: 3200, flush: {min_events: 1600, timeout: 0.1s}}
logging: {level: error, to_stderr: true}
`

// Outputs. No file is rotated during a run: the size limit is 10 GiB.
const (
	outputDiscard = `output.discard: {enabled: true}`
	outputFile    = `output.file: {path: %q, filename: events, rotate_every_kb: 10485760}`
)

// drainSetting lets packetbeat write all of its events. With 0 it exits with
// the last ones in the queue: all of 1,000, some 1,000 to 2,000 of 50,000. It sleeps that
// long at the start, too, hence 2 s of the wall time of packetbeat-file are
// sleep. The CPU time is not touched. With the discarding output the setting
// is 0, in favour of packetbeat.
const drainSetting = "  shutdown_timeout: 1s\n"

// The protocols of packetbeat.yml, and with that the only one that needs no port.
const (
	portProtocols = `
  - {type: amqp, ports: [5672]}
  - {type: cassandra, ports: [9042]}
  - {type: dhcpv4, ports: [67, 68]}
  - {type: dns, ports: [53]}
  - {type: http, ports: [80, 8080, 8000, 5000, 8002]}
  - {type: memcache, ports: [11211]}
  - {type: mysql, ports: [3306, 3307]}
  - {type: pgsql, ports: [5432]}
  - {type: redis, ports: [6379]}
  - {type: thrift, ports: [9090]}
  - {type: mongodb, ports: [27017]}
  - {type: nfs, ports: [2049]}
  - {type: tls, ports: [443, 993, 995, 5223, 8443, 8883, 9243]}
  - {type: sip, ports: [5060]}`
	allProtocols = portProtocols + `
  - {type: icmp, enabled: true}`
)

// newBeat returns a beat at path whose own settings have the given root. It
// writes its events to a file or discards them, and analyzes the given protocols.
func newBeat(name, path, root, missing string, toFile bool, protocols string) *contender {
	if protocols == "" {
		protocols = " []"
	}

	c := &contender{
		name:    name,
		missing: missing,
		peer:    root == "packetbeat",
		version: []string{path, "version"},
		count:   func(*job) (counts, error) { return counts{Flows: -1, Packets: -1}, nil },
	}

	more := ""
	if c.peer {
		more = "  shutdown_timeout: 0\n"
	}

	if toFile {
		c.count = countEvents
		if c.peer {
			more = drainSetting
		}
	}

	c.argv = func(j *job) ([]string, error) {
		output := outputDiscard
		if toFile {
			output = fmt.Sprintf(outputFile, filepath.Join(j.dir, "events"))
		}

		config := filepath.Join(j.dir, root+".yml")
		err := os.WriteFile(config, fmt.Appendf(nil, beatConfig, root, more, output, protocols), 0o600)

		return []string{
			path, "-c", config, "--path.home", j.dir, "--strict.perms=false", "-I", j.in.path, "-t",
		}, err
	}

	return c
}

// flowEvent is the part of an event that is counted.
type flowEvent struct {
	Event struct {
		Dataset string `json:"dataset"`
	} `json:"event"`
	Network struct {
		Packets int64 `json:"packets"`
	} `json:"network"`
}

// countEvents counts the flow events that a beat wrote to files, and their
// packets.
func countEvents(j *job) (c counts, err error) {
	names, err := filepath.Glob(filepath.Join(j.dir, "events", "*"))
	if err != nil {
		return c, err
	}

	for _, name := range names {
		if err = countFile(name, &c); err != nil {
			return c, fmt.Errorf("counting events of %s: %w", name, err)
		}
	}

	return c, nil
}

// countFile adds the flow events of one file to c.
func countFile(name string, c *counts) (err error) {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()

	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		// Decoding every event is slow; other kinds are left out early.
		if !bytes.Contains(s.Bytes(), []byte(`"flow"`)) {
			continue
		}

		var e flowEvent
		if err = json.Unmarshal(s.Bytes(), &e); err != nil {
			return err
		}

		if e.Event.Dataset == "flow" {
			c.Flows++
			c.Packets += e.Network.Packets
		}
	}

	return s.Err()
}

// buildPacketbeat builds packetbeat into o.out. It returns the path of the
// binary, or the reason why there is none.
func buildPacketbeat(ctx context.Context, o *options) (path, missing string) {
	path = filepath.Join(o.out, "packetbeat")
	fmt.Fprintln(os.Stderr, "run: building packetbeat; the first time takes minutes")

	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "./packetbeat")
	cmd.Dir = o.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		return path, ""
	}

	hint := ""
	switch text := string(out); {
	case strings.Contains(text, "pcap.h"):
		hint = "no libpcap headers; apt-get install libpcap-dev; "
	case strings.Contains(text, "C compiler"):
		hint = "no C compiler; apt-get install gcc libc6-dev; "
	}

	return "", fmt.Sprintf("building packetbeat: %s%v: %s", hint, err, lastLines(out, 3))
}
