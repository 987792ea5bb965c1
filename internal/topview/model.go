package topview

import "slices"

// Model is the state of the screen. The zero value is empty and ready for use. It is not safe
// for concurrent use.
type Model struct {
	last, now *Snapshot // the one before, for rates, and the one that is shown
	order     Order
	reverse   bool
	paused    bool
	help      bool
	chosen    string // interface of the row that is selected, "" for the first
	open      string // interface of the qube that is open, "" for none
	first     int    // row at the top of the table
	rows      int    // that the table has room for, as last drawn
	fault     string // why there is no new snapshot, "" if there is one
}

// Open returns the interface of the qube that is open, "" for none.
func (m *Model) Open() string { return m.open }

// Paused reports whether the screen stands still.
func (m *Model) Paused() bool { return m.paused }

// Update takes a snapshot, which then belongs to the model. It does nothing while the screen
// is paused.
func (m *Model) Update(s *Snapshot) {
	if m.paused {
		return
	}
	Rates(m.last, s)
	m.last, m.now, m.fault = s, s, ""
	m.sort()
}

// Fail says why there is no new snapshot.
func (m *Model) Fail(err error) { m.fault = safe(err.Error()) }

// sort sorts the rows. Without a choice the first one is selected, so that it moves to
// another qube only if the user has chosen none.
func (m *Model) sort() {
	if m.now != nil {
		m.order.Sort(m.now.Qubes, m.reverse)
	}
}

// at returns the index of the selected row.
func (m *Model) at() int { return max(0, m.index(m.chosen)) }

// index returns the index of a row, -1 if there is none.
func (m *Model) index(iface string) int {
	if m.now == nil || iface == "" {
		return -1
	}
	return slices.IndexFunc(m.now.Qubes, func(q Qube) bool { return q.Interface == iface })
}

// Key is a key of the screen.
type Key int

// The keys.
const (
	Quit Key = iota + 1
	Up
	Down
	PageUp
	PageDown
	Home
	End
	Enter
	Back
	Pause
	NextOrder
	Reverse
	Help
)

// Press reports whether the screen ends with a key, and otherwise does what the key asks.
func (m *Model) Press(k Key) (quit bool) {
	help := m.help
	m.help = false
	switch k {
	case Quit:
		return true
	case Enter:
		m.enter()
	case Back:
		m.open = ""
	case Pause:
		m.paused = !m.paused
	case NextOrder:
		m.order, m.first = Order((int(m.order)+1)%orders), 0
		m.sort()
	case Reverse:
		m.reverse, m.first = !m.reverse, 0
		m.sort()
	case Help:
		m.help = !help
	default:
		m.move(k)
	}
	return false
}

// enter opens the selected qube.
func (m *Model) enter() {
	if m.now != nil && len(m.now.Qubes) > 0 {
		m.open = m.now.Qubes[m.at()].Interface
	}
}

// move selects another row.
func (m *Model) move(k Key) {
	if m.now == nil || len(m.now.Qubes) == 0 {
		return
	}
	page := max(1, m.rows-1)
	to := map[Key]int{Up: m.at() - 1, Down: m.at() + 1, PageUp: m.at() - page, PageDown: m.at() + page, Home: 0, End: len(m.now.Qubes) - 1}
	i, ok := to[k]
	if ok {
		m.chosen = m.now.Qubes[min(max(0, i), len(m.now.Qubes)-1)].Interface
	}
}
