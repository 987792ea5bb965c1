package cmd_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/qubesbeat/qubesbeat/cmd"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"qubesbeat": func() {
			os.Exit(cmd.ExitCode(cmd.Root().Execute()))
		},
	})
}

// TestScripts runs the command line as users do; the scripts are in
// testdata/script.
func TestScripts(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("ROOT", root)
			e.Setenv("HOME", e.WorkDir)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"flows": flows, "store": packetStore},
	})
}

// flows writes the flow events of a file to another, sorted and without the fields that
// differ between two runs: flows IN OUT. It fails if there are none.
func flows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flows IN OUT")
	}
	in, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	var lines []string
	for _, file := range in {
		data, err := os.ReadFile(file)
		ts.Check(err)
		for _, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
			var e map[string]any
			ts.Check(json.Unmarshal(line, &e))
			if e["type"] != "flow" {
				continue
			}
			delete(e, "agent")
			text, err := json.Marshal(e)
			ts.Check(err)
			lines = append(lines, string(text))
		}
	}
	if len(lines) == 0 {
		ts.Fatalf("no flow events in %s", args[0])
	}
	sort.Strings(lines)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(lines, "\n")+"\n"), 0o600))
}
