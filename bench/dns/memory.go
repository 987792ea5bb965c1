package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// footprint is what the resolver takes with a million names and a full cache.
type footprint struct {
	ready             time.Duration // from the start to the first blocked answer
	loaded, flooded   float64       // MB resident
	cacheBytes, limit float64       // MB
	entries           uint64
}

// measure starts qubesbeat with a list of a million names and floods its cache of
// 32 MB with random names.
func measure(s *setup, seconds int) (f footprint, err error) {
	big := *s
	big.blocked = make([]string, 1_000_000)
	for i := range big.blocked {
		big.blocked[i] = fmt.Sprintf("host%d.tracker%d.example", i, i%5000)
	}
	begin := time.Now()
	p, err := start(&big, contender{"footprint", beat(s.program, "log: {enabled: true}\n    list_refresh: {start: fast}", "output.discard: {}")}, "0,1")
	if err != nil {
		return f, err
	}
	defer p.stop()
	for p.answers(big.blocked[777_777]) != "0.0.0.0" {
		if time.Since(begin) > 60*time.Second {
			return f, fmt.Errorf("the list of a million names is not loaded after a minute")
		}
		time.Sleep(10 * time.Millisecond)
	}
	f.ready = time.Since(begin)
	f.loaded = resident(p)
	// Each name twice, some way apart, so that it counts as one in use and may fill
	// the large part of the cache, too; long ones, so that it is full in time.
	label := strings.Repeat("x", 55)
	names, err := queryFile(s.dir, "random.txt", 400_000, func(i int) string {
		return fmt.Sprintf("r%d.%s.%s.%s.example.org", i/4000*2000+i%2000, label, label, label)
	})
	if err != nil {
		return f, err
	}
	if _, _, err = load(p, names, "1", seconds); err != nil {
		return f, err
	}
	f.flooded = resident(p)
	return f, f.readCache(p)
}

// resident returns the resident memory of a process in MB. taskset has become it.
func resident(p *process) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
			return kb / 1024
		}
	}
	return 0
}

// cpu returns the seconds of CPU time that a process has used, to a hundredth.
func (p *process) cpu() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[11], 64)
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) / 100
}

// readCache asks the resolver itself, over its socket.
func (f *footprint) readCache(p *process) error {
	c := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", filepath.Join(p.dir, "s"))
	}}}
	resp, err := c.Get("http://x/stats")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var s struct {
		Cache struct{ Bytes, Size, Entries uint64 }
	}
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		return err
	}
	f.cacheBytes, f.limit, f.entries = float64(s.Cache.Bytes)/(1<<20), float64(s.Cache.Size)/(1<<20), s.Cache.Entries
	return nil
}
