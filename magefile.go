//go:build mage

// The targets of go tool mage; those of a release are in magerelease.go. Nothing has
// to be installed: mage and the linter are tools of this module.
package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magefile/mage/sh"

	"github.com/qubesbeat/qubesbeat/internal/version"
)

const binary = "build/qubesbeat"

// static is the environment of every build that is released: no cgo, no libpcap.
var static = map[string]string{"CGO_ENABLED": "0"}

// buildTags leave out what the program never uses: gRPC's trace pages, which only
// gRPC servers show, 0.3 MB.
const buildTags = "grpcnotrace"

// Build builds the static binary build/qubesbeat.
func Build() error {
	say("building %s (the first time takes some minutes: libbeat is large)", binary)
	return sh.RunWithV(static, "go", "build", "-tags", buildTags, "-trimpath", "-ldflags", "-s -w", "-o", binary, "./cmd/qubesbeat")
}

// Packages builds the rpm and the deb for Qubes OS templates, and the rpm for dom0, into
// build/. Two builds of the same commit are identical.
func Packages() error {
	if err := Build(); err != nil {
		return err
	}
	for _, format := range []string{"deb", "rpm"} {
		if err := nfpm("nfpm.yaml", format); err != nil {
			return err
		}
	}
	return PackageDom0()
}

// PackageDom0 builds the rpm for dom0 into build/. It holds scripts only, so that nothing
// has to be compiled.
func PackageDom0() error { return nfpm("nfpm-dom0.yaml", "rpm") }

// nfpm builds the package that a file in packaging describes.
func nfpm(config, format string) error {
	if err := os.MkdirAll("build", 0o755); err != nil {
		return err
	}
	return sh.RunWithV(packageEnv(), "go", "tool", "-C", "packaging", "nfpm", "package", "--config", config, "--packager", format, "--target", "../build/")
}

// packageEnv returns the version and the time of the last commit, which all files in
// a package get.
func packageEnv() map[string]string {
	env := map[string]string{"VERSION": version.Version}
	if at, err := sh.Output("git", "log", "-1", "--format=%ct"); err == nil {
		env["SOURCE_DATE_EPOCH"] = at
	}
	return env
}

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

