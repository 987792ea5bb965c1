package servers

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// Require skips the test unless tests with real servers were asked for.
func Require(tb testing.TB) {
	tb.Helper()
	if os.Getenv("QUBESBEAT_OUTPUTS") != "1" {
		tb.Skip("needs servers that take a minute to build; run: go tool mage testOutputs")
	}
}

// program skips the test unless a program is installed.
func program(tb testing.TB, name, install string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		tb.Skipf("needs the program %s; run: %s", name, install)
	}
	return path
}

// javaVersion is the version in the file "release" of a JDK.
var javaVersion = regexp.MustCompile(`(?m)^JAVA_VERSION="(\d+)`)

// javaHome returns the folder of a JDK of at least a version, JAVA_HOME if that is one.
// It skips the test if none is installed.
func javaHome(tb testing.TB, least int) string {
	tb.Helper()
	homes, _ := filepath.Glob("/usr/lib/jvm/*")
	for _, home := range append([]string{os.Getenv("JAVA_HOME")}, homes...) {
		if home == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(home, "bin", "javac")); err != nil {
			continue
		}
		text, _ := os.ReadFile(filepath.Join(home, "release"))
		if m := javaVersion.FindSubmatch(text); m != nil {
			if v, err := strconv.Atoi(string(m[1])); err == nil && v >= least {
				return home
			}
		}
	}
	tb.Skipf("needs a JDK of version %d or higher in JAVA_HOME or /usr/lib/jvm; run: apt-get install openjdk-%d-jdk-headless", least, least)
	return ""
}
