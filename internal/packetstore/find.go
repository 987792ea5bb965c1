package packetstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// Query says which packets are looked for: those of any of the flows, if it names flows,
// else all; of them those of the qube, in the range of time, that match.
type Query struct {
	Keys         []uint64    // numbers at the end of flow.id
	CommunityIDs []string    // version 1, with seed 0
	Ends         []End       // by one end; see [End]
	Flows        []*FlowInfo // by addresses, ports and protocol, in either direction; see Result.Unsearched

	Qube     string    // "" for all
	From, To time.Time // of packets, both included; zero without bound

	// Match returns whether a packet is wanted. It is called by Copy; nil for all.
	Match func(link uint16, frame []byte) bool
}

// FoundFlow is a flow in a segment.
type FoundFlow struct {
	FlowInfo
	Segment, Qube string
	First, Last   time.Time // of packets in the segment
	Packets       uint64    // that are stored
	Bytes         uint64    // of them, on the wire
	Cut           uint64    // of them: whose headers are stored only
	Lost          uint64    // that were not stored
}

// Result is what Find has found.
type Result struct {
	Flows      []FoundFlow
	Segments   int     // that may have such packets
	Searched   int     // indexes that were searched
	Unsearched int     // segments in which the keys are not known and the query has no Flows
	Unreadable []error // indexes that are damaged; their segments are read instead
	Lost       uint64  // packets, of whatever flow, that were not stored while one of Segments was open; see [FoundFlow] for those of a flow

	query   *Query
	queries []*Query // of all results that were added
	match   *flowMatch
	parts   []part
}

// Add adds what another query has found. Segments that both have found must not have the
// same packets: of different qubes they do not.
func (r *Result) Add(o *Result) {
	r.Flows = append(r.Flows, o.Flows...)
	r.Segments, r.Searched, r.Unsearched = r.Segments+o.Segments, r.Searched+o.Searched, r.Unsearched+o.Unsearched
	r.Unreadable = append(r.Unreadable, o.Unreadable...)
	r.Lost += o.Lost
	r.queries = append(r.queries, o.queries...)
	r.parts = append(r.parts, o.parts...)
	r.sort()
}

func (r *Result) sort() {
	slices.SortStableFunc(r.Flows, func(a, b FoundFlow) int { return a.First.Compare(b.First) })
	slices.SortStableFunc(r.parts, func(a, b part) int { return cmp.Compare(a.head.first, b.head.first) })
}

// Links returns the link types of the segments, which a file for tcpdump must not mix. Those
// that must be read as a whole may not be among them.
func (r *Result) Links() (links []uint16) {
	for i := range r.parts {
		if p := &r.parts[i]; p.lacking == nil && !slices.Contains(links, p.head.link) {
			links = append(links, p.head.link)
		}
	}
	return links
}

// part is a segment that may have packets that are wanted.
type part struct {
	stored
	positions []uint32 // of the packets, if flows were found; else the segment is read from place on
	place     int64
	scan      bool
	of        *Query // by which it was found
	flows     *flowMatch
}

// linked reports whether the index says what the link type of the packets is.
func (p *part) linked() bool { return p.lacking == nil && !p.head.blind }

