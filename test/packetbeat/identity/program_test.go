package identity_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/cmd"
)

// asBeat makes the test binary behave as the beat.
const asBeat = "QUBESBEAT_TEST_AS_BEAT"

func TestMain(m *testing.M) {
	if os.Getenv(asBeat) == "" {
		os.Exit(m.Run())
	}
	if cmd.Root().Execute() != nil {
		os.Exit(1)
	}
}

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
	p := &program{t: t, name: name, dir: tempDir(t)}
	for file, text := range files {
		p.write(file, text)
	}
	return p
}

// tempDir is t.TempDir with a name that has no comma, as that of a test may: to
// libbeat, --path.home is a list then.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "identity")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// write writes a file into the folder.
func (p *program) write(file, text string) {
	p.t.Helper()
	path := filepath.Join(p.dir, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// result is what a run leaves behind.
type result struct {
	code           int
	stdout, stderr string
}

// raw runs the program with nothing but args.
func (p *program) raw(args ...string) result {
	p.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), deadline)
	defer cancel()
	c := exec.CommandContext(ctx, exe)
	c.Args = append([]string{p.name}, args...)
	c.Dir = p.dir
	c.Env = append(append(os.Environ(), asBeat+"=1"), p.env...)
	c.Stdin = strings.NewReader(p.in)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err = c.Run()
	var exit *exec.ExitError
	if ctx.Err() != nil || (err != nil && !errors.As(err, &exit)) {
		p.t.Fatalf("%s: %v, %v\n%s", c.Args, err, ctx.Err(), stderr.String())
	}
	return result{code: c.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}

// run runs the program with its folder as path.home.
func (p *program) run(args ...string) result {
	p.t.Helper()
	return p.raw(slices.Concat([]string{"--path.home", p.dir}, p.args, args)...)
}

// must runs the program as run does, and fails the test where it does not end
// with 0. It returns what the program prints.
func (p *program) must(args ...string) string {
	p.t.Helper()
	r := p.run(args...)
	if r.code != 0 {
		p.t.Fatalf("%s %s: exit code %d\n%s%s", p.name, strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
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

// event is a document with dotted names. An array is a value.
type event map[string]any

// events returns those that the program wrote into its folder out.
func (p *program) events() []event {
	p.t.Helper()
	var all []event
	for _, file := range p.glob("out/*") {
		all = append(all, readEvents(p.t, file)...)
	}
	return all
}

func readEvents(t testing.TB, file string) (all []event) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(data) {
		var tree map[string]any
		if err := json.Unmarshal(line, &tree); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		e := event{}
		e.flatten("", tree)
		all = append(all, e)
	}
	return all
}

func (e event) flatten(prefix string, tree map[string]any) {
	for k, v := range tree {
		if inner, ok := v.(map[string]any); ok && len(inner) > 0 {
			e.flatten(prefix+k+".", inner)
		} else {
			e[prefix+k] = v
		}
	}
}

// goList asks the go command for a folder.
func goList(args ...string) (string, error) {
	out, err := exec.Command("go", append([]string{"list", "-f", "{{.Dir}}"}, args...)...).Output()
	return strings.TrimSpace(string(out)), err
}

var beatsModule = sync.OnceValues(func() (string, error) { return goList("-m", "github.com/elastic/beats/v7") })

// beats returns the folder of the module that packetbeat's sources are in.
func beats(t testing.TB) string {
	t.Helper()
	dir, err := beatsModule()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return dir
}

// repository returns the path of one of our own files.
func repository(t testing.TB, file string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "..", file))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// beatsCapture returns the path of one of packetbeat's captures.
func beatsCapture(t testing.TB, name string) string {
	t.Helper()
	return filepath.Join(beats(t), "packetbeat/tests/system/pcaps", name)
}

// unzip returns the files of an archive by name.
func unzip(t testing.TB, path string) map[string]string {
	t.Helper()
	archive, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = archive.Close() }()
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
