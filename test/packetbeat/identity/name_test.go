package identity_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// installed is what argv[0] of an installed packetbeat is.
const installed = "/usr/share/packetbeat/bin/packetbeat"

// nameCase is a command line in a folder with files, and the name that it asks
// for.
type nameCase struct {
	name  string
	argv0 string // qubesbeat where it is empty
	files map[string]string
	args  []string // --path.home before them, unless raw
	raw   bool
	want  string
}

const (
	theirs = "packetbeat:\n  flows: {}\n"
	ours   = "qubesbeat:\n  flows: {}\n"
	none   = "output.file.path: out\n"
)

func file(text string) map[string]string { return map[string]string{"a.yml": text} }

var nameCases = []nameCase{
	{name: "argv packetbeat", argv0: packetbeat, files: file(none), args: []string{"-c", "a.yml"}, want: packetbeat},
	{name: "argv packetbeat, both roots", argv0: packetbeat, files: file(theirs + ours), args: []string{"-c", "a.yml"}, want: packetbeat},
	{name: "argv packetbeat, our root", argv0: packetbeat, files: file(ours), args: []string{"-c", "a.yml"}, want: packetbeat},
	{name: "argv installed", argv0: installed, files: file(none), args: []string{"-c", "a.yml"}, want: packetbeat},
	{name: "argv installed qubesbeat", argv0: "/usr/bin/qubesbeat", files: file(theirs), args: []string{"-c", "a.yml"}, want: packetbeat},
	{name: "argv like packetbeat", argv0: "/usr/bin/packetbeat-old", files: file(none), args: []string{"-c", "a.yml"}, want: qubesbeat},
	{name: "folder packetbeat", argv0: "/usr/share/packetbeat/qubesbeat", files: file(none), args: []string{"-c", "a.yml"}, want: qubesbeat},
	{name: "their root", files: file(theirs), args: []string{"-c", "a.yml"}, want: packetbeat},
	{name: "our root", files: file(ours), args: []string{"-c", "a.yml"}, want: qubesbeat},
	{name: "both roots", files: file(theirs + ours), args: []string{"-c", "a.yml"}, want: qubesbeat},
	{name: "neither root", files: file(none), args: []string{"-c", "a.yml"}, want: qubesbeat},
	{name: "dotted", files: file("packetbeat.flows:\n  period: -1s\n"), args: []string{"-c", "a.yml"}, want: packetbeat},
	{name: "deeply dotted", files: file("packetbeat.interfaces.device: any\n"), args: []string{"-c", "a.yml"}, want: packetbeat},
	{name: "dotted, both", files: file("packetbeat.flows: {}\nqubesbeat.flows: {}\n"), args: []string{"-c", "a.yml"}, want: qubesbeat},
	{name: "quoted", files: file("\"packetbeat\":\n  flows: {}\n"), args: []string{"-c", "a.yml"}, want: packetbeat},
	{name: "single quotes, dotted", files: file("'packetbeat.flows': {}\n"), args: []string{"-c", "a.yml"}, want: packetbeat},
	{name: "longer word", files: file("packetbeats: {}\n"), args: []string{"-c", "a.yml"}, want: qubesbeat},
	{name: "deeper key", files: file("fields:\n  packetbeat: {}\n"), args: []string{"-c", "a.yml"}, want: qubesbeat},
	{name: "value", files: file("name: packetbeat\n"), args: []string{"-c", "a.yml"}, want: qubesbeat},
	{name: "comment", files: file("# packetbeat:\n#packetbeat.flows: {}\n" + none), args: []string{"-c", "a.yml"}, want: qubesbeat},
	{name: "flow style", files: file("{packetbeat: {flows: {}}, output: {file: {path: out}}}\n"), args: []string{"-c", "a.yml"}, want: packetbeat},
	{name: "document start", files: file("---\n" + theirs), args: []string{"-c", "a.yml"}, want: packetbeat},
	{name: "not yaml", files: file("packetbeat:\n\tflows: {{ x\n"), args: []string{"-c", "a.yml"}, want: packetbeat},
	{name: "not yaml, both", files: file("packetbeat:\n\tflows: {{ x\nqubesbeat.flows: [\n"), args: []string{"-c", "a.yml"}, want: qubesbeat},
	{name: "setting", files: file(none), args: []string{"-c", "a.yml", "-E", "packetbeat.flows.period=-1s"}, want: packetbeat},
	{name: "setting attached", files: file(none), args: []string{"-c", "a.yml", "-Epacketbeat.flows.period=-1s"}, want: packetbeat},
	{name: "setting before the file", files: file(none), args: []string{"-E", "packetbeat.flows.period=-1s", "-c", "a.yml"}, want: packetbeat},
	{name: "setting of ours", files: file(theirs), args: []string{"-c", "a.yml", "-E", "qubesbeat.flows.period=-1s"}, want: qubesbeat},
	{name: "other setting", files: file(none), args: []string{"-c", "a.yml", "-E", "output.file.filename=packetbeat"}, want: qubesbeat},
	{name: "file attached", files: file(theirs), args: []string{"-ca.yml"}, want: packetbeat},
	{name: "file after =", files: file(theirs), args: []string{"-c=a.yml"}, want: packetbeat},
	{name: "long -c", files: file(theirs), args: []string{"--c", "a.yml"}, want: packetbeat},
	{name: "behind -e", files: file(theirs), args: []string{"-ec", "a.yml"}, want: packetbeat},
	{name: "behind -ve, attached", files: file(theirs), args: []string{"-veca.yml"}, want: packetbeat},
	{name: "setting behind -e", files: file(none), args: []string{"-c", "a.yml", "-eE", "packetbeat.flows.period=-1s"}, want: packetbeat},
	{name: "long -E", files: file(none), args: []string{"-c", "a.yml", "--E", "packetbeat.flows.period=-1s"}, want: packetbeat},
	{name: "several files", files: map[string]string{"a.yml": none, "b.yml": theirs}, args: []string{"-c", "a.yml", "-c", "b.yml"}, want: packetbeat},
	{name: "several files, both", files: map[string]string{"a.yml": theirs, "b.yml": ours}, args: []string{"-c", "a.yml", "-c", "b.yml"}, want: qubesbeat},
	{name: "path.config", files: map[string]string{"etc/a.yml": theirs}, args: []string{"-c", "a.yml", "--path.config", "etc"}, want: packetbeat},
	{name: "path.config=", files: map[string]string{"etc/a.yml": theirs}, args: []string{"--path.config=etc", "-c", "a.yml"}, want: packetbeat},
	{name: "path.config, other file", files: map[string]string{"etc/a.yml": ours, "a.yml": theirs}, args: []string{"-c", "a.yml", "--path.config", "etc"}, want: qubesbeat},
	{name: "no path", files: file(theirs), args: []string{"-c", "a.yml"}, raw: true, want: packetbeat},
	{name: "default file", files: map[string]string{"qubesbeat.yml": theirs}, want: packetbeat},
	{name: "default file, no path", files: map[string]string{"qubesbeat.yml": theirs}, raw: true, want: packetbeat},
	{name: "default file of packetbeat", files: map[string]string{"qubesbeat.yml": none, "packetbeat.yml": theirs}, want: qubesbeat},
	{name: "no file", want: qubesbeat},
	{name: "argv packetbeat, no file", argv0: packetbeat, want: packetbeat},
}

