package dnsevent

import "fmt"

// Explanation is how a query is decided, step by step.
type Explanation struct {
	Name, Type string // of the question
	Steps      []Step
	RCode      string
	Answers    []string // records in presentation form
	Reason     string
}

// Step is one step of a decision and its result.
type Step struct{ Step, Says string }

// Add adds a step.
func (x *Explanation) Add(step, format string, args ...any) {
	x.Steps = append(x.Steps, Step{step, fmt.Sprintf(format, args...)})
}
