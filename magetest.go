//go:build mage

package main

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magefile/mage/sh"
)

// Test runs all tests that need nothing but Go.
func Test() error {
	return sh.RunWithV(static, "go", "test", "./...")
}

// noRace are the packages that TestRace leaves out, with the reason. A package below
// one of them is not left out by that.
var noRace = map[string]string{
	"module/transaction/analyzer": "packetbeat's analyzers have globals and the init of its tls analyzer a data race, and the memory limit of their process is below what the detector needs; raceOnly has what can run",
	"cmd":                         "its scripts start the analyzer process: see module/transaction/analyzer",
	"test/packetbeat/compat":      "runs packetbeat's analyzers over all of its captures: see module/transaction/analyzer",
	"test/packetbeat/identity":    "starts the analyzer process: see module/transaction/analyzer",
	"test/dns/latency":            "measures how long answers take",
	"internal/repotest":           "reads sources; it runs nothing of the program",
}

// raceOnly are the tests of packages in noRace that do run, by a pattern.
var raceOnly = map[string]string{
	"module/transaction/analyzer": "Reporter|Origins|Pending_time",
}

// raceSkip are tests of other packages that do not run under the race detector, with the
// reason.
var raceSkip = map[string]string{
	"TestAttack10_hello_cpu": "measures microseconds",
	"TestFlood_randomNames":  "has a time limit for answers under a flood",
	"TestGroup_strict":       "measures when the next server is asked",
	"TestTable_million":      "has a time limit, which the detector's five-fold work exceeds",
}

// TestRace runs the tests under the race detector, of all packages but those in
// noRace. It needs a C compiler.
func TestRace() error {
	race := map[string]string{"CGO_ENABLED": "1"}
	out, err := sh.OutputWith(race, "go", "list", "./...")
	if err != nil {
		return err
	}
	skip := strings.Join(slices.Sorted(maps.Keys(raceSkip)), "|")
	args := []string{"test", "-race", "-skip=^(" + skip + ")$"}
	for _, path := range strings.Fields(out) {
		_, rel, _ := strings.Cut(path, "github.com/qubesbeat/qubesbeat/")
		if noRace[rel] == "" && rel != "" {
			args = append(args, "./"+rel)
		}
	}
	if err := sh.RunWithV(race, "go", args...); err != nil {
		return err
	}
	for path, tests := range raceOnly {
		if err := sh.RunWithV(race, "go", "test", "-race", "-run="+tests, "./"+path); err != nil {
			return err
		}
	}
	return nil
}

// TestNet runs the tests in network namespaces, with real programs. Without root
// it enters a user namespace.
func TestNet() error {
	if err := Build(); err != nil {
		return err
	}
	bin, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	env := map[string]string{"QUBESBEAT_NET": "1", "QUBESBEAT_BIN": bin, "CGO_ENABLED": "0"}
	args := []string{"go", "test", "-count=1", "./internal/testbed/...", "./internal/capture/...", "./test/qubes/...", "./test/outputs/file", "./test/report", "./test/packetbeat/dropin"}
	if os.Getuid() != 0 {
		args = append([]string{"unshare", "-Urnm"}, args...)
	}
	return sh.RunWithV(env, args[0], args[1:]...)
}

// TestPackages installs the packages into bare root file systems, whose systemd
// starts them. It needs root, debootstrap and rpm.
func TestPackages() error {
	if err := Packages(); err != nil {
		return err
	}
	return sh.RunWithV(map[string]string{"QUBESBEAT_PACKAGES": "1", "CGO_ENABLED": "0"}, "go", "test", "-count=1", "-v", "-timeout=15m", "./test/package")
}

// TestOutputs runs the tests with real servers: Elasticsearch, Kafka and Apache Camel, built
// by Maven once, and Redis. Those whose programs are not installed skip and say which.
func TestOutputs() error {
	return sh.RunWithV(map[string]string{"QUBESBEAT_OUTPUTS": "1", "CGO_ENABLED": "0"}, "go", "test", "-count=1", "-timeout=30m", "./test/outputs/...")
}

// Sweep replays every capture that is there, or those of the folder in QUBESBEAT_SWEEP, as
// they are and ten times with changed bytes: no crash, and no line that a strict reader
// refuses.
func Sweep() error {
	which := cmp.Or(os.Getenv("QUBESBEAT_SWEEP"), "1")
	return sh.RunWithV(map[string]string{"QUBESBEAT_SWEEP": which, "CGO_ENABLED": "0"}, "go", "test", "-count=1", "-v", "-timeout=60m", "./test/sweep")
}

// Fuzz runs every fuzz target for 30 seconds, or for the time in FUZZTIME.
func Fuzz() error {
	limit := os.Getenv("FUZZTIME")
	if limit == "" {
		limit = "30s"
	}
	targets, err := fuzzTargets()
	if err != nil {
		return err
	}
	for _, t := range targets {
		say("%s %s for %s", t.pkg, t.name, limit)
		if err := sh.RunV("go", "test", "-run=^$", "-fuzz=^"+t.name+"$", "-fuzztime="+limit, "-fuzzminimizetime=10x", t.pkg); err != nil {
			return err
		}
	}
	return nil
}

type fuzzTarget struct{ pkg, name string }

// fuzzTargets returns the targets in all test files.
func fuzzTargets() (found []fuzzTarget, err error) {
	var files []string
	for _, pattern := range []string{"*/*_test.go", "internal/*/*_test.go", "module/*/*_test.go"} {
		some, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		files = append(files, some...)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, line := range strings.Split(string(data), "\n") {
			if rest, ok := strings.CutPrefix(line, "func Fuzz"); ok {
				name, _, _ := strings.Cut(rest, "(")
				found = append(found, fuzzTarget{"./" + filepath.Dir(file), "Fuzz" + name})
			}
		}
	}
	return found, nil
}
