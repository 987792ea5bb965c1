package report_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// TestReadme holds that README.md and docs/demo.svg have the table that the demonstration
// prints.
func TestReadme(t *testing.T) {
	t.Parallel()
	wanted(t)
	program, root, home := beat.Program(t), fixture.Repository(t), t.TempDir()
	replay := output(t, nil, program, "-c", filepath.Join(root, "demo", "qubesbeat.yml"), "--path.home", home, "--path.config", root, "--strict.perms=false", "-t",
		"-I", filepath.Join(root, "demo", "qubes.pcapng"), "-E", "qubesbeat.inventory.file="+filepath.Join(root, "demo", "inventory"), "-E", "output.file.path="+home)
	files, err := filepath.Glob(filepath.Join(home, "events*.ndjson"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no events: %v\n%s", err, replay)
	}
	printed := output(t, nil, program, append([]string{"report"}, files...)...)
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	picture, err := os.ReadFile(filepath.Join(root, "docs", "demo.svg"))
	if err != nil {
		t.Fatal(err)
	}
	got := regexp.MustCompile(`(?m)^QUBE(.*\n)+?\n`).FindString(string(readme))
	if diff := cmp.Diff(strings.TrimSpace(printed), strings.TrimSpace(got)); diff != "" {
		t.Errorf("README.md mismatch (-printed +README):\n%s", diff)
	}
	for _, row := range strings.Split(strings.TrimSpace(printed), "\n") {
		for _, cell := range regexp.MustCompile(` {2,}`).Split(row, -1) {
			if !strings.Contains(string(picture), ">"+cell+"<") {
				t.Errorf("docs/demo.svg has no %q", cell)
			}
		}
	}
}
