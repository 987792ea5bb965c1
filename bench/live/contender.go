package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Names of the contenders.
const (
	noneName    = "none"
	oursName    = "qubesbeat"
	offName     = "qubesbeat-off"   // without the shunt
	meterName   = "qubesbeat-meter" // without the shunt and detection
	dumpName    = "qubesbeat-dump"
	beforeName  = "before"
	beforeOff   = "before-off"
	beforeDump  = "before-dump"
	tcpdumpName = "tcpdump"
	softName    = "softflowd"
	nfpcapdName = "nfpcapd"
	packetName  = "packetbeat"
)

// losses are what a contender says of a run; negative numbers are unknown.
type losses struct {
	Seen    int64 `json:"seen"`    // frames that it got
	Dropped int64 `json:"dropped"` // by the kernel for want of room, and by the store
	Cut     int64 `json:"cut"`     // stored with their headers only, for want of room
}

// contender is a program in one of its settings.
type contender struct {
	name    string
	missing string // why it cannot run, "" if it can
	argv    func(dir string) ([]string, error)
	losses  func(dir string) (losses, error) // after the end
	kill    bool                             // it does not end by SIGINT
	before  []string                         // a command to run before the end, its output goes to the file statistics
}

// allContenders returns the contenders that o asks for, including those that cannot run.
func allContenders(o *options) (list []*contender) {
	all := []*contender{
		{name: noneName},
		newBeat(oursName, "qubesbeat", o.qubesbeat, ""),
		newBeat(offName, "qubesbeat", o.qubesbeat, "", "interfaces.shunt: off"),
		newBeat(meterName, "qubesbeat", o.qubesbeat, "", "interfaces.shunt: off", "detect.enabled: false"),
		newBeat(dumpName, "qubesbeat", o.qubesbeat, "trace"),
		newTcpdump(), newSoftflowd(), newNfpcapd(),
		newBeat(packetName, "packetbeat", o.packetbeat, ""),
	}
	if o.packets {
		all = keepers(o)
	}
	if o.before != "" {
		all = append(all, newBeat(beforeName, "qubesbeat", o.before, ""), newBeat(beforeOff, "qubesbeat", o.before, "", "interfaces.shunt: off"), newBeat(beforeDump, "qubesbeat", o.before, "trace"))
	}
	for _, c := range all {
		if o.only == "" || c.name == noneName || slices.Contains(strings.Split(o.only, ","), c.name) {
			list = append(list, c)
		}
	}
	return list
}

// missingProgram returns why a program cannot run, "" if it can.
func missingProgram(name, hint string) string {
	if name == "" {
		return hint
	}
	if _, err := exec.LookPath(name); err != nil {
		return hint
	}
	return ""
}

// beatConfig is the configuration of both beats: flows with final reports only, into a
// file, and a ring of 24 MiB, as all contenders have.
const beatConfig = `%[1]s:
  interfaces: {device: %[2]s, type: af_packet, buffer_size_mb: 24}
%[4]s
  flows: {timeout: 30s, period: -1s}
output.file: {path: %[3]q, filename: events, rotate_every_kb: 10485760}
queue.mem: {events: 3200, flush: {min_events: 1600, timeout: 0.1s}}
logging: {level: error, to_stderr: true}
`

// newBeat returns a beat whose own settings have the given root, with other
// settings. With a dump, it writes all packets to files, too.
func newBeat(name, root, path, dump string, settings ...string) *contender {
	c := &contender{name: name, missing: missingProgram(path, "give its path with -"+root), losses: unknownLosses}
	if root == "qubesbeat" {
		c.losses = beatLosses
	}
	c.argv = func(dir string) ([]string, error) {
		config := filepath.Join(dir, root+".yml")
		argv := []string{path, "-c", config, "--path.home", dir, "--strict.perms=false"}
		if dump != "" {
			argv = append(argv, "--dump", filepath.Join(dir, dump))
		}
		return argv, os.WriteFile(config, fmt.Appendf(nil, beatConfig, root, watched, filepath.Join(dir, "events"), settingLines(settings)), 0o600)
	}
	return c
}

