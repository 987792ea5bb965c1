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
	"strings"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
)

// Manager holds the sources. It is safe for concurrent use.
type Manager struct {
	conf Config
	work sync.Mutex // held while sources are read

	mu     sync.Mutex
	status []Status            // guarded by mu
	rules  int                 // guarded by mu: of the last table
	faults []string            // guarded by mu: what is wrong with what is in force
	copies [][]byte            // guarded by work: what is not on disk
	dirty  bool                // guarded by work: the last table could not be built
	known  [][sha256.Size]byte // guarded by work: of what is in force, zero where not known
}

// New returns a manager. It reads nothing.
func New(c Config) (*Manager, error) {
	if len(c.Sources) > MaxSources {
		return nil, fmt.Errorf("%d sources of lists are more than %d", len(c.Sources), MaxSources)
	}
	m := &Manager{conf: c, status: make([]Status, len(c.Sources)), copies: make([][]byte, len(c.Sources)), faults: make([]string, len(c.Sources)),
		known: make([][sha256.Size]byte, len(c.Sources))}
	for i, s := range c.Sources {
		m.status[i].Source = s
	}
	return m, nil
}

// Load reads what can be had without the network: rules in the configuration,
// files, and the copies of what was fetched before.
func (m *Manager) Load(ctx context.Context) (*blocklist.Table, error) {
	m.work.Lock()
	defer m.work.Unlock()
	if m.conf.Dir != "" {
		if err := os.MkdirAll(m.conf.Dir, 0o750); err != nil {
			return nil, fmt.Errorf("making the directory of the lists: %w", err)
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

// Refresh reads all sources anew and returns a table where anything has changed,
// nil where not. force takes lists over that have shrunk. The error joins what is
// wrong with each source; the others are in the table all the same.
func (m *Manager) Refresh(ctx context.Context, force bool) (*blocklist.Table, error) {
	m.work.Lock()
	defer m.work.Unlock()
	var errs []error
	changed := false
	for i := range m.conf.Sources {
		if m.conf.Sources[i].inline() {
			continue
		}
		c, err := m.refresh(ctx, i, force)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.conf.Sources[i].Name(), err))
		}
		changed = changed || c
	}
	if !changed && !m.dirty {
		return nil, errors.Join(errs...)
	}
	t, err := m.build()
	return t, errors.Join(append(errs, err)...)
}

// fresh reports whether all sources have just been tried.
func (m *Manager) fresh() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.status {
		if st := &m.status[i]; st.remote() && (time.Since(st.Tried) > m.conf.Period/2 || st.Err != "") {
			return false
		}
	}
	return len(m.status) > 0 && m.conf.Period > 0
}

// Run calls refresh at once and then every period, until ctx ends. Without a
// period it does so once.
func (m *Manager) Run(ctx context.Context, refresh func(context.Context)) {
	for ctx.Err() == nil {
		if !m.fresh() {
			refresh(ctx)
		}
		if m.conf.Period <= 0 {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(m.conf.Period):
		}
	}
}

// refresh brings one source and keeps it as the copy in force.
func (m *Manager) refresh(ctx context.Context, i int, force bool) (changed bool, err error) {
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.status[i].Tried = time.Now()
		if m.status[i].Err = ""; err != nil {
			m.status[i].Err = err.Error()
		}
	}()
	c, err := m.bring(ctx, &m.conf.Sources[i], force)
	if err != nil || c == nil {
		return false, err
	}
	defer c.remove()
	var quota blocklist.Quota
	report, fault := c.parse(m.options(), quota.Take)
	if fault != nil && !errors.Is(fault, blocklist.ErrFaults) {
		return false, fault
	}
	if m.known[i] == c.sum {
		return false, fault
	}
	if had := m.rulesOf(i); m.conf.Sources[i].remote() && !force && 2*report.Rules < had {
		return false, fmt.Errorf("it has %d rules and had %d: the old ones stay in force; `qubesbeat dns lists refresh --force` takes the new ones",
			report.Rules, had)
	}
	return true, errors.Join(fault, m.keep(i, c))
}

// rulesOf returns how many rules of a source are in force.
func (m *Manager) rulesOf(i int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.status[i].Loaded {
		return 0
	}
	return m.status[i].Rules
}

func (m *Manager) options() blocklist.Options {
	return blocklist.Options{Compat: m.conf.Compat, MaxFaults: m.conf.MaxFaults}
}

// bring returns the content of a source, nil where it has not changed.
func (m *Manager) bring(ctx context.Context, s *Source, force bool) (*content, error) {
	if s.remote() {
		return m.fetch(ctx, s, force)
	}
	f, err := os.Open(strings.TrimPrefix(s.Location, "file://"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return m.take(f)
}

// inForce returns the content in force of a source, nil where there is none.
func (m *Manager) inForce(i int) *content {
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

// keep makes c the content in force. A crash leaves the old or the new one; what
// cannot be written is in force as long as the process lives.
func (m *Manager) keep(i int, c *content) error {
	m.known[i], m.copies[i] = c.sum, c.data
	if c.path == "" {
		return c.unwritten
	}
	path := filepath.Join(m.conf.Dir, m.conf.Sources[i].file())
	if err := os.Rename(c.path, path); err != nil {
		return fmt.Errorf("keeping a copy: %w", err)
	}
	c.path = ""
	if c.note != nil {
		_ = os.WriteFile(m.versionFile(&m.conf.Sources[i]), c.note, 0o640) // without it, the list is fetched again
	}
	return nil
}

// build makes a table of what is in force.
func (m *Manager) build() (*blocklist.Table, error) {
	m.mu.Lock()
	hint := m.rules + m.rules/16
	m.mu.Unlock()
	for i := range m.conf.Sources {
		hint = max(hint, m.inForce(i).guess())
	}
	b := blocklist.NewBuilder(hint)
	for i := range m.conf.Sources {
		c := m.inForce(i)
		if c == nil {
			continue
		}
		report, err := c.parse(m.options(), func(r *blocklist.Rule) error { return b.Add(m.number(i, r), r) })
		m.loaded(i, report, err) // what was read before an error counts
	}
	t, err := b.Build()
	if m.dirty = err != nil; err == nil {
		m.mu.Lock()
		m.rules = t.Len()
		m.mu.Unlock()
	}
	return t, err
}

// number returns the number of the source of a rule. In a source of names to
// allow, every rule is an exception.
func (m *Manager) number(i int, r *blocklist.Rule) blocklist.Source {
	if r.Allow || m.conf.Sources[i].Allow {
		return Allowed(i)
	}
	return Deny(i)
}

func (m *Manager) loaded(i int, report blocklist.Report, err error) {
	since := time.Now()
	if s := &m.conf.Sources[i]; !s.inline() && m.conf.Dir != "" {
		if info, err := os.Stat(filepath.Join(m.conf.Dir, s.file())); err == nil {
			since = info.ModTime()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status[i].Report, m.status[i].Loaded, m.status[i].Since = report, true, since
	if m.faults[i] = ""; err != nil {
		m.faults[i] = err.Error()
	}
}

// Status returns how each source is, in the order of the configuration.
func (m *Manager) Status() []Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := slices.Clone(m.status)
	for i := range list {
		list[i].Err = cmp.Or(list[i].Err, m.faults[i])
	}
	return list
}