// TestName is the table of command lines. The program says its name as the first
// word of `version`.
func TestName(t *testing.T) {
	t.Parallel()
	for _, tt := range nameCases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, qubesbeat, tt.files)
			if tt.argv0 != "" {
				p.name = tt.argv0
			}
			run := p.run
			if tt.raw {
				run = p.raw
			}
			r := run(append([]string{"version"}, tt.args...)...)
			got, _, _ := strings.Cut(r.Stdout, " ")
			if got != tt.want {
				t.Errorf("name = %q; want %q\n%s", got, tt.want, r.Stderr)
			}
		})
	}
	t.Logf("%d command lines", len(nameCases))
}

// evidence is everything that carries the name of a beat.
type evidence struct {
	Root, Version, AgentType, MetadataBeat               string
	Events, Log, Keystore, Lock, Meta                    string
	Template, Policy, PolicyOfTemplate, IndexPattern, At string
}

func wantEvidence(name string) evidence {
	return evidence{
		Root: name, Version: name, AgentType: name, MetadataBeat: name,
		Events: name, Log: name, Keystore: name + ".keystore", Lock: name + ".lock", Meta: "meta.json",
		Template: name + "-" + version + ".json", Policy: name + ".json", PolicyOfTemplate: name,
		IndexPattern: name + "-*", At: name + "-" + version,
	}
}

