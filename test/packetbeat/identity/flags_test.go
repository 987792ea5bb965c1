package identity_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// minimal is a configuration with flows, DNS and HTTP.
const minimal = `
packetbeat:
  flows: {period: -1s}
  protocols: [{type: dns, ports: [53]}, {type: http, ports: [80, 5000]}]
output.file.path: out
`

func newMinimal(t testing.TB) *program {
	t.Helper()
	return newProgram(t, packetbeat, map[string]string{"packetbeat.yml": minimal})
}

// TestFlags_help checks that packetbeat's flags and commands are there.
func TestFlags_help(t *testing.T) {
	t.Parallel()
	help := newMinimal(t).must("help")
	for _, flag := range []string{"-I, --I", "-l, --l", "-O, --O", "-t, --t", "--dump", "-N, --N", "--httpprof", "--cpuprofile", "--memprofile",
		"-E, --E", "-c, --c", "-d, --d", "-e, --e", "-v, --v", "--environment", "--path.home", "--path.config", "--path.data", "--path.logs", "--strict.perms"} {
		if !strings.Contains(help, " "+flag+" ") {
			t.Errorf("help does not have %s", flag)
		}
	}
	for _, command := range []string{"devices", "export", "help", "keystore", "run", "setup", "test", "version"} {
		if !regexp.MustCompile(`(?m)^  ` + command + ` `).MatchString(help) {
			t.Errorf("help does not have the command %s", command)
		}
	}
	if t.Failed() {
		t.Log(help)
	}
}

// TestFlags_commands checks that packetbeat's commands print something.
func TestFlags_commands(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ args, want string }{
		{"completion bash", "__start_packetbeat"},
		{"completion zsh", "packetbeat"},
		{"help setup", "--index-management"},
		{"help export template", "--es.version"},
		{"help keystore add", "--stdin"},
		{"help run", "--cpuprofile"},
		{"version", "packetbeat version 9.3.0 ("},
		{"devices", "0: "},
		{"test config", "Config OK"},
		{"export config", "packetbeat:"},
		{"run --help", "--memprofile"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			if got := newMinimal(t).must(strings.Fields(tt.args)...); !strings.Contains(got, tt.want) {
				t.Errorf("stdout = %q; want it to have %q", got, tt.want)
			}
		})
	}
}

// frames returns how many frames the last run has read.
func (p *program) frames() float64 {
	p.t.Helper()
	var frames float64
	for _, e := range p.events() {
		if n, ok := e["stats.capture.frames"].(float64); ok {
			frames = max(frames, n)
		}
	}
	return frames
}

// TestFlags_run checks what the run flags do.
func TestFlags_run(t *testing.T) {
	t.Parallel()
	capture := fixture.BeatsCapture(t, "dns_google_com.pcap") // 2 frames
	for _, tt := range []struct {
		name, args string
		frames     float64
		files      []string
	}{
		{name: "I", args: "-t", frames: 2},
		{name: "long I", args: "run -t", frames: 2},
		{name: "loop", args: "-t -l 3", frames: 6},
		{name: "one at a time", args: "-t -O", frames: 2},
		{name: "in real time", args: "", frames: 2},
		{name: "not published", args: "-t -N", frames: 0},
		{name: "profiles", args: "-t --cpuprofile cpu --memprofile mem", frames: 2, files: []string{"cpu", "mem"}},
		{name: "profiling server", args: "-t --httpprof 127.0.0.1:0", frames: 2},
		{name: "overrides", args: "-t -E output.file.filename=x -E fields.site=here", frames: 2, files: []string{"out/x.ndjson"}},
		{name: "environment", args: "-t --environment container", frames: 2},
		{name: "paths", args: "-t --path.data=d --path.logs l", frames: 2, files: []string{"d/meta.json", "l/packetbeat-*"}},
		{name: "to stderr", args: "-t -e -v -d *", frames: 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newMinimal(t)
			p.in = strings.Repeat("\n", 100)
			p.must(append(strings.Fields(tt.args), "-I", capture)...)
			if got := p.frames(); got != tt.frames {
				t.Errorf("%v frames; want %v", got, tt.frames)
			}
			for _, pattern := range tt.files {
				files := p.glob(pattern)
				if len(files) == 0 {
					t.Errorf("no file %s", pattern)
				}
				for _, f := range files {
					if info, err := os.Stat(f); err != nil || info.Size() == 0 {
						t.Errorf("%s is empty: %v", f, err)
					}
				}
			}
		})
	}
}

// TestFlags_dump checks that --dump is taken.
func TestFlags_dump(t *testing.T) {
	t.Parallel()
	p := newMinimal(t)
	r := p.run("-t", "-I", fixture.BeatsCapture(t, "dns_google_com.pcap"), "--dump", filepath.Join(p.dir, "dumped"))
	if strings.Contains(r.Stderr, "unknown flag") || strings.Contains(r.Stderr, "flag needs") {
		t.Errorf("exit code %d, %q; want the flag to be known", r.Code, r.Stderr)
	}
}

// TestFlags_unknown checks that others are not.
func TestFlags_unknown(t *testing.T) {
	t.Parallel()
	if r := newMinimal(t).run("--dumps", "x"); r.Code == 0 || !strings.Contains(r.Stderr, "unknown flag: --dumps") {
		t.Errorf("exit code %d, %q; want unknown flag", r.Code, r.Stderr)
	}
}

