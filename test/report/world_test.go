package report_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
	"github.com/qubesbeat/qubesbeat/internal/htmlreport"
	"github.com/qubesbeat/qubesbeat/internal/testbed/manyevents"
)

// events returns the path of a file of events.
func events(tb testing.TB, c manyevents.Config) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "events.ndjson")
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	if err := manyevents.Write(f, c); err != nil {
		tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
	return path
}

// read returns the analysis of a file.
func read(tb testing.TB, path string) *analysis.Analysis {
	tb.Helper()
	a := analysis.New(analysis.Config{Domain: func(name string) string { return name }})
	if err := a.Read(path, nil, nil); err != nil {
		tb.Fatal(err)
	}
	return a
}

// page writes the report of an analysis, and returns its path.
func page(tb testing.TB, a *analysis.Analysis) string {
	tb.Helper()
	var b bytes.Buffer
	if err := htmlreport.Write(&b, a, &htmlreport.Options{Top: 25, Command: "qubesbeat report --html FILE events.ndjson", Version: "qubesbeat"}); err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), "report.html")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// table returns the rows of a CSV file of an analysis, by the texts of their first columns.
func table(tb testing.TB, a *analysis.Analysis, name string) (rows [][]string) {
	tb.Helper()
	for _, f := range htmlreport.Files(a) {
		if f.Name != name {
			continue
		}
		var b bytes.Buffer
		if err := f.Write(&b); err != nil {
			tb.Fatal(err)
		}
		rows, err := csv.NewReader(&b).ReadAll()
		if err != nil {
			tb.Fatal(err)
		}
		return rows[1:]
	}
	tb.Fatalf("no table %s", name)
	return nil
}

// wanted skips a test that starts browsers, unless it is asked for.
func wanted(tb testing.TB) {
	tb.Helper()
	if os.Getenv("QUBESBEAT_REPORT") == "" {
		tb.Skip("QUBESBEAT_REPORT is not set: it starts browsers; go tool mage testReport")
	}
}

// need returns the path of a program, or skips.
func need(tb testing.TB, program, pkg string) string {
	tb.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		tb.Skipf("%s is not installed; %s", program, pkg)
	}
	return path
}

// output returns what a program prints, on both streams.
func output(tb testing.TB, env []string, name string, args ...string) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	if err != nil {
		tb.Fatalf("%s: %v\n%s", name, err, lastLines(string(out)))
	}
	return string(out)
}

func lastLines(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}
