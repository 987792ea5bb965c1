package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// blockyVersion is built as a peer where that is possible.
const blockyVersion = "github.com/0xERR0R/blocky@v0.28.2"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "dns:", err)
		os.Exit(1)
	}
}

func run() error {
	program := flag.String("qubesbeat", os.Getenv("QUBESBEAT"), "the beat")
	before := flag.String("before", "", "an earlier qubesbeat to compare with")
	only := flag.String("only", "", "comma-separated names of the contenders to run, without the measurement of memory (default all)")
	rounds := flag.Int("rounds", 5, "rounds; each runs all contenders, the medians count")
	seconds := flag.Int("seconds", 3, "of each run")
	check := flag.Bool("check", false, "exit with status 1 if a criterion is missed")
	withBlocky := flag.Bool("blocky", true, "build blocky as a peer")
	flag.Parse()
	needed := []string{"dnsperf", "taskset"}
	if *only == "" {
		needed = append(needed, "dnsmasq", "unbound")
	}
	for _, p := range needed {
		if _, err := exec.LookPath(p); err != nil {
			return fmt.Errorf("%w; run: apt-get install dnsperf dnsmasq-base unbound util-linux", err)
		}
	}
	dir, err := os.MkdirTemp("", "qd-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	up, err := serveUpstream(ctx)
	if err != nil {
		return err
	}
	s := &setup{dir: dir, upstream: up, program: *program, before: *before, only: *only}
	for i := range 1000 {
		s.blocked = append(s.blocked, fmt.Sprintf("ad%d.tracker.example", i))
	}
	if *withBlocky && *only == "" {
		s.blocky = buildBlocky(dir)
	}
	r, err := rate(s, *rounds, *seconds)
	if err != nil {
		return err
	}
	if *only == "" {
		if r.memory, err = measure(s, 4**seconds); err != nil {
			return err
		}
	}
	return r.print(*check)
}

// buildBlocky builds the peer, "" where the module cannot be had.
func buildBlocky(dir string) string {
	cmd := exec.Command("go", "install", blockyVersion)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=-mod=mod", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Printf("blocky is left out: %v: %.200s\n", err, out)
		return ""
	}
	return filepath.Join(dir, "blocky")
}

// rates are the answers per second of each contender and load, by round.
type rates struct {
	cached, blocked map[string][]float64 // answers per second
	perCPU          map[string][]float64 // cached answers for a second of the contender's own CPU time
	blockedPerCPU   map[string][]float64 // and blocked ones
	lost            map[string]float64
	order           []string
	memory          footprint
}

// rate runs the rounds. In each, every contender starts, is asked for the names
// once, and is then measured: cached names, and blocked ones.
func rate(s *setup, rounds, seconds int) (*rates, error) {
	names, err := queryFile(s.dir, "names.txt", 1000, func(i int) string { return fmt.Sprintf("h%d.example.org", i) })
	if err != nil {
		return nil, err
	}
	blocked, err := queryFile(s.dir, "blocked.txt", len(s.blocked), func(i int) string { return s.blocked[i] })
	if err != nil {
		return nil, err
	}
	r := &rates{cached: map[string][]float64{}, blocked: map[string][]float64{}, perCPU: map[string][]float64{}, blockedPerCPU: map[string][]float64{}, lost: map[string]float64{}}
	all := contenders(s)
	for _, c := range all {
		r.order = append(r.order, c.name)
	}
	for round := range rounds {
		for i := range all {
			c := all[(i+round)%len(all)]
			fmt.Printf("\rround %d of %d: %-20s", round+1, rounds, c.name)
			if err := r.one(s, c, names, blocked, seconds); err != nil {
				return nil, err
			}
		}
	}
	fmt.Printf("\r%60s\r", "")
	return r, nil
}

func (r *rates) one(s *setup, c contender, names, blocked string, seconds int) error {
	p, err := start(s, c, "0")
	if err != nil {
		return err
	}
	defer p.stop()
	if err := once(p, names); err != nil {
		return err
	}
	before := p.cpu()
	n, lost, err := load(p, names, "1", seconds)
	if err != nil {
		return err
	}
	if used := p.cpu() - before; used > 0 {
		r.perCPU[c.name] = append(r.perCPU[c.name], n*float64(seconds)/used)
	}
	r.cached[c.name], r.lost[c.name] = append(r.cached[c.name], n), max(r.lost[c.name], lost)
	before = p.cpu()
	if n, _, err = load(p, blocked, "1", seconds); err != nil {
		return err
	}
	if used := p.cpu() - before; used > 0 {
		r.blockedPerCPU[c.name] = append(r.blockedPerCPU[c.name], n*float64(seconds)/used)
	}
	r.blocked[c.name] = append(r.blocked[c.name], n)
	return nil
}
