package inventory

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/filewatch"
	"github.com/qubesbeat/qubesbeat/internal/guard"
)

// loadAttempts is how often Load reads a file that is being written before it gives up.
const loadAttempts = 3

const (
	// settleDelay is how long Run waits after a change, so that it does not find a file that has been truncated and is
	// about to be written.
	settleDelay = 100 * time.Millisecond

	// retryDelay is how long Run waits before it reads a file again that was being written.
	retryDelay = time.Second
)

// A FileConfig holds the settings of a [File].
type FileConfig struct {
	// Guard recovers from panics at one version of the file. It may be nil.
	Guard *guard.Part
	// Path is the file to follow. It need not exist.
	Path string

	// Index is updated from the file. It must not be nil.
	Index *Index

	// Parse says how the file is parsed.
	Parse Config

	// OnChange, if not nil, is called with the changes of every update that has any, including the first one. OnError,
	// if not nil, is called with every failure once. Load and Run call them, never at the same time, and do not look at
	// the file until they return.
	OnChange func([]Change)
	OnError  func(error)

	// Watch reports when the file may have changed. It is filewatch.Watch if nil.
	Watch filewatch.Func
}

// A File keeps an Index up to date with a file.
//
// An inventory that is invalid, missing or half written leaves the Index unchanged.
type File struct {
	cfg  FileConfig
	open func(string) (fs.File, error)

	ready chan struct{}

	// Used by Load and then by Run only.
	last   content   // the latest one that was read, without its data
	looked time.Time // when the file was looked at
	good   string    // hash of the content that the Index has
	bad    string    // identifies the present failure, empty if there is none

	mu       sync.Mutex
	stats    Stats         // guarded by mu
	notified chan struct{} // guarded by mu; nil before Run, which looks at the file anyway
}

// NewFile returns a File. It opens nothing.
func NewFile(cfg FileConfig) *File {
	cfg.Parse = cfg.Parse.withDefaults()
	if cfg.OnChange == nil {
		cfg.OnChange = func([]Change) {}
	}
	if cfg.OnError == nil {
		cfg.OnError = func(error) {}
	}
	if cfg.Watch == nil {
		cfg.Watch = filewatch.Watch
	}
	return &File{cfg: cfg, open: openFile, ready: make(chan struct{})}
}

// String returns the name of the task, for logs.
func (f *File) String() string { return "inventory file " + f.cfg.Path }

// Ready returns a channel that is closed when Run has begun to follow the file.
func (f *File) Ready() <-chan struct{} { return f.ready }

// Stats returns the counters. It is safe for concurrent use.
func (f *File) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stats
}

// Load reads the file once. It may be called once, and must have returned before Run is called. Its error is returned
// instead of passed to OnError, and Run does not report the same failure again. An error about a missing file wraps
// fs.ErrNotExist. Run may be called after an error: it waits for a valid file.
func (f *File) Load() error {
	err := f.look()
	for n := 1; n < loadAttempts && errors.Is(err, errChanging); n++ {
		err = f.look()
	}
	return err
}

// Run follows the file until ctx ends and then returns nil. It must be called once.
func (f *File) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	changed := f.cfg.Watch(ctx, f.cfg.Path)
	defer func() {
		cancel()
		for range changed { // until the watch has ended
		}
	}()
	notified := make(chan struct{}, 1)
	f.mu.Lock()
	f.notified = notified
	f.mu.Unlock()
	close(f.ready)

	var due <-chan time.Time // nil if there is nothing to look at
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			if due == nil {
				due = time.After(settleDelay)
			}
			continue
		case <-notified:
		case <-due:
		}
		due = nil
		if isChanging := f.poll(); isChanging {
			due = time.After(retryDelay)
		}
	}
}

// Notify makes Run look at the file at once. It does not block and is safe for concurrent use.
func (f *File) Notify() {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case f.notified <- struct{}{}:
	default:
	}
}

// poll looks at the file if it may have changed. It reports whether the file was being written and must be looked at
// again.
func (f *File) poll() (isChanging bool) {
	info, err := os.Stat(f.cfg.Path)
	if err == nil && f.last.isCurrent(info) {
		f.looked = time.Now()
		return false
	}
	err = f.look()
	if errors.Is(err, errChanging) {
		return true
	}
	if err != nil {
		f.cfg.OnError(err)
	}
	return false
}

// look reads the file and updates the Index if it has changed. It returns a failure only when it begins, but
// errChanging each time.
func (f *File) look() error {
	now := time.Now()
	previous := f.looked
	f.looked = now

	c, err := readContent(f.open, f.cfg.Path, f.cfg.Parse.MaxSize)
	switch {
	case errors.Is(err, errChanging):
		f.count(func(s *Stats) { s.Retries++ })
		return err
	case err != nil:
		f.last = content{}
		return f.fail(err.Error(), err)
	}
	f.last = content{info: c.info, settled: c.settled}
	at := changeTime(c.info.ModTime(), previous, now)
	if panicked := f.cfg.Guard.Do(func() []byte { return c.data }, func() { err = f.update(c.data, at) }); panicked != nil {
		return f.fail(panicked.Error(), fmt.Errorf("loading inventory %s: %w", f.cfg.Path, panicked))
	}
	return err
}

// changeTime returns when the file changed: its modification time if that lies between the two looks and is therefore
// more precise, and otherwise, as after cp -p, the time of the look.
func changeTime(modified, previous, now time.Time) time.Time {
	if !previous.IsZero() && modified.After(previous) && modified.Before(now) {
		return modified
	}
	return now
}

// update makes data the inventory of the Index, unless the Index has it already or it is invalid.
func (f *File) update(data []byte, at time.Time) error {
	hash := sha256.Sum256(data)
	id := string(hash[:])
	switch id {
	case f.bad:
		return nil
	case f.good:
		f.clearFailure()
		return nil
	}

	snapshot, err := parse(data, f.cfg.Parse)
	if err != nil {
		return f.fail(id, fmt.Errorf("loading inventory %s: %w", f.cfg.Path, err))
	}
	changes := f.cfg.Index.Update(snapshot, at)
	f.good = id
	f.clearFailure()
	f.count(func(s *Stats) { s.Reloads, s.LastReload = s.Reloads+1, at })
	if len(changes) > 0 {
		f.cfg.OnChange(changes)
	}
	return nil
}

// fail records a failure and returns err, or nil if the failure with that id is recorded already.
func (f *File) fail(id string, err error) error {
	if f.bad == id {
		return nil
	}
	f.bad = id
	f.count(func(s *Stats) { s.Failures, s.LastError = s.Failures+1, err })
	return err
}

// clearFailure records that the file and the Index agree.
func (f *File) clearFailure() {
	f.bad = ""
	f.count(func(s *Stats) { s.LastError = nil })
}

// count changes the counters.
func (f *File) count(change func(*Stats)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.stats)
}
