package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/qubesbeat/qubesbeat/bench/criterion"
)

// newResult returns a result with one sample per time, all with the same
// memory.
func newResult(name string, rss int64, times ...float64) *result {
	r := &result{Contender: name}
	for _, t := range times {
		r.Samples = append(r.Samples, sample{Wall: t, RSS: rss})
	}

	return r
}

// TestResult_median covers odd and even numbers of rounds.
func TestResult_median(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name string
		in   []float64
		want float64
	}{
		{name: "one", in: []float64{3}, want: 3},
		{name: "odd", in: []float64{9, 1, 2}, want: 2},
		{name: "even", in: []float64{4, 1, 9, 2}, want: 3},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			if got := newResult("x", 0, tt.in...).median(wall); got != tt.want {
				t.Errorf("median = %v; want %v", got, tt.want)
			}
		})
	}
}

// TestReport_criteria has every verdict.
func TestReport_criteria(t *testing.T) {
	t.Parallel()

	in := &inputReport{Name: "synth", Results: []*result{
		newResult(oursDiscard, 100, 1, 1, 50),
		newResult(packetbeatDiscard, 99, 10),
		newResult(softflowdExport, 5, 0.9),
		newResult(softflowdSilent, 5, 1),
		{Contender: nfpcapdName, Missing: "apt-get install nfdump"},
	}}
	rep := &report{Inputs: []*inputReport{{Name: startInput}, in, {Name: "mix"}}}

	var got []criterion.Verdict
	for _, c := range rep.criteria(false) {
		got = append(got, c.Verdict)
	}

	want := []criterion.Verdict{
		criterion.Pass, criterion.Fail, criterion.Pass, criterion.Skip, criterion.Fail, criterion.Fail, // synth
		criterion.Fail, // mix: we did not run
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdicts mismatch (-want +got):\n%s", diff)
	}
}

// TestCount reads what the programs print and write.
func TestCount(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name, file, text string
		count            func(j *job) (counts, error)
		want             counts
	}{{
		name: "softflowd",
		file: "stdout",
		text: "Packets processed: 4631\nFlows expired: 136 (0 forced)\nFlows exported: 136 (271 records) in 9 packets\n",

		count: countSoftflowd,
		want:  counts{Flows: 136, Packets: 4631},
	}, {
		name: "nfpcapd",
		file: "stderr",
		text: "Ident: 'none' Flows: 271, Packets: 4631, Bytes: 3673597\nIdent: 'none' Flows: 2, Packets: 3, Bytes: 9\n",

		count: countNfpcapd,
		want:  counts{Flows: 273, Packets: 4634},
	}, {
		name: "beat",
		file: "events/events-20250115.ndjson",
		text: `{"event":{"dataset":"flow"},"network":{"packets":7},"type":"flow"}` + "\n" +
			`{"event":{"dataset":"qubesbeat.stats"},"flow":{}}` + "\n",

		count: countEvents,
		want:  counts{Flows: 1, Packets: 7},
	}}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			j := &job{dir: t.TempDir()}
			name := filepath.Join(j.dir, tt.file)
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				t.Fatal(err)
			}

			if err := os.WriteFile(name, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}

			got, err := tt.count(j)
			if err != nil {
				t.Fatal(err)
			}

			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("counts mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRunOnce runs a program that succeeds, one that fails and one that hangs.
func TestRunOnce(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name, script, want string
	}{
		{name: "good", script: "exit 0", want: ""},
		{name: "bad", script: "echo broken >&2; exit 3", want: "echo broken >&2; exit 3\nbroken"},
		{name: "hanging", script: "exec sleep 60", want: "killed after"},
	}

	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			o := &options{out: t.TempDir(), timeout: 2e9}
			c := &contender{
				argv:  func(*job) ([]string, error) { return []string{"sh", "-c", tt.script}, nil },
				count: func(*job) (counts, error) { return counts{Flows: 1}, nil },
			}

			s, err := runOnce(t.Context(), o, c, &input{})
			switch {
			case tt.want == "" && (err != nil || s.Flows != 1 || s.RSS == 0):
				t.Errorf("runOnce = %+v, %v", s, err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("runOnce = %v; want %q", err, tt.want)
			}
		})
	}
}
