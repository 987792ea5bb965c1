package verify

// Verdict is the outcome of a check.
type Verdict uint8

// The verdicts.
const (
	NotTested Verdict = iota // it takes a probe, or is switched off
	Unknown                  // no evidence, or not enough to judge: see [Reason]
	Pass
	Fail
	verdicts
)

// Verdicts is the number of verdicts, for arrays of counters.
const Verdicts = int(verdicts)

// String returns the verdict as events spell it.
func (v Verdict) String() string {
	names := [...]string{"not_tested", "unknown", "pass", "fail"}
	if int(v) < len(names) {
		return names[v]
	}
	return "unknown"
}

// Reason is why a verdict is unknown or not tested.
type Reason uint8

// The reasons. The list is closed: events and commands know these words.
const (
	NoReason Reason = iota
	NoTraffic
	NotInPosition
	NotAttached
	CaptureLost
	NoExpectation
	InventoryStale
	RulesetChanged
	NoRulesRead
	NeedsProbe
	ProbeFailed
	Off
)

// String returns the reason as events spell it, "" for NoReason.
func (r Reason) String() string {
	names := [...]string{"", "no-traffic", "not-in-position", "not-attached", "capture-lost", "no-expectation", "inventory-stale",
		"ruleset-changed", "no-rules-read", "needs-probe", "probe-failed", "off"}
	if int(r) < len(names) {
		return names[r]
	}
	return ""
}

// Method is what a verdict rests on.
type Method uint8

// The methods, the weakest first.
const (
	NoMethod Method = iota
	Observed
	Probed
	Ruled
)

// String returns the method as events spell it, "" for NoMethod.
func (m Method) String() string {
	names := [...]string{"", "observed", "probe", "rule"}
	if int(m) < len(names) {
		return names[m]
	}
	return ""
}
