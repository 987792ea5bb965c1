//go:build mage

package main

import (
	"path/filepath"

	"github.com/magefile/mage/sh"
)

// TestReport shows the HTML report in Chromium and Firefox, and compares it with the pictures
// in docs. Without the browsers it skips and says so.
func TestReport() error { return browsers(nil) }

// Screenshots takes the pictures of the HTML report in docs again.
func Screenshots() error {
	return browsers(map[string]string{"QUBESBEAT_SCREENSHOTS": "1"}, "-run=Screenshots")
}

// browsers runs the tests that start browsers.
func browsers(env map[string]string, args ...string) error {
	if err := Build(); err != nil {
		return err
	}
	bin, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	all := map[string]string{"QUBESBEAT_REPORT": "1", "QUBESBEAT_BIN": bin, "CGO_ENABLED": "0"}
	for name, value := range env {
		all[name] = value
	}
	return sh.RunWithV(all, "go", append([]string{"test", "-count=1", "-timeout=10m", "./test/report"}, args...)...)
}

// BenchReport measures the HTML report of a million events.
func BenchReport() error {
	return browsers(map[string]string{"QUBESBEAT_REPORT_COST": "1"}, "-v", "-run=TestCost")
}
