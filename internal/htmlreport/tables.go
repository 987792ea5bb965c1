package htmlreport

import (
	"cmp"
	"slices"
	"strings"

	"github.com/qubesbeat/qubesbeat/internal/analysis"
)

// owned is a row that belongs to a qube.
type owned[T any] struct {
	q   *analysis.Qube
	row T
}

// collect returns the rows of all qubes with the largest weights.
func collect[T any](b *builder, rows func(*analysis.Qube) []T, weight func(T) uint64) (all []owned[T], total int) {
	for _, q := range b.all {
		list := rows(q)
		total += len(list)
		for _, row := range list[:b.limit(len(list))] {
			all = append(all, owned[T]{q, row})
		}
	}
	slices.SortStableFunc(all, func(x, y owned[T]) int { return cmp.Compare(weight(y.row), weight(x.row)) })
	return all[:b.limit(len(all))], total
}

// talkers is the table of the peers of all qubes.
func (b *builder) talkers() Table {
	return ofAllQubes(b, peerHead, "peers", func(q *analysis.Qube) ([]*analysis.Peer, uint64) { return q.Peers.Top(-1), q.Peers.Dropped },
		(*analysis.Peer).Bytes, b.peerRow)
}

// ofAllQubes is the table of rows of all qubes, the largest first. rows returns those of a
// qube, and how many it had no room for; what names them.
func ofAllQubes[R any](b *builder, head []string, what string, rows func(*analysis.Qube) ([]R, uint64), size func(R) uint64, cells func(R) []Cell) Table {
	dropped := uint64(0)
	all, total := collect(b, func(q *analysis.Qube) []R {
		list, n := rows(q)
		dropped += n
		return list
	}, size)
	t := Table{Head: append([]string{"Qube", "Label"}, head...)}
	for _, o := range all {
		t.Rows = append(t.Rows, append([]Cell{b.qube(o.q), label(o.q)}, cells(o.row)...))
	}
	t.More = more(total-len(all), dropped, what)
	return t
}

var peerHead = []string{"Peer", "Address", "Port", "Country", "Network", "Flows", "Out", "In", "First", "Last"}

func (b *builder) peerRow(p *analysis.Peer) []Cell {
	name := p.Name
	if p.IsQube {
		name += " (qube)"
	}
	port := portText(p.Port, p.Transport)
	if p.Inbound > 0 {
		port += " inbound"
	}
	return []Cell{text(name), short(p.IP), short(port), short(p.Country), text(p.Network), number(p.Flows), size(p.Out), size(p.In), b.when(p.First), b.when(p.Last)}
}

// peers is the table of the peers of a qube.
func (b *builder) peers(q *analysis.Qube) Table {
	t := Table{Head: append([]string{"Share"}, peerHead...)}
	rows := q.Peers.Top(b.top)
	for _, p := range rows {
		t.Rows = append(t.Rows, append([]Cell{bar(p.Bytes(), q.Bytes())}, b.peerRow(p)...))
	}
	t.More = b.peerMore(q.Peers, len(rows))
	return t
}

// between is the table of traffic between qubes.
func (b *builder) between() Table {
	all, total := collect(b, func(q *analysis.Qube) []*analysis.Peer {
		return slices.DeleteFunc(q.Peers.Top(-1), func(p *analysis.Peer) bool { return !p.IsQube })
	}, (*analysis.Peer).Bytes)
	t := Table{Head: []string{"Seen at", "Label", "Other qube", "Port", "Flows", "Out", "In"}}
	for _, o := range all {
		p := o.row
		t.Rows = append(t.Rows, []Cell{b.qube(o.q), label(o.q), text(p.Name), short(portText(p.Port, p.Transport)), number(p.Flows), size(p.Out), size(p.In)})
	}
	t.More = more(total-len(all), 0, "pairs")
	return t
}

// names is a table of names that were asked for.
func (b *builder) names(n *analysis.Names) Table {
	t := Table{Head: []string{"Name", "Queries", "Denied", "List", "First", "Last"}}
	rows := n.Top(b.top)
	for _, r := range rows {
		t.Rows = append(t.Rows, []Cell{text(r.Name), number(r.Queries), number(r.Denied), text(r.List), b.when(r.First), b.when(r.Last)})
	}
	t.More = more(n.Len()-len(rows), n.Dropped, "names")
	return t
}

