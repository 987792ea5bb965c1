package beat

// Text returns a field as text, "" if it has none.
func (e Event) Text(name string) string {
	s, _ := e[name].(string)
	return s
}

// Number returns a field as a number, 0 if it has none.
func (e Event) Number(name string) uint64 {
	n, _ := e[name].(float64) // exact up to 2^53
	return uint64(n)
}

// Flag returns a field as a truth value.
func (e Event) Flag(name string) bool {
	b, _ := e[name].(bool)
	return b
}

// Has reports whether the event has all the fields of want, with these values.
func (e Event) Has(want Event) bool {
	for k, v := range want {
		if n, ok := v.(int); ok {
			v = float64(n)
		}
		if e[k] != v {
			return false
		}
	}
	return true
}

// Where returns the events that have all the fields of want.
func (all Events) Where(want Event) Events {
	return all.Filter(func(e Event) bool { return e.Has(want) })
}

// Filter returns the events for which keep returns true.
func (all Events) Filter(keep func(Event) bool) (some Events) {
	for _, e := range all {
		if keep(e) {
			some = append(some, e)
		}
	}
	return some
}

// Last returns the last stats event, nil if there is none.
func (all Events) Last() (last Event) {
	for _, e := range all.Where(Event{"event.dataset": "qubesbeat.stats"}) {
		last = e
	}
	return last
}
