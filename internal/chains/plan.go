package chains

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNotQubes says that this machine has no chains of Qubes OS R4.2 or later.
var ErrNotQubes = errors.New("there is no table `ip qubes` with a chain custom-input: this is not a netvm of Qubes OS R4.2 or later " +
	"(qubes-iptables.service makes the table; R4.1 has iptables, see docs/install.md)")

// Step is one thing to do, or to leave as it is.
type Step struct {
	Name     string   // what it concerns
	Action   string   // "add", "replace", "remove", "keep"
	About    string   // for people
	Commands []string // of nft, none where nothing is to be done
}

// Plan is what has to be done.
type Plan []Step

// Make compares a ruleset with what is wanted.
func Make(s *State, cfg Config) (Plan, error) {
	if !s.isQubes() {
		return nil, ErrNotQubes
	}
	var plan Plan
	wanted := map[string]bool{}
	for _, p := range parts(cfg) {
		wanted[p.name] = true
		plan = append(plan, s.step(&p))
	}
	for _, name := range []string{Table, DNSChain, InputChain} {
		if name == InputChain {
			plan = append(plan, s.jumpStep(wanted[InputChain])...)
		}
		if !wanted[name] && s.exists(name) {
			plan = append(plan, s.removal(name, "the configuration does not ask for it")...)
		}
	}
	return plan, nil
}

func (s *State) step(p *part) Step {
	switch {
	case s.exists(p.name) && s.has(p):
		return Step{Name: p.name, Action: "keep", About: p.about}
	case s.exists(p.name):
		return Step{Name: p.name, Action: "replace", About: p.about, Commands: p.install()}
	}
	return Step{Name: p.name, Action: "add", About: p.about, Commands: p.install()}
}

// jumpStep has the jump there once, or not at all.
func (s *State) jumpStep(wanted bool) []Step {
	handles := s.jumps()
	step := Step{Name: "custom-input", Action: "keep", About: "Qubes' input chain asks ours first"}
	switch {
	case wanted && len(handles) == 0:
		step.Action, step.Commands = "add", []string{jump}
	case wanted && len(handles) > 1:
		step.Action, step.Commands = "replace", deleteRules(handles[1:])
	case !wanted && len(handles) > 0:
		step.Action, step.Commands, step.About = "remove", deleteRules(handles), "the configuration does not ask for it"
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

// Undo returns the plan that takes everything of ours away, and nothing else.
func Undo(s *State) Plan {
	var plan Plan
	if s.isQubes() {
		plan = s.jumpStep(false)
	}
	for _, name := range []string{InputChain, DNSChain, Table} {
		if s.exists(name) {
			plan = append(plan, s.removal(name, "")...)
		}
	}
	return plan
}

// removal takes something away, or, where a rule of somebody else leads to it, what is
// in it.
func (s *State) removal(name, about string) Plan {
	switch {
	case !s.isUsed(name):
		return Plan{{Name: name, Action: "remove", About: about, Commands: remove(name)}}
	case len(s.of(name)) > 0:
		return Plan{{Name: name, Action: "remove", About: "emptied only: a rule of yours leads to it", Commands: remove(name)[:1]}}
	}
	return nil
}

// Redirection is the plan that takes the redirection of DNS away from a netvm without a
// look at its ruleset: the chain has a hook, and no rule can lead to it.
func Redirection() Plan {
	p := redirection(Config{ResolverPort: 1})
	return Plan{{Name: DNSChain, Action: "remove", Commands: append(p.begin, "delete chain ip qubes "+DNSChain)}}
}

// Script returns the commands, in one transaction for `nft -f -`; "" where nothing
// is to be done.
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
