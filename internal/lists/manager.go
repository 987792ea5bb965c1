package lists

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
	status []Status // guarded by mu
	rules  int      // guarded by mu: of the last table
	copies [][]byte // guarded by work: what is not on disk
}

// New returns a manager. It reads nothing.
func New(c Config) (*Manager, error) {
	if len(c.Sources) > MaxSources {
		return nil, fmt.Errorf("%d sources of lists are more than %d", len(c.Sources), MaxSources)
	}
	m := &Manager{conf: c, status: make([]Status, len(c.Sources)), copies: make([][]byte, len(c.Sources))}
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
	if !changed {
		return nil, errors.Join(errs...)
	}
	t, err := m.build()
	return t, errors.Join(append(errs, err)...)
}

// Run refreshes until ctx ends, at once and then every period, and hands each
// new table and what went wrong to use.
func (m *Manager) Run(ctx context.Context, use func(*blocklist.Table, error)) {
	if m.conf.Period <= 0 {
		return
	}
	for ctx.Err() == nil {
		if t, err := m.Refresh(ctx, false); t != nil || err != nil {
			use(t, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(m.conf.Period):
		}
	}
}

// refresh brings one source and keeps it as the copy in force.
func (m *Manager) refresh(ctx context.Context, i int, force bool) (changed bool, err error) {
	s := &m.conf.Sources[i]
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.status[i].Tried = time.Now()
		if m.status[i].Err = ""; err != nil {
			m.status[i].Err = err.Error()
		}
	}()
	data, note, err := m.bring(ctx, s, force)
	if err != nil || data == nil {
		return false, err
	}
	report, fault := m.parse(data, func(*blocklist.Rule) error { return nil })
	if fault != nil && !errors.Is(fault, blocklist.ErrFaults) {
		return false, fault
	}
	old, had := m.copy(i)
	if had && slices.Equal(old, data) {
		return false, fault
	}
	if had && s.remote() && !force {
		if before, _ := m.parse(old, func(*blocklist.Rule) error { return nil }); 2*report.Rules < before.Rules {
			return false, fmt.Errorf("it has %d rules and had %d: the old ones stay in force; `qubesbeat dns lists refresh --force` takes the new ones",
				report.Rules, before.Rules)
		}
	}
	return true, errors.Join(fault, m.keep(i, data, note))
}

// bring returns the content of a source, nil where it has not changed.
func (m *Manager) bring(ctx context.Context, s *Source, force bool) (data, note []byte, err error) {
	if s.remote() {
		return m.fetch(ctx, s, force)
	}
	f, err := os.Open(strings.TrimPrefix(s.Location, "file://"))
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	data, err = readAll(f, m.conf.MaxBytes)
	return data, nil, err
}

// readAll reads no more than a limit.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("it has more than %d bytes", limit)
	}
	return data, err
}

func (m *Manager) parse(data []byte, use func(*blocklist.Rule) error) (blocklist.Report, error) {
	return blocklist.Parse(bytes.NewReader(data), blocklist.Options{Compat: m.conf.Compat, MaxFaults: m.conf.MaxFaults}, use)
}

// copy returns the content in force of a source.
func (m *Manager) copy(i int) ([]byte, bool) {
	s := &m.conf.Sources[i]
	if s.inline() {
		return []byte(s.Location), true
	}
	if m.conf.Dir == "" || m.copies[i] != nil {
		return m.copies[i], m.copies[i] != nil
	}
	data, err := os.ReadFile(filepath.Join(m.conf.Dir, s.file()))
	return data, err == nil
}

// keep makes data the content in force. A crash leaves the old or the new one;
// what cannot be written is in force as long as the process lives.
func (m *Manager) keep(i int, data, note []byte) error {
	if m.conf.Dir == "" {
		m.copies[i] = data
		return nil
	}
	path := filepath.Join(m.conf.Dir, m.conf.Sources[i].file())
	m.copies[i] = nil
	if err := writeFile(path, data); err != nil {
		m.copies[i] = data
		return fmt.Errorf("keeping a copy: %w", err)
	}
	if note != nil {
		_ = writeFile(m.versionFile(&m.conf.Sources[i]), note) // without it, the list is fetched again
	}
	return nil
}

// writeFile replaces a file as a whole.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// build makes a table of what is in force.
func (m *Manager) build() (*blocklist.Table, error) {
	m.mu.Lock()
	b := blocklist.NewBuilder(m.rules)
	m.mu.Unlock()
	for i := range m.conf.Sources {
		data, ok := m.copy(i)
		if !ok {
			continue
		}
		report, err := m.parse(data, func(r *blocklist.Rule) error { return b.Add(m.number(i, r), r) })
		if err != nil && !errors.Is(err, blocklist.ErrFaults) {
			return nil, fmt.Errorf("%s: %w", m.conf.Sources[i].Name(), err)
		}
		m.loaded(i, report, err)
	}
	t, err := b.Build()
	if err == nil {
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
	if err != nil {
		m.status[i].Err = err.Error()
	}
}

// Status returns how each source is, in the order of the configuration.
func (m *Manager) Status() []Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.status)
}
