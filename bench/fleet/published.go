package main

import (
	"encoding/json"
	"fmt"
)

// event is the part of an event that is checked.
type event struct {
	Type     string
	Observer struct{ Name string }
	Qube     struct{ Name, UUID string }
	Event    struct{ ID string }
}

// arrival is a flow or a query at its destination.
type arrival struct {
	id, observer, qube, uuid, kind string

	// partition is where it lies, noOrder where no order is kept.
	partition int32
}

// noOrder is the partition of what was stored for search, not in sequence.
const noOrder = -1

// parse returns an event as an arrival. It reports false for events whose number and ids depend
// on the run: changes of the inventory and counters.
func parse(line []byte) (a arrival, repeatable bool, err error) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		return a, false, fmt.Errorf("reading the event %.200s: %w", line, err)
	}
	return arrival{id: e.Event.ID, observer: e.Observer.Name, qube: e.Qube.Name, uuid: e.Qube.UUID, kind: e.Type},
		e.Type == "flow" || e.Type == "dns", nil
}

// stream names the events whose order is kept: those of a kind of a qube. Flows and queries of a
// qube take different ways through the sensor.
func (a *arrival) stream() string { return a.uuid + "/" + a.kind }

// published is what sensors have published, in order. It is not safe for concurrent access.
type published struct {
	places map[string]place // by id
	last   map[string]int   // length of each stream
}

// place is the place of an event.
type place struct {
	arrival
	n int // in its stream
}

func newPublished() *published {
	return &published{places: map[string]place{}, last: map[string]int{}}
}

// add adds the next event. It reports false if there is one with that id.
func (p *published) add(a arrival) bool {
	if _, twice := p.places[a.id]; twice {
		return false
	}
	s := a.stream()
	p.last[s]++
	p.places[a.id] = place{a, p.last[s]}
	return true
}

// verdict is how what arrived differs from what was published.
type verdict struct {
	Published  int `json:"published"`
	Lost       int `json:"lost"`
	Doubled    int `json:"doubled"`
	Misnamed   int `json:"misnamed"`   // under the name of another laptop or qube
	Disordered int `json:"disordered"` // after one that was published later
	Scattered  int `json:"scattered"`  // qubes in more than one partition
	Unknown    int `json:"unknown"`    // with the id of none that was published
}

// verify compares arrivals, in the order of their partitions, with what was published. Those of
// other are left out.
func (p *published) verify(all []arrival, other *published) verdict {
	v := verdict{Published: len(p.places)}
	seen, last, partitions := map[string]bool{}, map[string]int{}, map[string]int32{}
	scattered := map[string]bool{}
	for _, a := range all {
		want, ok := p.places[a.id]
		if !ok {
			if other == nil || other.places[a.id].id == "" {
				v.Unknown++
			}
			continue
		}
		if in, ok := partitions[a.uuid]; ok && in != a.partition {
			scattered[a.uuid] = true
		}
		partitions[a.uuid] = a.partition
		if seen[a.id] {
			v.Doubled++
			continue
		}
		seen[a.id] = true
		if a.observer != want.observer || a.uuid != want.uuid || a.kind != want.kind || a.qube != want.qube {
			v.Misnamed++
		}
		if s := a.stream(); a.partition != noOrder {
			if want.n < last[s] {
				v.Disordered++
			}
			last[s] = max(last[s], want.n)
		}
	}
	v.Lost, v.Scattered = len(p.places)-len(seen), len(scattered)
	return v
}

// namesakes returns how many qubes have a name: the number of their UUIDs, and of the laptops
// whose events have one of them.
func namesakes(all []arrival, name string) (qubes, laptops int) {
	uuids, observers := map[string]bool{}, map[string]bool{}
	for _, a := range all {
		if a.qube == name {
			uuids[a.uuid], observers[a.observer] = true, true
		}
	}
	return len(uuids), len(observers)
}
