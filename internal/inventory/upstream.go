package inventory

import (
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// An Upstream is a netvm between the logging qube and the outside.
type Upstream struct {
	Name  string // valid, and that of no other netvm in the chain and of no qube of the Snapshot; see [qube.ValidName]
	Class string // empty if it is not given; see [qube.ValidClass]
}

// maxUpstream bounds the chain of netvms. Each costs memory and latency, so that no machine has nearly as many.
const maxUpstream = 64

// chain parses the list of netvms, the outermost first. The qubes must have been parsed before.
func (p *jsonParser) chain(list member) {
	count, taken := 0, map[string]bool{}
	err := eachElement(list, func(m member) bool {
		line, path := p.lines.line(m.offset), fmt.Sprintf("upstream[%d]", count)
		if count++; count > maxUpstream {
			p.report(line, path, fmt.Errorf("more than %d netvms: push the inventory again", maxUpstream))
			return false
		}
		var u Upstream
		_, faults := readObject(m, []jsonField{{"name", "a string", into(&u.Name)}, {"class", "a string", into(&u.Class)}})
		for _, f := range faults {
			p.report(p.lines.line(f.offset), path, f.err)
		}
		if len(faults) == 0 {
			p.netvm(line, path, u, taken)
		}
		return true
	})
	if err != nil {
		p.report(p.lines.line(list.offset), "upstream", err)
	}
}

// netvm adds a netvm to the chain, whose names are in taken, and reports what is wrong with it.
func (p *jsonParser) netvm(line int, path string, u Upstream, taken map[string]bool) {
	err := qube.ValidName(u.Name)
	_, downstream := p.names[u.Name]
	switch {
	case err != nil:
		u.Name = ""
	case downstream:
		err = fmt.Errorf("%s is one of the qubes, too, and cannot be on both sides: push the inventory again", u.Name)
	case taken[u.Name]:
		err = fmt.Errorf("%s is in the chain twice: push the inventory again", u.Name)
	}
	class := u.Class
	u.Class, taken[u.Name] = "", true
	for _, err := range []error{err, optional(class, &u.Class, qube.ValidClass)} {
		if err != nil {
			p.report(line, path, err)
		}
	}
	p.above = append(p.above, u)
}
