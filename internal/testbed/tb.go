//go:build linux

package testbed

import (
	"os"
	"os/exec"
)

// unprivileged is the command that runs network tests without root.
const unprivileged = "QUBESBEAT_NET=1 unshare -Urnm go test ./internal/testbed ./test/qubes/live"

// TB is the part of [testing.TB] that the testbed needs. Programs other than tests,
// such as the recorder, have their own implementation. Fatalf and Skipf must not return.
type TB interface {
	Helper()
	Cleanup(f func())
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
}

// Require skips the test unless tests on a real network were asked for with
// QUBESBEAT_NET=1 and the programs are installed. They take seconds and need
// privileges, so that a plain `go test ./...` leaves them out.
func Require(tb TB, programs ...string) {
	tb.Helper()
	if os.Getenv("QUBESBEAT_NET") != "1" {
		tb.Skipf("needs network namespaces; run as root: QUBESBEAT_NET=1 go test ./internal/testbed ./test/qubes/live\n"+
			"or as any user: %s", unprivileged)
	}
	Programs(tb, programs...)
}

// Programs skips the test unless all programs are installed.
func Programs(tb TB, names ...string) {
	tb.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		tb.Skipf("needs the program %s; run: apt-get install %s", name, debianPackage(name))
	}
}

// debianPackage returns the package that has a program.
func debianPackage(program string) string {
	switch program {
	case "dig":
		return "bind9-dnsutils"
	case "ip":
		return "iproute2"
	case "nft":
		return "nftables"
	case "ping":
		return "iputils-ping"
	default:
		return program
	}
}
