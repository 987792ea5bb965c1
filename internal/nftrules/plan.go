package nftrules

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNotQubes is returned if the machine has no chains of Qubes OS R4.2 or later.
var ErrNotQubes = errors.New("there is no table `ip qubes` with a chain custom-input: this is not a netvm of Qubes OS R4.2 or later " +
	"(qubes-iptables.service makes the table; R4.1 has iptables, see docs/install.md)")

// Step is one thing to do, or to leave as it is.
type Step struct {
	Name     string   // of the chain or the table
	Action   string   // "add", "replace", "move", "remove" or "keep"
	About    string   // what the rules do, or why they go, for people
	Commands []string // of nft, nil if there is nothing to do
}

// Plan is the list of steps from one ruleset to another.
type Plan []Step

// reasonUnwanted is what a Step that removes leftovers is about.
const reasonUnwanted = "not selected by the configuration"

// Make returns the steps that lead from s to what cfg selects. It returns
// [ErrNotQubes] if s is not the ruleset of a netvm.
func Make(s *State, cfg Config) (Plan, error) {
	if !s.isQubes() {
		return nil, ErrNotQubes
	}
	var plan Plan
	wanted := map[string]bool{}
	for _, r := range ruleSets(cfg) {
		wanted[r.name] = true
		plan = append(plan, s.step(&r))
	}
	for _, name := range []string{Table, DNSChain, InputChain, SinkTable} {
		if name == InputChain {
			plan = append(plan, s.jumpStep(wanted[InputChain])...)
		}
		if !wanted[name] && s.exists(name) {
			plan = append(plan, s.removal(name, reasonUnwanted)...)
		}
	}
	return plan, nil
}

// step returns the step that installs a rule set.
func (s *State) step(r *ruleSet) Step {
	switch {
	case s.exists(r.name) && s.isInstalled(r):
		return Step{Name: r.name, Action: "keep", About: r.about}
	case s.exists(r.name):
		return Step{Name: r.name, Action: "replace", About: r.about, Commands: r.install()}
	}
	return Step{Name: r.name, Action: "add", About: r.about, Commands: r.install()}
}

// jumpStep returns the step after which there is exactly one jump to our input chain, in
// front of all other rules, or none if it is not wanted.
func (s *State) jumpStep(wanted bool) []Step {
	handles := s.jumps()
	step := Step{Name: "custom-input", Action: "keep", About: "jumps from Qubes' input chain to ours"}
	switch {
	case wanted && len(handles) == 0:
		step.Action, step.Commands = "add", []string{jump}
	case wanted && !s.jumpIsFirst():
		step.Action, step.About = "move", "another rule stands before the jump to our chain, and may drop what ours accepts"
		step.Commands = append(deleteRules(handles), jump)
	case wanted && len(handles) > 1:
		step.Action, step.Commands = "replace", deleteRules(handles[1:])
	case !wanted && len(handles) > 0:
		step.Action, step.Commands, step.About = "remove", deleteRules(handles), reasonUnwanted
	case !wanted:
		return nil
	}
	return []Step{step}
}

func deleteRules(handles []int) (list []string) {
	for _, h := range handles {
		list = append(list, fmt.Sprintf("delete rule ip qubes custom-input handle %d", h))
	}
	return list
}

// Undo returns the plan that removes all our rules, and nothing else.
func Undo(s *State) Plan {
	var plan Plan
	if s.isQubes() {
		plan = s.jumpStep(false)
	}
	for _, name := range []string{InputChain, DNSChain, Table, SinkTable} {
		if s.exists(name) {
			plan = append(plan, s.removal(name, "")...)
		}
	}
	return plan
}

// removal returns the plan that removes a chain or the table. A chain that a rule of
// the user leads to cannot be deleted and is emptied instead.
func (s *State) removal(name, about string) Plan {
	switch {
	case !s.isUsed(name):
		return Plan{{Name: name, Action: "remove", About: about, Commands: remove(name)}}
	case len(s.rulesOf(name)) > 0:
		return Plan{{Name: name, Action: "remove", About: "emptied only, since a rule of yours leads to it", Commands: remove(name)[:1]}}
	}
	return nil
}

// RemoveRedirection returns the plan that removes the redirection of DNS, whatever the
// ruleset is: the chain has a hook, so that no rule can lead to it, and "add chain"
// makes the plan succeed if there is none.
func RemoveRedirection() Plan {
	r := redirection(Config{ResolverPort: 1})
	return Plan{{Name: DNSChain, Action: "remove", Commands: append(r.begin, "delete chain ip qubes "+DNSChain)}}
}

// Script returns the commands, one per line, for `nft -f -`, which runs them as one
// transaction. It is empty if there is nothing to do.
func (p Plan) Script() string {
	var b strings.Builder
	for _, step := range p {
		for _, c := range step.Commands {
			b.WriteString(c)
			b.WriteByte('\n')
		}
	}
	return b.String()
}
