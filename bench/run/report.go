package main

import (
	"context"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// report is all that was measured.
type report struct {
	Date     time.Time         `json:"date"`
	Versions map[string]string `json:"versions"`
	Machine  string            `json:"machine"`
	Inputs   []*inputReport    `json:"inputs"`
	Rounds   int               `json:"rounds"`
	CPUs     int               `json:"pinned_cpus"`

	// FloorRSS is the least peak memory that could be measured, in bytes.
	FloorRSS int64 `json:"floor_rss_bytes"`
}

// inputReport is what was measured on one input.
type inputReport struct {
	Name    string    `json:"name"`
	Results []*result `json:"results"`
	Packets int64     `json:"packets"`
	Bytes   int64     `json:"bytes"`
}

// result is what was measured of one contender on one input.
type result struct {
	Contender string   `json:"contender"`
	Missing   string   `json:"missing,omitempty"`
	Failure   string   `json:"failure,omitempty"`
	Samples   []sample `json:"samples"`

	// Startup is the median wall time on the input of one packet, in seconds.
	// It is 0 if that was not measured.
	Startup float64 `json:"startup_s"`
}

// newReport returns an empty report with the description of machine and
// contenders.
func newReport(ctx context.Context, o *options, contenders []*contender) *report {
	rep := &report{
		Date:     time.Now().UTC().Truncate(time.Second),
		Versions: map[string]string{},
		Machine:  machine(),
		Rounds:   o.rounds,
		CPUs:     o.cpus,
		FloorRSS: floorRSS(ctx, o.out),
	}

	for _, c := range contenders {
		if v := versionOf(ctx, c); v != "" {
			rep.Versions[c.name] = v
		}
	}

	return rep
}

// machine describes the machine in a line.
func machine() string {
	model := runtime.GOARCH
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if k, v, _ := strings.Cut(line, ":"); strings.TrimSpace(k) == "model name" {
			model = strings.TrimSpace(v)

			break
		}
	}

	var u syscall.Utsname
	var release []byte
	if syscall.Uname(&u) == nil {
		for _, c := range u.Release {
			if c == 0 {
				break
			}

			release = append(release, byte(c))
		}
	}

	return model + ", " + numCPU() + ", Linux " + string(release)
}

// setStartup copies the times of the start input to the results of the others.
func (rep *report) setStartup() {
	start := rep.input(startInput)
	if start == nil {
		return
	}

	for _, in := range rep.Inputs {
		for _, r := range in.Results {
			if s := start.result(r.Contender); in != start && s.ran() {
				r.Startup = s.median(wall)
			}
		}
	}
}

// input returns the report on the named input, or nil.
func (rep *report) input(name string) *inputReport {
	i := slices.IndexFunc(rep.Inputs, func(in *inputReport) bool { return in.Name == name })
	if i < 0 {
		return nil
	}

	return rep.Inputs[i]
}

// result returns the result of the named contender. It is never nil.
func (in *inputReport) result(name string) *result {
	for _, r := range in.Results {
		if r.Contender == name {
			return r
		}
	}

	return &result{Contender: name, Missing: "left out"}
}

// Quantities of a sample.
func wall(s sample) float64    { return s.Wall }
func cpu(s sample) float64     { return s.User + s.Sys }
func rss(s sample) float64     { return float64(s.RSS) }
func flows(s sample) float64   { return float64(s.Flows) }
func packets(s sample) float64 { return float64(s.Packets) }

// ran reports whether r has samples and no failure.
func (r *result) ran() bool { return len(r.Samples) > 0 && r.Failure == "" }

// median returns the median of a quantity. r must have run.
func (r *result) median(of func(sample) float64) float64 {
	v := r.sorted(of)
	n := len(v)

	return (v[(n-1)/2] + v[n/2]) / 2
}

// sorted returns the values of a quantity in order.
func (r *result) sorted(of func(sample) float64) []float64 {
	v := make([]float64, len(r.Samples))
	for i, s := range r.Samples {
		v[i] = of(s)
	}

	slices.Sort(v)

	return v
}
