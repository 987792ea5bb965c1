package lists

import (
	"errors"
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
)

// refused returns why the text of a source is not used, nil if it is. err ended the
// reading; at the user's own limit of invalid lines, the rules before it count.
func (s *Source) refused(r *blocklist.Report, err error) error {
	if err != nil && !errors.Is(err, blocklist.ErrFaults) {
		return err
	}
	return s.unfit(r, err)
}

// unfit returns why a text cannot be a list, nil if it can: it is of another kind,
// no line of it is a rule, or most are none, or single words. A name that stands in a page by chance
// must not be blocked. A file may have names of the user's own network, of one label. Rules in the configuration are the user's own, and each counts.
func (s *Source) unfit(r *blocklist.Report, err error) error {
	switch {
	case s.inline():
		return nil
	case errors.Is(err, blocklist.ErrNotList):
		return err
	case r.Rules == 0 && r.Wrong > 0:
		return fmt.Errorf("no line is a rule; %s", first(r.Faults))
	case r.Rules == 0 && r.Skipped > 0:
		return fmt.Errorf("no line is a rule; %s", first(r.Skips))
	case s.remote() && 2*r.Words > r.Rules:
		return fmt.Errorf("most lines are words without a dot (%d of %d rules), as in a message of a server; write a name of one label as 0.0.0.0 NAME", r.Words, r.Rules)
	case r.Wrong > r.Rules && !errors.Is(err, blocklist.ErrFaults):
		return fmt.Errorf("most lines are no rules (%d, and %d rules); %s", r.Wrong, r.Rules, first(r.Faults))
	}
	return nil
}

// first describes the first of some lines.
func first(lines []blocklist.Fault) string {
	return fmt.Sprintf("line %d, %q: %s", lines[0].Line, lines[0].Text, lines[0].Reason)
}
