//go:build mage

package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"github.com/magefile/mage/sh"
)

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