// Find finds packets. It reads indexes only, and a segment if it has no index.
func (r *Reader) Find(ctx context.Context, q *Query) (*Result, error) {
	res := &Result{query: q, queries: []*Query{q}}
	var err error
	if res.match, err = newFlowMatch(q); err != nil {
		return nil, err
	}
	err = r.walk(q.Qube, func(folder string) error { return r.searchFolder(ctx, res, folder) }, func(s *stored) error {
		if !s.locked { // else the beat seals it if it is asked to
			res.scan(s)
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("finding packets: %w", err)
	}
	for i := range res.parts {
		res.parts[i].of, res.parts[i].flows = q, res.match
		res.Lost += uint64(res.parts[i].head.lost)
	}
	res.sort()
	return res, nil
}

// overlaps reports whether a range of time has some of the query's.
func (q *Query) overlaps(first, last int64) bool {
	return (q.To.IsZero() || first <= q.To.UnixNano()) && (q.From.IsZero() || last >= q.From.UnixNano())
}

// scan enters a segment that must be read as a whole.
func (r *Result) scan(s *stored) {
	if s.lacking != nil {
		r.Unreadable = append(r.Unreadable, fmt.Errorf("%s: %w", s.name, s.lacking))
	}
	if r.match.keysOnly() {
		r.Unsearched++
		return
	}
	p := part{stored: *s, place: pageSize, scan: true}
	if s.lacking != nil { // else all of them would be open at once in a copy
		p.head.first = startOf(s.name) - maxBackward
	}
	r.addPart(p)
}

// addPart enters a segment that may have packets that are wanted.
func (r *Result) addPart(p part) {
	r.Segments++
	r.parts = append(r.parts, p)
}

// search looks for the query's flows in an index.
func (r *Result) search(s *stored, x *index) error {
	m := r.match
	switch {
	case !m.flows():
		return r.searchTime(s, x)
	case (x.blind || x.unindexed > 0) && !m.keysOnly():
		r.scan(s)
		return nil
	case x.blind || x.unindexed > 0 || x.repaired && m.keysOnly():
		r.Unsearched++
	}
	if x.blind {
		return nil
	}
	found, err := m.search(x)
	if err != nil {
		return err
	}
	r.Searched++
	if len(found) == 0 {
		return nil
	}
	r.addPart(part{stored: *s, positions: r.enter(s, found)})
	return nil
}

// searchTime enters a segment of which all packets are wanted, from a time on.
func (r *Result) searchTime(s *stored, x *index) error {
	p := part{stored: *s, place: pageSize, scan: true}
	if from := r.query.From; !from.IsZero() {
		place, err := x.from(from)
		if err != nil {
			return err
		}
		p.place = max(place, pageSize)
	}
	r.addPart(p)
	return nil
}

// enter enters flows of a segment, and returns the positions of all their packets.
func (r *Result) enter(s *stored, found map[uint32]*flowRecord) (positions []uint32) {
	for _, f := range found {
		r.Flows = append(r.Flows, FoundFlow{FlowInfo: f.FlowInfo, Segment: s.name, Qube: qubeOf(s.folder), First: time.Unix(0, f.first),
			Last: time.Unix(0, f.last), Packets: f.packets, Bytes: f.bytes, Cut: f.cut, Lost: f.lost})
		positions = append(positions, f.positions...)
	}
	slices.Sort(positions)
	return positions
}

// flowMatch is the flows of a query.
type flowMatch struct {
	keys   []uint64
	ids    []uint64 // of Community IDs
	infos  []FlowInfo
	ends   []End
	frames flowReader
}

func newFlowMatch(q *Query) (*flowMatch, error) {
	m := &flowMatch{keys: q.Keys, ends: q.Ends}
	for _, id := range q.CommunityIDs {
		n, ok := communityText(id)
		if !ok {
			return nil, fmt.Errorf("finding packets: %q is no Community ID, which is 1: and 28 characters of base64", id)
		}
		m.ids = append(m.ids, n)
	}
	for _, f := range q.Flows {
		m.infos = append(m.infos, FlowInfo{Source: f.Source, Destination: f.Destination, SourcePort: f.SourcePort, DestinationPort: f.DestinationPort, Protocol: f.Protocol})
	}
	return m, nil
}

// flows reports whether certain flows are wanted.
func (m *flowMatch) flows() bool { return len(m.keys)+len(m.ids)+len(m.infos)+len(m.ends) > 0 }

// keysOnly reports whether flows are known by their keys only, which packets do not have.
func (m *flowMatch) keysOnly() bool {
	return len(m.keys) > 0 && len(m.ids)+len(m.infos)+len(m.ends) == 0
}

// number returns the number of a flow's Community ID.
func number(f *FlowInfo) uint64 {
	var sl slot
	sl.start(f, 0)
	return communityNumber(&sl)
}

// search returns the flows that an index has, by the place of their first packet. If the
// keys of flows are given, their addresses are not asked for.
func (m *flowMatch) search(x *index) (map[uint32]*flowRecord, error) {
	found := map[uint32]*flowRecord{}
	enter := func(f *flowRecord) {
		if f != nil && len(f.positions) > 0 {
			found[f.positions[0]] = f
		}
	}
	for _, k := range m.keys {
		f, err := x.byKey(k)
		if err != nil {
			return nil, err
		}
		enter(f)
	}
	ids := m.ids
	if len(m.keys) == 0 || x.repaired {
		for i := range m.infos {
			ids = append(ids[:len(ids):len(ids)], number(&m.infos[i]))
		}
	}
	for _, id := range ids {
		flows, err := x.byCommunity(id)
		if err != nil {
			return nil, err
		}
		for _, f := range flows {
			enter(f)
		}
	}
	return found, m.searchEnds(x, enter)
}

// frame reports whether a frame belongs to one of the flows.
func (m *flowMatch) frame(link uint16, frame []byte) bool {
	if !m.flows() {
		return true
	}
	f, ok := m.frames.flow(link, frame)
	if !ok {
		return false
	}
	if slices.Contains(m.infos, f) || slices.Contains(m.infos, f.reverse()) || m.has(&f) {
		return true
	}
	return len(m.ids) > 0 && slices.Contains(m.ids, number(&f))
}