// BenchOutputs measures what an event costs in each output, with the real servers, beside the
// beat in QUBESBEAT_BEFORE if that is set.
func BenchOutputs() error {
	if err := Build(); err != nil {
		return err
	}
	bin, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	env := map[string]string{"QUBESBEAT_OUTPUTS": "1", "QUBESBEAT_COST": "1", "QUBESBEAT_BIN": bin, "CGO_ENABLED": "0"}
	return sh.RunWithV(env, "go", "test", "-count=1", "-v", "-timeout=30m", "-run=TestCost", "./test/outputs")
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

// Bench runs the Go benchmarks once and then the programs side by side:
// packetbeat, softflowd and nfpcapd over the same captures. BENCHTIME=1x, as CI
// has it, runs every benchmark once and leaves the peers out.
func Bench() error {
	limit := os.Getenv("BENCHTIME")
	quick := limit == "1x"
	if limit == "" {
		limit = "1s"
	}
	if err := sh.RunWithV(static, "go", "test", "-run=^$", "-bench=.", "-benchtime="+limit, "./internal/...", "./module/...", "./beater/..."); err != nil || quick {
		return err
	}
	if err := Build(); err != nil {
		return err
	}
	bin, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	return sh.RunWithV(map[string]string{"QUBESBEAT_BIN": bin}, "go", "run", "-C", "bench", "./run", "-qubesbeat", bin, "-check")
}

// BenchDNS compares the resolver with dnsmasq, unbound and, where it can be built,
// blocky, under dnsperf.
func BenchDNS() error {
	if err := Build(); err != nil {
		return err
	}
	bin, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	if err := sh.RunWithV(static, "go", "test", "-count=1", "-run", "allocations|million|flood", "-v", "./internal/resolver", "./internal/blocklist", "./internal/dnscache"); err != nil {
		return err
	}
	return sh.RunV("go", "run", "-C", "bench", "./dns", "-qubesbeat", bin, "-check")
}

// BenchFleet runs the sensors of 100 laptops, or of the number in QUBESBEAT_FLEET, into an
// Elasticsearch and a Kafka that it starts: bench/fleet says what is measured and checked.
func BenchFleet() error {
	env := map[string]string{"QUBESBEAT_OUTPUTS": "1", "QUBESBEAT_FLEET": cmp.Or(os.Getenv("QUBESBEAT_FLEET"), "100"), "CGO_ENABLED": "0"}
	return sh.RunWithV(env, "go", "test", "-count=1", "-v", "-timeout=30m", "-run=^TestFleet$", "./test/outputs")
}

// BenchLive compares what qubesbeat, tcpdump, softflowd, nfpcapd and packetbeat cost on an
// interface, in network namespaces. It needs root, or "unshare -Urnm".
func BenchLive() error {
	if err := Build(); err != nil {
		return err
	}
	bin, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	peer, err := filepath.Abs("bench/out/packetbeat")
	if err != nil {
		return err
	}
	if err := sh.RunWithV(map[string]string{"CGO_ENABLED": "1"}, "go", "build", "-C", "bench", "-o", peer, "./packetbeat"); err != nil {
		fmt.Fprintln(os.Stderr, "mage: packetbeat cannot be built and is left out:", err)
		peer = ""
	}
	return sh.RunV("go", "run", "-C", "bench", "./live", "-qubesbeat", bin, "-packetbeat", peer, "-check")
}

// BenchPackets compares what it costs to keep packets with tcpdump, dumpcap, netsniff-ng and
// stenotype, in network namespaces, which needs root, or "unshare -Urnm"; and looks for a
// flow in a store of 10 GiB, or of as many as QUBESBEAT_PACKETS_GIB says, beside tcpdump.
func BenchPackets() error {
	if err := Build(); err != nil {
		return err
	}
	bin, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	env := map[string]string{"QUBESBEAT_PACKETS_GIB": cmp.Or(os.Getenv("QUBESBEAT_PACKETS_GIB"), "10"), "QUBESBEAT_BIN": bin, "CGO_ENABLED": "0"}
	if err := sh.RunWithV(env, "go", "test", "-count=1", "-v", "-timeout=30m", "-run=^TestFind_large$", "./internal/packetstore"); err != nil {
		return err
	}
	return sh.RunV("go", "run", "-C", "bench", "./live", "-qubesbeat", bin, "-packets", "-check")
}

// Lint checks the format, runs vet and staticcheck, and holds the rules of the
// repository: complexity, doc comments, words, imports, links in documents.
func Lint() error {
	out, err := sh.Output("gofmt", "-l", ".")
	if err != nil {
		return err
	}
	if out != "" {
		return fmt.Errorf("not formatted, run gofmt -w on:\n%s", out)
	}
	for _, args := range [][]string{
		{"vet", "./..."},
		{"vet", "magefile.go", "magerelease.go"},
		{"tool", "staticcheck", "./..."},
		{"test", "./internal/repotest"},
	} {
		if err := sh.RunWithV(static, "go", args...); err != nil {
			return err
		}
	}
	return nil
}

// Update rewrites the generated files: fields.yml, docs/fields.md, the default
// and the reference configuration.
func Update() error {
	return sh.RunWithV(static, "go", "run", "./internal/generate")
}

// Generated checks that the generated files are up to date.
func Generated() error {
	return sh.RunWithV(static, "go", "run", "./internal/generate", "-check")
}

// Check runs what must pass before a push: lint, generated files, tests.
func Check() error {
	for _, step := range []func() error{Lint, Generated, Test} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
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

func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "mage: "+format+"\n", args...)
}
