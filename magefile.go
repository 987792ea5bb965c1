//go:build mage

// The targets of go tool mage: builds and checks here, tests in magetest.go, the report's in
// magereport.go, benchmarks in magebench.go, recordings and the demonstration in
// magerecord.go, a release in magerelease.go. Nothing has to be installed: mage and the
// linter are tools of this module.
package main

import (
	"fmt"
	"os"
	"path/filepath"

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
	files, err := filepath.Glob("mage*.go")
	if err != nil {
		return err
	}
	for _, args := range [][]string{
		{"vet", "./..."},
		append([]string{"vet"}, files...),
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

func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "mage: "+format+"\n", args...)
}
