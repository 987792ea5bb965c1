package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// load runs dnsperf and returns the answers per second.
func load(p *process, names, core string, seconds int) (rate, lost float64, err error) {
	out, err := exec.Command("taskset", "-c", core, "dnsperf", "-s", "127.0.0.1", "-p", p.port, "-d", names, "-l", strconv.Itoa(seconds),
		"-c", "100", "-q", "200").CombinedOutput()
	if err != nil {
		return 0, 0, fmt.Errorf("dnsperf: %w: %s", err, out)
	}
	if rate, err = number(out, `Queries per second:\s+([0-9.]+)`); err != nil {
		return 0, 0, err
	}
	lost, err = number(out, `Queries lost:\s+[0-9]+ \(([0-9.]+)%\)`)
	return rate, lost, err
}

// once asks for each name once, so that it is in the cache.
func once(p *process, names string) error {
	out, err := exec.Command("dnsperf", "-s", "127.0.0.1", "-p", p.port, "-d", names, "-n", "1", "-q", "50").CombinedOutput()
	if err != nil {
		return fmt.Errorf("dnsperf: %w: %s", err, out)
	}
	return nil
}

func number(text []byte, expr string) (float64, error) {
	m := regexp.MustCompile(expr).FindSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("no %s in the output of dnsperf:\n%s", expr, text)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

// queryFile writes names in dnsperf's form.
func queryFile(dir, name string, n int, each func(i int) string) (string, error) {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s A\n", each(i))
	}
	path := filepath.Join(dir, name)
	return path, os.WriteFile(path, []byte(b.String()), 0o600)
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if len(s) == 0 {
		return 0
	}
	return s[len(s)/2]
}
