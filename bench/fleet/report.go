package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// report is what was measured.
type report struct {
	Machine  string          `json:"machine"`
	Sensors  int             `json:"sensors"`
	Parallel int             `json:"parallel"`
	Events   int             `json:"events_per_sensor"`
	Seconds  int             `json:"seconds_at_rest"`
	StartCPU float64         `json:"start_cpu_s"` // of a sensor without events
	Files    files           `json:"files"`
	Servers  []*serverReport `json:"servers"`
}

// load is what a run of all sensors with their busy captures took.
type load struct {
	EventsPerSecond float64 `json:"events_per_s"`
	PerSensor       float64 `json:"events_per_s_and_sensor"` // of those that run at the same time
	BeatCPU         float64 `json:"beat_cpu_us_per_event"`   // without its start
	ServerCPU       float64 `json:"server_cpu_us_per_event,omitempty"`
	Seconds         float64 `json:"seconds"`
}

// files are the sizes of events in files.
type files struct {
	Load  load            `json:"load"`
	Kinds map[string]kind `json:"kinds"`

	compressed         int
	sample, gzip, zstd int64
	Gzip               float64 `json:"gzip_ratio"`
	Zstd               float64 `json:"zstd_ratio"`
}

// kind is the sum of the events of a kind.
type kind struct {
	Events int   `json:"events"`
	Bytes  int64 `json:"bytes"`
}

// add counts a line.
func (s *files) add(name string, size int) {
	if s.Kinds == nil {
		s.Kinds = map[string]kind{}
	}
	k := s.Kinds[name]
	s.Kinds[name] = kind{k.Events + 1, k.Bytes + int64(size)}
}

// serverReport is what was measured with a server.
type serverReport struct {
	Name        string  `json:"name"`
	Load        load    `json:"load"`
	First       verdict `json:"first"`
	LoadAgain   load    `json:"load_again"`
	Again       verdict `json:"again"`
	Rest        *rest   `json:"rest,omitempty"`
	Works       int     `json:"qubes_called_work"`
	WorksOf     int     `json:"laptops_with_work"`
	Bytes       int64   `json:"bytes_per_event"`
	BytesMerged int64   `json:"bytes_per_event_merged"`

	storesAgain bool
}

// rest is what was measured while all sensors ran.
type rest struct {
	EventsPerSensor  float64 `json:"events_per_s_and_sensor"`
	OtherEvents      int     `json:"counters_and_changes"`
	CPUPercent       float64 `json:"cpu_percent"` // of one CPU, for a sensor
	RSS              int64   `json:"rss_bytes"`
	MostRSS          int64   `json:"most_rss_bytes"`
	PSS              int64   `json:"pss_bytes"`
	ServerCPUPercent float64 `json:"server_cpu_percent"`
	Verdict          verdict `json:"verdict"`
}

func newReport(o *options) *report {
	return &report{Machine: machine(), Sensors: o.sensors, Parallel: o.parallel, Events: o.events, Seconds: o.seconds}
}

// machine returns the model and number of CPUs.
func machine() string {
	model := "unknown CPU"
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%s, %d CPUs", model, runtime.NumCPU())
}

// write writes the report into a file, unless the path is "".
func (r *report) write(path string) error {
	if path == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// fault returns all that did not arrive as it should, nil if nothing is wrong.
func (r *report) fault() error {
	var all []error
	for _, s := range r.Servers {
		found := func(when, text string) {
			if text != "" {
				all = append(all, fmt.Errorf("%s, %s: %s", s.Name, when, text))
			}
		}
		found("under load", s.First.fault(0))
		doubled := 0
		if s.storesAgain {
			doubled = s.Again.Published
		}
		found("once more", s.Again.fault(doubled))
		if s.Rest != nil {
			found("at rest", s.Rest.Verdict.fault(0))
		}
		if s.Works != r.Sensors || s.WorksOf != r.Sensors {
			found("under load", fmt.Sprintf("%d qubes are called work, on %d laptops; want %d", s.Works, s.WorksOf, r.Sensors))
		}
	}
	return errors.Join(all...)
}