// TestName_evidence checks that the name is one and the same in everything that
// the beat writes, however it came to it.
func TestName_evidence(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, argv0, want string }{
		{"packetbeat by name", packetbeat, packetbeat},
		{"packetbeat by path", installed, packetbeat},
		{"packetbeat by root", qubesbeat, packetbeat},
		{"qubesbeat", qubesbeat, qubesbeat},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, tt.argv0, file(tt.want+".flows: {}\noutput.file.path: out\n"))
			p.args = []string{"-c", "a.yml"}
			if diff := cmp.Diff(wantEvidence(tt.want), gather(p)); diff != "" {
				t.Errorf("mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// gather runs a program whose configuration has flows and the output out.
func gather(p *program) (e evidence) {
	p.t.Helper()
	e.Lock = lockName(p)
	p.must("-t", "-I", fixture.Repository(p.t, "demo/qubes.pcapng"))
	for _, ev := range p.events() {
		e.AgentType, _ = ev["agent.type"].(string)
		e.MetadataBeat, _ = ev["@metadata.beat"].(string)
	}
	p.must("keystore", "create")
	e.Events, e.Log = stem(p, "out/*"), stem(p, "logs/*")
	e.Keystore, e.Meta = base(p, "data/*.keystore"), base(p, "data/*.json")
	config := p.must("export", "config")
	for _, name := range []string{packetbeat, qubesbeat} {
		if strings.Contains(config, "\n"+name+":") {
			e.Root += name
		}
	}
	p.must("export", "template", "--dir", "exported")
	p.must("export", "ilm-policy", "--dir", "exported")
	e.Template, e.Policy = base(p, "exported/template/*"), base(p, "exported/policy/*")
	t := exportTemplate(p)
	e.At, e.PolicyOfTemplate = strings.Join(t.IndexPatterns, " "), t.Template.Settings.Index.Lifecycle.Name
	e.IndexPattern = exportIndexPattern(p).ID
	e.Version, _, _ = strings.Cut(p.must("version"), " ")
	return e
}

// base returns the name of the one file that matches a pattern.
func base(p *program, pattern string) string {
	p.t.Helper()
	files := p.glob(pattern)
	if len(files) != 1 {
		p.t.Errorf("%s: %q; want one file", pattern, files)
		return ""
	}
	return filepath.Base(files[0])
}

// stem returns what the names of all files before their date are.
func stem(p *program, pattern string) string {
	p.t.Helper()
	stems := map[string]bool{}
	name := ""
	for _, file := range p.glob(pattern) {
		name, _, _ = strings.Cut(strings.TrimSuffix(filepath.Base(file), ".ndjson"), "-")
		stems[name] = true
	}
	if len(stems) != 1 {
		p.t.Errorf("%s: names %v; want one", pattern, stems)
	}
	return name
}

// lockName returns the file under data whose lock keeps the beat from starting.
func lockName(p *program) string {
	p.t.Helper()
	for _, name := range []string{packetbeat, qubesbeat} {
		p.write("data/"+name+".lock", "")
		path := filepath.Join(p.dir, "data", name+".lock")
		f, err := os.Open(path)
		if err != nil {
			p.t.Fatal(err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			p.t.Fatal(err)
		}
		r := p.run("-t", "-I", fixture.Repository(p.t, "demo/qubes.pcapng"))
		_ = f.Close()
		_ = os.Remove(path)
		if r.Code != 0 && strings.Contains(r.Stderr, "data path already locked") {
			return name + ".lock"
		}
	}
	return ""
}

// TestName_defaultFile checks which file is read where none is named: that of the
// program's own name, whatever root it has.
func TestName_defaultFile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, argv0, file, root string }{
		{"packetbeat", packetbeat, "packetbeat.yml", packetbeat},
		{"installed packetbeat", installed, "packetbeat.yml", packetbeat},
		{"qubesbeat", qubesbeat, "qubesbeat.yml", qubesbeat},
		{"qubesbeat with their root", qubesbeat, "qubesbeat.yml", packetbeat},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, tt.argv0, map[string]string{tt.file: tt.root + ".flows: {}\nname: mine\noutput.file.path: out\n"})
			if r := p.run("export", "config"); r.Code != 0 || !strings.Contains(r.Stdout, "name: mine\n") {
				t.Errorf("exit code %d, %s%s; want the settings of %s", r.Code, r.Stdout, r.Stderr, tt.file)
			}
		})
	}
}

