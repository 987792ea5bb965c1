package lists

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
)

// Refresh reads all sources again and returns a new table, nil if nothing has
// changed. force also fetches lists that have not changed and accepts those that
// have shrunk. The error joins those of the sources; it can come with a table, which
// then has the previous copies of these sources.
func (m *Manager) Refresh(ctx context.Context, force bool) (*blocklist.Table, error) {
	return m.refreshAll(ctx, force, func(int) bool { return true })
}

// RefreshFailed is Refresh for the lists that could not be fetched the last time.
func (m *Manager) RefreshFailed(ctx context.Context) (*blocklist.Table, error) {
	return m.refreshAll(ctx, false, m.failed)
}

// refreshAll refreshes the sources that are wanted.
func (m *Manager) refreshAll(ctx context.Context, force bool, wanted func(i int) bool) (*blocklist.Table, error) {
	m.work.Lock()
	defer m.work.Unlock()
	errs := make([]error, len(m.conf.Sources))
	changed := false
	for i := range m.conf.Sources {
		if m.conf.Sources[i].inline() || !wanted(i) {
			continue
		}
		c, err := m.refresh(ctx, i, force)
		errs[i] = err
		changed = changed || c
	}
	if !changed && !m.dirty {
		return nil, m.join(errs)
	}
	t, err := m.build()
	m.mu.Lock()
	for i, fault := range m.faults { // such as too many rules in all lists together
		if errs[i] == nil {
			errs[i] = fault
		}
	}
	m.mu.Unlock()
	return t, errors.Join(m.join(errs), err)
}

// join joins the errors of sources, with their names.
func (m *Manager) join(errs []error) error {
	var named []error
	for i, err := range errs {
		if err != nil {
			named = append(named, fmt.Errorf("%s: %w", m.conf.Sources[i].Name(), err))
		}
	}
	return errors.Join(named...)
}

// failed reports whether a list could not be fetched the last time.
func (m *Manager) failed(i int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status[i].remote() && m.missed[i]
}

// failing reports whether any list could not be fetched the last time.
func (m *Manager) failing() bool {
	for i := range m.conf.Sources {
		if m.failed(i) {
			return true
		}
	}
	return false
}

// fresh reports whether all remote sources were fetched successfully within the last
// half period.
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

// The time until a list that could not be fetched is tried again. It doubles with
// each failure: a network that is not up or sends its own page at first soon works,
// and a list that is gone is not asked for all the time.
const (
	firstRetry = time.Minute
	lastRetry  = 4 * time.Hour
)

// Run calls refresh at once, unless all sources are fresh, and then every period
// until ctx ends; without a period, once. As long as lists cannot be fetched it
// calls retry for them in between.
func (m *Manager) Run(ctx context.Context, refresh, retry func(context.Context)) {
	pause, due := firstRetry, time.Now()
	if m.fresh() {
		due = due.Add(m.conf.Period)
	} else {
		refresh(ctx)
	}
	for ctx.Err() == nil {
		if !time.Now().Before(due) {
			due = time.Now().Add(max(m.conf.Period, 0))
		}
		wait := time.Until(due)
		switch failing := m.failing(); {
		case failing && (m.conf.Period <= 0 || pause < wait):
			wait = pause
			pause = min(2*pause, lastRetry)
		case !failing && m.conf.Period <= 0:
			return
		case !failing:
			pause = firstRetry
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if m.conf.Period > 0 && !time.Now().Before(due) {
			refresh(ctx)
		} else {
			retry(ctx)
		}
	}
}
