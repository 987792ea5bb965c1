package behaviour

// Level is how much a finding matters.
type Level uint8

// The levels.
const (
	Silent Level = iota
	Low
	Medium
	High
	Critical
)

// String returns the level as events spell it.
func (l Level) String() string {
	return [...]string{"silent", "low", "medium", "high", "critical"}[min(l, Critical)]
}

// ParseLevel returns the level with a name, and whether there is one.
func ParseLevel(name string) (Level, bool) {
	for l := Low; l <= Critical; l++ {
		if l.String() == name {
			return l, true
		}
	}
	return Silent, false
}

// Severity returns event.severity as Elastic's detection rules have it.
func (l Level) Severity() uint64 { return [...]uint64{0, 21, 47, 73, 99}[min(l, Critical)] }

// Risk returns event.risk_score, 0 to 100: within the band of the level, by a score.
func (l Level) Risk(score float64) uint64 {
	low, high := [...]float64{0, 21, 41, 66, 86}[min(l, Critical)], [...]float64{20, 40, 65, 85, 100}[min(l, Critical)]
	return uint64(low + (high-low)*min(1, max(0, score)) + 0.5)
}

// down returns the next lower level, at least Low.
func (l Level) down() Level { return max(Low, l-1) }

// up returns the next higher level, at most High: Critical takes two rules.
func (l Level) up() Level { return min(High, l+1) }