// TestName_foreign checks that a file whose keys would have no effect is refused,
// with the line.
func TestName_foreign(t *testing.T) {
	t.Parallel()
	const own = "name: x\nqubesbeat:\n  flows: {}\noutput.file.path: out\n"
	for _, tt := range []struct {
		name, want string
		files      map[string]string
		args       []string
	}{
		{"root", "a.yml:2: qubesbeat: is not read under the name packetbeat", file(own), []string{"-c", "a.yml"}},
		{"dotted", "a.yml:1: qubesbeat",
			file("qubesbeat.flows: {}\noutput.file.path: out\n"), []string{"-c", "a.yml"}},
		{"second file", "b.yml:2: qubesbeat: is not read under the name packetbeat",
			map[string]string{"a.yml": "output.file.path: out\n", "b.yml": own}, []string{"-c", "a.yml", "-c", "b.yml"}},
		{"default file", "packetbeat.yml:2: qubesbeat: is not read", map[string]string{"packetbeat.yml": own}, nil},
		{"with a setting", "a.yml:2: qubesbeat: is not read", file(own), []string{"-c", "a.yml", "-E", "packetbeat.shutdown_timeout=1s"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newProgram(t, packetbeat, tt.files).run(append([]string{"test", "config"}, tt.args...)...)
			if r.Code == 0 || !strings.Contains(r.Stderr, tt.want) {
				t.Errorf("exit code %d, %q; want an error with %q", r.Code, r.Stderr, tt.want)
			}
		})
	}
}

// TestName_agentID checks that a packetbeat's agent.id goes on: it is the document
// in data/meta.json.
func TestName_agentID(t *testing.T) {
	t.Parallel()
	const id = "c5b8f3a2-6e1d-4b57-9a0f-3d2e1c4b5a69"
	const meta = `{"uuid":"` + id + `","first_start":"2023-04-05T06:07:08.123456789Z"}`
	p := newProgram(t, packetbeat, map[string]string{
		"packetbeat.yml": "packetbeat.flows: {}\noutput.file.path: out\n", "data/meta.json": meta + "\n",
	})
	p.must("-t", "-I", fixture.Repository(t, "demo/qubes.pcapng"))
	events := p.events()
	if len(events) == 0 {
		t.Fatal("no events")
	}
	for _, e := range events {
		if e["agent.id"] != id {
			t.Fatalf("agent.id = %v; want %s", e["agent.id"], id)
		}
	}
	data, err := os.ReadFile(filepath.Join(p.dir, "data", "meta.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got["uuid"] != id || got["first_start"] != "2023-04-05T06:07:08.123456789Z" {
		t.Errorf("meta.json = %s; want %s", data, meta)
	}
}
