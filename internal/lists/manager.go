package lists

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
)

// Manager reads the sources and keeps their copies. It is safe for concurrent use.
// Its slices are indexed by the position of a source in Config.Sources.
type Manager struct {
	conf Config
	work sync.Mutex // held while sources are read

	mu     sync.Mutex
	status []Status            // guarded by mu
	rules  int                 // guarded by mu: number of rules in the last table
	faults []error             // guarded by mu: errors in the current copies, nil for none
	missed []bool              // guarded by mu: the last refresh brought no copy that could be used
	copies [][]byte            // guarded by work: current copies that are not on disk
	dirty  bool                // guarded by work: the last table could not be built
	known  [][sha256.Size]byte // guarded by work: hashes of the current copies, zero if unknown
}

// New returns a manager. It reads nothing.
func New(c Config) (*Manager, error) {
	if len(c.Sources) > MaxSources {
		return nil, fmt.Errorf("%d sources of lists; at most %d are allowed", len(c.Sources), MaxSources)
	}
	m := &Manager{conf: c, status: make([]Status, len(c.Sources)), copies: make([][]byte, len(c.Sources)),
		faults: make([]error, len(c.Sources)), missed: make([]bool, len(c.Sources)), known: make([][sha256.Size]byte, len(c.Sources))}
	for i, s := range c.Sources {
		m.status[i].Source = s
	}
	return m, nil
}

// Load reads what needs no network: rules in the configuration, files, and the
// copies of what was fetched before. It returns a table of them. Sources that
// cannot be read are reported by Status.
func (m *Manager) Load(ctx context.Context) (*blocklist.Table, error) {
	m.work.Lock()
	defer m.work.Unlock()
	if m.conf.Dir != "" {
		if err := os.MkdirAll(m.conf.Dir, 0o750); err != nil {
			return nil, fmt.Errorf("creating directory of lists: %w", err)
		}
		left, _ := filepath.Glob(filepath.Join(m.conf.Dir, ".new-*")) // of a process that was killed
		for _, path := range left {
			_ = os.Remove(path)
		}
	}
	for i := range m.conf.Sources {
		if s := &m.conf.Sources[i]; !s.remote() && !s.inline() {
			_, _ = m.refresh(ctx, i, true)
		}
	}
	return m.build()
}

// refresh reads one source and, if it is acceptable, makes it the current copy. It
// is called with work held.
func (m *Manager) refresh(ctx context.Context, i int, force bool) (changed bool, err error) {
	missed := true
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.missed[i] = missed && err != nil
		m.status[i].Tried = time.Now()
		if m.status[i].Err = ""; err != nil {
			m.status[i].Err = err.Error()
		}
	}()
	c, err := m.read(ctx, &m.conf.Sources[i], force || !m.isLoaded(i))
	if err != nil || c == nil {
		return false, err
	}
	defer c.remove()
	var quota blocklist.Quota
	report, fault := m.parse(c, quota.Take)
	if err := m.conf.Sources[i].refused(&report, fault); err != nil {
		return false, err
	}
	if m.known[i] == c.sum {
		missed = false
		return false, fault
	}
	if had := m.rulesOf(i); m.conf.Sources[i].remote() && !force && 2*report.Rules < had {
		return false, fmt.Errorf("only %d rules instead of %d: keeping the old ones; "+
			"`qubesbeat dns lists refresh --force` accepts the new ones", report.Rules, had)
	}
	if m.conf.Sources[i].remote() && !force && report.Rules == 0 {
		return false, errors.New("no rules: the list is empty; `qubesbeat dns lists refresh --force` accepts that")
	}
	missed = false
	return true, errors.Join(fault, m.store(i, c))
}

// rulesOf returns the number of rules of a source's current copy.
func (m *Manager) rulesOf(i int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.status[i].Loaded {
		return 0
	}
	return m.status[i].Rules
}

// isLoaded reports whether a source has a current copy that is in use.
func (m *Manager) isLoaded(i int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status[i].Loaded
}

