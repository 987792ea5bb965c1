//go:build mage

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/magefile/mage/sh"
)

// RecordScenes plays the scenes of test/qubes/leaks with the real programs and keeps the
// packets, which the tests replay. It needs root, wireguard-go, wg, openvpn and tor. What
// differs afterwards differs in the verdicts: look at it before it is committed.
func RecordScenes() error {
	if err := Build(); err != nil {
		return err
	}
	bin, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	env := map[string]string{"QUBESBEAT_NET": "1", "QUBESBEAT_RECORD": "1", "QUBESBEAT_BIN": bin, "CGO_ENABLED": "0"}
	return sh.RunWithV(env, "go", "test", "-count=1", "-v", "-run=TestLive", "./test/qubes/leaks")
}

// Record recreates the bundled capture demo/qubes.pcapng from real programs in
// namespaces, and demo/events.ndjson, what the beat says live of all that it knows.
func Record() error {
	if err := sh.RunWithV(static, "go", "run", "./internal/testbed/record", "-o", "demo/qubes.pcapng", "-i", "demo/inventory"); err != nil {
		return err
	}
	env := map[string]string{"QUBESBEAT_NET": "1", "QUBESBEAT_RECORD": "1", "CGO_ENABLED": "0"}
	return sh.RunWithV(env, "go", "test", "-count=1", "-v", "-run=^TestScene$", "./test/report")
}

// Demo runs the beat over the bundled capture and prints what each qube did.
func Demo() error {
	if err := Build(); err != nil {
		return err
	}
	out := filepath.Join("build", "demo")
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	say("replaying demo/qubes.pcapng with demo/inventory")
	if err := sh.RunV("./"+binary, "-c", "demo/qubesbeat.yml", "--path.home", out, "--path.config", ".",
		"--strict.perms=false", "-t", "-I", "demo/qubes.pcapng"); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(out, "events*.ndjson"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no events in %s (%v)", out, err)
	}
	fmt.Println()
	if err := sh.RunV("./"+binary, append([]string{"report"}, files...)...); err != nil {
		return err
	}
	page := filepath.Join(out, "report.html")
	if err := sh.RunV("./"+binary, "report", "--html", page, "demo/events.ndjson"); err != nil {
		return err
	}
	fmt.Printf("\nevents: %s\nreport: %s, for a browser, of demo/events.ndjson\n", strings.Join(files, " "), page)
	return nil
}