// counts is a table of names with numbers.
func (b *builder) counts(c *analysis.Counts, name, what string) Table {
	t := Table{Head: []string{name, what, "Share"}}
	rows := c.Top(b.top)
	sum := c.Sum()
	for _, r := range rows {
		t.Rows = append(t.Rows, []Cell{text(r.Name), number(r.N), bar(r.N, sum.N)})
	}
	t.More = more(c.Len()-len(rows), c.Dropped, "rows")
	return t
}

var refusalHead = []string{"Point", "Rule", "To", "Port", "Packets", "First", "Last"}

func (b *builder) refusalRow(r *analysis.Refusal) []Cell {
	return []Cell{short(r.Point), text(r.Rule), short(r.Peer), short(portText(r.Port, r.Transport)), number(r.Packets), b.when(r.First), b.when(r.Last)}
}

// refused is the table of what the firewall refused to all qubes.
func (b *builder) refused() Table {
	return ofAllQubes(b, refusalHead, "refusals", func(q *analysis.Qube) ([]*analysis.Refusal, uint64) { return q.Refusals.Top(-1), q.Refusals.Dropped },
		func(r *analysis.Refusal) uint64 { return r.Packets }, b.refusalRow)
}

// refusals is the table of what the firewall refused to a qube.
func (b *builder) refusals(q *analysis.Qube) Table {
	t := Table{Head: slices.Clone(refusalHead)}
	rows := q.Refusals.Top(b.top)
	for _, r := range rows {
		t.Rows = append(t.Rows, b.refusalRow(r))
	}
	t.More = more(q.Refusals.Len()-len(rows), q.Refusals.Dropped, "refusals")
	return t
}

// places is a table of where the traffic of a qube goes.
func (b *builder) places(q *analysis.Qube, p *analysis.Places, what string) Table {
	t := Table{Head: []string{what, "Share", "Flows", "Out", "In"}}
	rows := p.Top(b.top)
	for _, r := range rows {
		t.Rows = append(t.Rows, []Cell{text(r.Name), bar(r.Bytes(), q.Bytes()), number(r.Flows), size(r.Out), size(r.In)})
	}
	t.More = more(p.Len()-len(rows), p.Dropped, "rows")
	return t
}

// changes is the table of what changed in the inventory.
func (b *builder) changes() Table {
	t := Table{Head: []string{"Time", "Qube", "Label", "What", "Before and after"}}
	for _, c := range b.Changes[:b.limit(len(b.Changes))] {
		parts := make([]string, len(c.Parts))
		for i, p := range c.Parts {
			parts[i] = p.Name + ": " + cmp.Or(p.Before, "-") + " → " + cmp.Or(p.After, "-")
		}
		cell := text(strings.Join(parts, ", "))
		cell.Odd = false // because of the arrow
		t.Rows = append(t.Rows, []Cell{b.when(c.At), b.qube(c.Qube), label(c.Qube), text(strings.ReplaceAll(c.What, "_", " ")), cell})
	}
	t.More = more(int(min(b.Changed, 1<<31))-len(t.Rows), 0, "changes")
	return t
}

// sensors is the table of the beats that made the events.
func (b *builder) sensors() Table {
	t := Table{Head: []string{"Host", "Version", "Started", "Last stats", "Frames", "Packets in flows", "Events of flows", "Queries", "Kernel drops"}}
	for _, s := range b.Sessions[:b.limit(len(b.Sessions))] {
		t.Rows = append(t.Rows, []Cell{text(s.Host), text(s.Version), b.when(s.Started), b.when(s.Last), number(s.Counters["capture.frames"]),
			number(s.Counters["flows.packets"]), number(s.Counters["events.published"]), number(s.Counters["resolver.received"]), number(s.Counters["capture.kernel_drops"])})
	}
	t.More = more(len(b.Sessions)-len(t.Rows), 0, "runs")
	return t
}