// settingLines returns settings as lines below the root of a configuration.
func settingLines(settings []string) (text string) {
	for _, s := range settings {
		text += "  " + s + "\n"
	}
	return text
}

// unknownLosses is that of a program that does not say.
func unknownLosses(string) (losses, error) { return losses{Seen: -1, Dropped: -1}, nil }

// beatLosses reads the last stats event of qubesbeat.
func beatLosses(dir string) (l losses, err error) {
	names, err := filepath.Glob(filepath.Join(dir, "events", "*"))
	if err != nil || len(names) == 0 {
		return l, fmt.Errorf("no events: %w", err)
	}
	f, err := os.Open(names[len(names)-1])
	if err != nil {
		return l, err
	}
	defer f.Close()
	found := false
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if !bytes.Contains(lines.Bytes(), []byte(`"stats"`)) {
			continue
		}
		var e struct {
			Stats struct {
				Last    bool `json:"last"`
				Capture struct {
					Frames      int64 `json:"frames"`
					KernelDrops int64 `json:"kernel_drops"`
				} `json:"capture"`
				Packets struct {
					CutPressure int64 `json:"cut_pressure"`
					LostMemory  int64 `json:"lost_memory"`
					LostDisk    int64 `json:"lost_disk"`
				} `json:"packets"`
			} `json:"stats"`
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return l, err
		}
		if e.Stats.Last {
			c, p := &e.Stats.Capture, &e.Stats.Packets
			l, found = losses{Seen: c.Frames, Dropped: c.KernelDrops + p.LostMemory + p.LostDisk, Cut: p.CutPressure}, true
		}
	}
	if !found {
		return l, fmt.Errorf("no last stats event in %s", f.Name())
	}
	return l, lines.Err()
}

// newTcpdump returns tcpdump, which keeps headers and throws them away.
func newTcpdump() *contender {
	return &contender{name: tcpdumpName, missing: missingProgram("tcpdump", "apt-get install tcpdump"),
		argv: func(string) ([]string, error) {
			return []string{"tcpdump", "-i", watched, "-s", "96", "-B", "24576", "-w", "/dev/null"}, nil
		},
		losses: func(dir string) (losses, error) {
			return find(filepath.Join(dir, "stderr"), `(\d+) packets? captured`, `(\d+) packets? dropped by kernel`)
		}}
}

// newSoftflowd returns softflowd, whose records nothing receives.
func newSoftflowd() *contender {
	c := &contender{name: softName, missing: missingProgram("softflowd", "apt-get install softflowd")}
	var control string
	c.argv = func(dir string) ([]string, error) {
		control = filepath.Join(dir, "control")
		c.before = []string{"softflowctl", "-c", control, "statistics"}
		return []string{"softflowd", "-d", "-i", watched, "-B", "25165824", "-m", "500000", "-n", "127.0.0.1:9", "-v", "9",
			"-c", control, "-p", filepath.Join(dir, "pid")}, nil
	}
	c.losses = func(dir string) (losses, error) {
		return find(filepath.Join(dir, "statistics"), `Packets received by libpcap: *(\d+)`, `Packets dropped by libpcap: *(\d+)`)
	}
	return c
}

// newNfpcapd returns nfpcapd, which writes flows in the format of nfdump.
func newNfpcapd() *contender {
	return &contender{name: nfpcapdName, missing: missingProgram("nfpcapd", "apt-get install nfdump"),
		losses: unknownLosses,
		argv: func(dir string) ([]string, error) {
			flows := filepath.Join(dir, "flows")
			return []string{"nfpcapd", "-i", watched, "-b", "24", "-w", flows, "-t", "3600", "-e", "1800,30"}, os.Mkdir(flows, 0o700)
		}}
}

// find reads both numbers from a file; each expression has one group.
func find(name, seen, dropped string) (l losses, err error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return l, err
	}
	for expr, to := range map[string]*int64{seen: &l.Seen, dropped: &l.Dropped} {
		m := regexp.MustCompile(expr).FindSubmatch(b)
		if m == nil {
			return l, fmt.Errorf("no %q in %q", expr, b)
		}
		if *to, err = strconv.ParseInt(string(m[1]), 10, 64); err != nil {
			return l, err
		}
	}
	return l, nil
}
