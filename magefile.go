//go:build mage

// The targets of go tool mage. Nothing has to be installed: mage and the
// linter are tools of this module.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/magefile/mage/sh"

	"github.com/qubesbeat/qubesbeat/internal/version"
)

const binary = "build/qubesbeat"

// static is the environment of every build that is shipped: no cgo, no libpcap.
var static = map[string]string{"CGO_ENABLED": "0"}

// Build builds the static binary build/qubesbeat.
func Build() error {
	say("building %s (the first time takes some minutes: libbeat is large)", binary)
	return sh.RunWithV(static, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "./cmd/qubesbeat")
}

// Packages builds the rpm and the deb for templates of Qubes OS into build/. Two
// builds of the same commit are the same, to the byte.
func Packages() error {
	if err := Build(); err != nil {
		return err
	}
	env := packageEnv()
	for _, format := range []string{"deb", "rpm"} {
		if err := sh.RunWithV(env, "go", "tool", "-C", "packaging", "nfpm", "package", "--packager", format, "--target", "../build/"); err != nil {
			return err
		}
	}
	return nil
}

// packageEnv has the version and the time of the last commit, which becomes that of
// all files.
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

// TestRace runs the packages that have goroutines under the race detector. It
// needs a C compiler.
func TestRace() error {
	race := map[string]string{"CGO_ENABLED": "1"}
	// packetbeat's analyzers have globals, and their process a limit of memory
	// that the detector does not fit into.
	if err := sh.RunWithV(race, "go", "test", "-race", "-run=Publisher|Origins|Pending", "./module/transaction/..."); err != nil {
		return err
	}
	return sh.RunWithV(race, "go", "test", "-race",
		"./internal/capture/...", "./internal/pipeline/...", "./internal/inventory/...", "./internal/enrich/...",
		"./internal/event/...", "./internal/flow/...", "./internal/tap/...", "./internal/greeting/...", "./beater/...",
		"./internal/resolver/...", "./internal/upstream/...", "./internal/lists/...", "./internal/dnscache/...", "./internal/qubesdb/...",
		"./internal/dnspolicy/...", "./internal/dnsserver/...", "./internal/dnsevent/...")
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
	args := []string{"go", "test", "-count=1", "./internal/testbed/...", "./internal/capture/...", "./test/live/...", "./test/dropin/...", "./test/redirect/...", "./test/verdicts/...", "./test/attribution/..."}
	if os.Getuid() != 0 {
		args = append([]string{"unshare", "-Urnm"}, args...)
	}
	return sh.RunWithV(env, args[0], args[1:]...)
}

// TestPackages installs the packages into bare roots, whose systemd starts them. It
// needs root, debootstrap and rpm.
func TestPackages() error {
	if err := Packages(); err != nil {
		return err
	}
	return sh.RunWithV(map[string]string{"QUBESBEAT_PACKAGES": "1", "CGO_ENABLED": "0"}, "go", "test", "-count=1", "-v", "-timeout=15m", "./test/packages")
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

// fuzzTargets finds them in the test files, so that none is forgotten.
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

// Lint checks the format and runs vet and staticcheck.
func Lint() error {
	out, err := sh.Output("gofmt", "-l", "beater", "cmd", "config", "internal", "module", "test", "bench", "magefile.go")
	if err != nil {
		return err
	}
	if out != "" {
		return fmt.Errorf("not formatted, run gofmt -w on:\n%s", out)
	}
	if err := sh.RunWithV(static, "go", "vet", "./..."); err != nil {
		return err
	}
	return sh.RunWithV(static, "go", "tool", "staticcheck", "./...")
}

// Update makes the generated files anew: fields.yml, docs/fields.md, the default
// and the reference configuration.
func Update() error {
	return sh.RunWithV(static, "go", "run", "./internal/generate")
}

// Check is what must be green before a push: lint, generated files, tests.
func Check() error {
	if err := Lint(); err != nil {
		return err
	}
	if err := sh.RunWithV(static, "go", "run", "./internal/generate", "-check"); err != nil {
		return err
	}
	return Test()
}

// Record remakes the bundled capture demo/qubes.pcapng from real programs in
// namespaces.
func Record() error {
	return sh.RunWithV(static, "go", "run", "./internal/testbed/record", "-o", "demo/qubes.pcapng", "-i", "demo/inventory")
}

// Demo runs the beat over the bundled capture and shows what each qube has done.
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
	files, err := filepath.Glob(filepath.Join(out, "events-*.ndjson"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no events in %s (%v)", out, err)
	}
	fmt.Println()
	if err := sh.RunV("./"+binary, append([]string{"report"}, files...)...); err != nil {
		return err
	}
	fmt.Printf("\nevents: %s\n", strings.Join(files, " "))
	return nil
}

func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "mage: "+format+"\n", args...)
}