// TestConfig_variables checks that settings come from the environment and from the
// keystore.
func TestConfig_variables(t *testing.T) {
	t.Parallel()
	const text = "packetbeat.flows: {}\noutput.file: {path: out, filename: '${NAME:fallback}'}\n"
	for _, tt := range []struct{ name, env, stored, want string }{
		{name: "default", want: "fallback."},
		{name: "environment", env: "NAME=environment", want: "environment."},
		{name: "keystore", stored: "stored", want: "stored."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, packetbeat, map[string]string{"packetbeat.yml": text})
			if tt.env != "" {
				p.env = []string{tt.env}
			}
			if tt.stored != "" {
				p.must("keystore", "create")
				p.in = tt.stored
				p.must("keystore", "add", "NAME", "--stdin")
				if list := p.must("keystore", "list"); list != "NAME\n" {
					t.Errorf("keystore list = %q; want NAME", list)
				}
			}
			p.must("-t", "-I", fixture.BeatsCapture(t, "dns_google_com.pcap"))
			if got := base(p, "out/*"); !strings.HasPrefix(got, tt.want) {
				t.Errorf("events are in %s; want %s*", got, tt.want)
			}
		})
	}
}

// TestConfig_protocols checks which faults of the protocols end the start, and
// what is said.
func TestConfig_protocols(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, protocols string
		fails           bool
		want            []string // in the error, or in a warning
	}{
		{"unknown type", "[{type: gopher, ports: [70]}, {type: dns, ports: [53]}]", false, []string{"gopher"}},
		{"unknown type, map", "{gopher: {ports: [70]}, dns: {ports: [53]}}", false, []string{"gopher"}},
		{"same port", "[{type: http, ports: [80]}, {type: mysql, ports: [3306, 80]}]", true, []string{"80", "http", "mysql"}},
		{"same port, UDP", "[{type: dns, ports: [53]}, {type: sip, ports: [53]}]", true, []string{"53", "dns", "sip"}},
		{"same port, TCP and UDP", "[{type: http, ports: [67]}, {type: dhcpv4, ports: [67]}]", false, nil},
		{"disabled", "[{type: http, ports: [80]}, {type: mysql, ports: [80], enabled: false}]", false, nil},
		{"high port", "[{type: http, ports: [70000]}]", true, []string{"70000"}},
		{"negative port", "[{type: http, ports: [-1]}]", true, []string{"-1"}},
		{"no type", "[{ports: [80]}]", true, []string{"type"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, packetbeat, map[string]string{"packetbeat.yml": "packetbeat.flows: {}\noutput.file.path: out\npacketbeat.protocols: " + tt.protocols + "\n"})
			r := p.run("-t", "-I", fixture.BeatsCapture(t, "dns_google_com.pcap"))
			where := r.Stderr
			if !tt.fails {
				where = warnings(p.log())
			}
			if (r.Code != 0) != tt.fails {
				t.Errorf("exit code %d, %q; want failure %t", r.Code, r.Stderr, tt.fails)
			}
			for _, word := range tt.want {
				if !strings.Contains(where, word) {
					t.Errorf("said %q; want it to name %s", where, word)
				}
			}
		})
	}
}

// TestConfig_checked checks that `test config` finds what would end the start, as
// packetbeat's does: it makes the analyzers.
func TestConfig_checked(t *testing.T) {
	t.Parallel()
	for _, protocols := range []string{"[{type: http, ports: [80]}, {type: mysql, ports: [80]}]", "[{type: http, ports: [70000]}]"} {
		p := newProgram(t, packetbeat, map[string]string{"packetbeat.yml": "packetbeat.protocols: " + protocols + "\noutput.file.path: out\n"})
		if r := p.run("test", "config"); r.Code == 0 || !strings.Contains(r.Stderr, "port") {
			t.Errorf("%s: exit code %d, %s%s; want the port's fault", protocols, r.Code, r.Stdout, r.Stderr)
		}
	}
}

// TestConfig_place checks that a wrong key is reported with its file and line.
func TestConfig_place(t *testing.T) {
	t.Parallel()
	const wrong = "packetbeat:\n  inventory:\n    fil: x\n"
	for _, tt := range []struct {
		name, a, b, want string
	}{
		{"first", wrong + "output.file.path: out\n", "packetbeat.flows: {}\n", "a.yml:3: packetbeat.inventory.fil: unknown key"},
		{"second", "packetbeat.flows: {}\noutput.file.path: out\n", wrong, "b.yml:3: packetbeat.inventory.fil: unknown key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, packetbeat, map[string]string{"a.yml": tt.a, "b.yml": tt.b})
			if r := p.run("test", "config", "-c", "a.yml", "-c", "b.yml"); r.Code == 0 || !strings.Contains(r.Stderr, tt.want) {
				t.Errorf("exit code %d, %q; want %q", r.Code, r.Stderr, tt.want)
			}
		})
	}
}

// warnings returns the warnings and errors of a log.
func warnings(log string) string {
	var lines []string
	for line := range strings.Lines(log) {
		if strings.Contains(line, `"log.level":"warn"`) || strings.Contains(line, `"log.level":"error"`) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}
