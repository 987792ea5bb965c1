package identity_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/qubesbeat/qubesbeat/cmd"
	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
)

func TestMain(m *testing.M) { beat.Main(m, func() error { return cmd.Root().Execute() }) }

// The two names, and libbeat's version, which names templates and indices.
const (
	packetbeat = "packetbeat"
	qubesbeat  = "qubesbeat"
	version    = "9.3.0"
)

// deadline is much longer than any run takes, on a busy machine, too: 5 s, of
// which the search for a cloud takes 3.
const deadline = time.Minute

// program is the beat with a folder of its own, in which it runs.
type program struct {
	t    testing.TB
	name string // argv[0]
	dir  string
	env  []string
	args []string // on every command line, with --path.home
	in   string   // standard input
}

// newProgram makes the folder, with the given files in it.
func newProgram(t testing.TB, name string, files map[string]string) *program {
	t.Helper()
	p := &program{t: t, name: name, dir: beat.NewHome(t)}
	for file, text := range files {
		p.write(file, text)
	}
	return p
}

// write writes a file into the folder.
func (p *program) write(file, text string) {
	p.t.Helper()
	beat.Write(p.t, p.dir, file, text)
}

// raw runs the program with nothing but args.
func (p *program) raw(args ...string) beat.Result {
	p.t.Helper()
	c := beat.Self(p.t, p.name)
	c.Home, c.Args, c.Stdin = p.dir, args, p.in
	c.Env = append(c.Env, p.env...)
	return c.Run(p.t, deadline)
}

// run runs the program with its folder as path.home.
func (p *program) run(args ...string) beat.Result {
	p.t.Helper()
	return p.raw(slices.Concat([]string{"--path.home", p.dir}, p.args, args)...)
}

// must runs the program as run does, and fails the test where it does not end
// with 0. It returns what the program prints.
func (p *program) must(args ...string) string {
	p.t.Helper()
	r := p.run(args...)
	if r.Code != 0 {
		p.t.Fatalf("%s %s: exit code %d\n%s%s", p.name, strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// decode is must for a command that prints JSON.
func (p *program) decode(v any, args ...string) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(p.must(args...)), v); err != nil {
		p.t.Fatalf("%s: %v", args, err)
	}
}

// log returns the log files of the program.
func (p *program) log() string {
	p.t.Helper()
	var text strings.Builder
	for _, file := range p.glob("logs/*") {
		data, err := os.ReadFile(file)
		if err != nil {
			p.t.Fatal(err)
		}
		text.Write(data)
	}
	return text.String()
}

// glob returns the files of the folder that match a pattern.
func (p *program) glob(pattern string) []string {
	p.t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, pattern))
	if err != nil {
		p.t.Fatal(err)
	}
	return files
}

// events returns those that the program wrote into its folder out.
func (p *program) events() beat.Events {
	p.t.Helper()
	return beat.ReadEvents(p.t, filepath.Join(p.dir, "out"))
}

// unzip returns the files of an archive by name.
func unzip(t testing.TB, path string) map[string]string {
	t.Helper()
	packed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	text, err := d.DecodeAll(packed, nil)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range archive.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		data, err := fs.ReadFile(archive, f.Name)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(data)
	}
	return files
}
