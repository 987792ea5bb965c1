package behaviour

import "errors"

// Trace is what is kept of a finding for [Engine.Dismiss] after a restart: no name, and no address.
type Trace struct {
	Subject string  `json:"subject"`
	Rule    string  `json:"rule"`
	Way     string  `json:"way,omitempty"`
	Level   string  `json:"level"`
	Score   float64 `json:"score"`
	At      int64   `json:"at"`
	Period  int64   `json:"period,omitempty"`
	Hash    uint64  `json:"hash,omitempty"` // of the destination, under the key of the engine
}

// Trace returns what is kept of the finding.
func (f *Finding) Trace() Trace {
	return Trace{f.Subject, f.Rule.String(), f.Way, f.Level.String(), f.Score, f.At, f.Period, f.dest}
}

// ErrTrace is returned for a trace of no finding.
var ErrTrace = errors.New("behaviour: a trace with an unknown rule or level")

// Finding returns what is known of the finding. Its ID is another one: that is of the names, too.
func (t *Trace) Finding() (Finding, error) {
	rule, ok := ParseRule(t.Rule)
	level, known := ParseLevel(t.Level)
	if !ok || !known {
		return Finding{}, ErrTrace
	}
	return Finding{Rule: rule, Way: t.Way, Level: level, Score: t.Score, Subject: t.Subject, At: t.At, Period: t.Period, dest: t.Hash}, nil
}
