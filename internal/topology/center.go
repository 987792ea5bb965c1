package topology

import "slices"

// Center puts the Host in the middle, if it is one of the Qubes: what its chain of netvms
// has becomes Upstream, what is not behind it is removed and counted in Elsewhere. Of a Host
// that is not among them, all Qubes are behind it.
func (m *Map) Center() {
	nodes := map[string]*Node{}
	for i := range m.Qubes {
		nodes[m.Qubes[i].Name] = &Node{Qube: &m.Qubes[i]}
	}
	host := nodes[m.Host]
	if host == nil {
		return
	}
	m.Upstream = nil
	for n := nodes[host.Netvm]; n != nil && n != host && !slices.Contains(m.Upstream, n.Name); n = nodes[n.Netvm] {
		m.Upstream = append(m.Upstream, n.Name)
	}
	slices.Reverse(m.Upstream)
	var behind []Qube
	for i := range m.Qubes {
		if q := &m.Qubes[i]; nodes[q.Netvm] != nil && isBehind(nodes, nodes[q.Netvm], host) {
			behind = append(behind, *q)
		}
	}
	m.Elsewhere += len(m.Qubes) - len(behind) - len(m.Upstream) - 1
	m.Qubes = behind
}