// parse reads the rules of a content. A panic is an error like others.
func (m *Manager) parse(c *content, use func(*blocklist.Rule) error) (report blocklist.Report, err error) {
	if panicked := m.conf.Guard.Do(c.head, func() { report, err = c.parse(m.options(), use) }); panicked != nil {
		return report, panicked
	}
	return report, err
}

// options returns the options for reading a list.
func (m *Manager) options() blocklist.Options {
	return blocklist.Options{Compat: m.conf.Compat, MaxFaults: m.conf.MaxFaults}
}

// read returns the content of a source that is not inline, nil if it has not
// changed.
func (m *Manager) read(ctx context.Context, s *Source, force bool) (*content, error) {
	if s.remote() {
		return m.fetch(ctx, s, force)
	}
	f, err := s.open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return m.receive(f)
}

// current returns the current copy of a source, nil if there is none. It is called
// with work held.
func (m *Manager) current(i int) *content {
	s := &m.conf.Sources[i]
	if s.inline() {
		return &content{data: []byte(s.Location)}
	}
	if m.copies[i] != nil {
		return &content{data: m.copies[i]}
	}
	if m.conf.Dir == "" {
		return nil
	}
	path := filepath.Join(m.conf.Dir, s.file())
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	return &content{path: path}
}

// store makes c the current copy of a source. A crash leaves the old or the new
// file; a copy that cannot be written is used until the process ends.
func (m *Manager) store(i int, c *content) error {
	m.known[i], m.copies[i] = c.sum, c.data
	if c.path == "" {
		return c.unwritten
	}
	path := filepath.Join(m.conf.Dir, m.conf.Sources[i].file())
	if err := os.Rename(c.path, path); err != nil {
		return fmt.Errorf("keeping a copy: %w", err)
	}
	c.path = ""
	if c.version != nil {
		_ = os.WriteFile(m.versionFile(&m.conf.Sources[i]), c.version, 0o640) // without it, the list is fetched again
	}
	return nil
}

// build returns a table of the current copies. It is called with work held.
func (m *Manager) build() (*blocklist.Table, error) {
	m.mu.Lock()
	hint := m.rules + m.rules/16
	m.mu.Unlock()
	for i := range m.conf.Sources {
		hint = max(hint, m.current(i).guess())
	}
	b := blocklist.NewBuilder(hint)
	for i := range m.conf.Sources {
		c := m.current(i)
		if c == nil {
			continue
		}
		report, err := m.parse(c, func(r *blocklist.Rule) error { return b.Add(m.number(i, r), r) })
		if bad := m.conf.Sources[i].unfit(&report, err); bad != nil { // from an earlier version
			b.Drop(Deny(i))
			b.Drop(Allowed(i))
			m.setRefused(i, bad)
			continue
		}
		m.setLoaded(i, report, err) // the rules before an error count
	}
	t, err := b.Build()
	if m.dirty = err != nil; err == nil {
		m.mu.Lock()
		m.rules = t.Len()
		m.mu.Unlock()
	}
	return t, err
}

// number returns the number of a rule's source in the table. In a source of names
// to allow, every rule is an exception.
func (m *Manager) number(i int, r *blocklist.Rule) blocklist.Source {
	if r.Allow || m.conf.Sources[i].Allow {
		return Allowed(i)
	}
	return Deny(i)
}

// setLoaded updates the status of a source whose copy was read into a table.
func (m *Manager) setLoaded(i int, report blocklist.Report, err error) {
	since := time.Now()
	if s := &m.conf.Sources[i]; !s.inline() && m.conf.Dir != "" {
		if info, err := os.Stat(filepath.Join(m.conf.Dir, s.file())); err == nil {
			since = info.ModTime()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status[i].Report, m.status[i].Loaded, m.status[i].Since = report, true, since
	m.faults[i] = err
}

// setRefused updates the status of a source whose copy is not used.
func (m *Manager) setRefused(i int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status[i].Report, m.status[i].Loaded, m.faults[i] = blocklist.Report{}, false, err
}

// Status returns the state of each source, in the order of the configuration.
func (m *Manager) Status() []Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := slices.Clone(m.status)
	for i := range list {
		if fault := m.faults[i]; fault != nil {
			list[i].Err = cmp.Or(list[i].Err, fault.Error())
		}
	}
	return list
}
