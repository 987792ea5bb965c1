package leaks_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/testbed/beat"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// drawn is the recording of which docs/verify.md has the picture.
const drawn = "testdata/08-kill-switch-for-ipv4"

var update = flag.Bool("update", false, "draw the picture of docs/verify.md again")

// TestPicture compares the picture of docs/verify.md with what map --svg draws of its
// recording, or draws it again.
func TestPicture(t *testing.T) {
	t.Parallel()
	got, path := draw(t, drawn), fixture.Repository(t, "docs", "verify-map.svg")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("docs/verify-map.svg is not what is drawn today; go test ./test/qubes/leaks -run TestPicture -update draws it again (-want +got):\n%s", diff)
	}
}

// draw returns the picture that map --svg makes of a recording, of which name is the path
// without an extension.
func draw(t *testing.T, name string) string {
	t.Helper()
	base, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	home := beat.NewHome(t)
	file := beat.Write(t, home, "qubesbeat.yml", "qubesbeat:\n"+readRecorded(t, name).Config+"  inventory.file: "+base+".inventory\noutput.console.enabled: true\n")
	c := beat.Self(t, "qubesbeat")
	c.Home, c.Args = home, append([]string{"map", "--svg", "-I", base + ".pcapng"}, beat.Flags(home, file)...)
	r := c.Run(t, time.Minute)
	if r.Code != 0 {
		t.Fatalf("map --svg: status %d\n%s", r.Code, r.Stderr)
	}
	return r.Stdout
}
