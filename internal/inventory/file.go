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
)

// loadAttempts is how often Load reads a file that is being written before it gives up.
const loadAttempts = 3

// A File keeps an Index at what one file says. It looks at the file every Options.Poll, because a poll also sees what
// inotify does not: a file that is replaced through a symbolic link, a bind mount or a directory that is made later.
//
// An inventory that is bad, missing or half written leaves the Index as it is.
type File struct {
	path     string
	index    *Index
	opts     Options
	onChange func([]Change)
	onError  func(error)
	open     func(string) (fs.File, error)
	ready    chan struct{}

	// Used by Load and then by Run only.
	last   content   // the latest one that was read, without its data
	looked time.Time // when it was looked for
	good   string    // hash of the content that the Index has
	bad    string    // identity of the failure that goes on, empty if there is none

	mu    sync.Mutex
	stats Stats
	poke  chan struct{} // of Run, nil before it
}

// NewFile returns a File that feeds index, which must not be nil, from the inventory at path. It opens nothing.
//
// onChange gets the changes of every update that has any, the first one included, and onError every failure once. They
// are called by Load and Run, never at the same time, and hold up the next look at the file. Both may be nil.
func NewFile(path string, index *Index, opts Options, onChange func([]Change), onError func(error)) *File {
	if onChange == nil {
		onChange = func([]Change) {}
	}

	if onError == nil {
		onError = func(error) {}
	}

	return &File{
		path:     path,
		index:    index,
		opts:     opts.withDefaults(),
		onChange: onChange,
		onError:  onError,
		open:     openFile,
		ready:    make(chan struct{}),
	}
}

// String returns what the task is, for logs.
func (f *File) String() string { return "inventory file " + f.path }

// Ready returns a channel that is closed when Run has begun to follow the file.
func (f *File) Ready() <-chan struct{} { return f.ready }

// Stats returns the counters. It is safe for concurrent use.
func (f *File) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()

	return f.stats
}

// Load reads the file once. If it is called, it must be once and have returned before Run is called. Its error goes to the
// caller and not to onError, nor does Run call onError while that failure goes on. An error about a missing file wraps
// fs.ErrNotExist. Run may be called in spite of an error: it waits for a good file.
func (f *File) Load() error {
	err := f.look()
	for n := 1; n < loadAttempts && errors.Is(err, errChanging); n++ {
		err = f.look()
	}

	return err
}

// Run follows the file until ctx ends and then returns nil. It must be called once.
func (f *File) Run(ctx context.Context) error {
	ticker := time.NewTicker(f.opts.Poll)
	defer ticker.Stop()
	poke := make(chan struct{}, 1)
	f.mu.Lock()
	f.poke = poke
	f.mu.Unlock()
	close(f.ready)

	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			f.poll()
		case <-poke:
			f.poll()
		}
	}
}

// Poke has Run look at the file at once. It does not wait, does nothing before Run and is safe for concurrent use.
func (f *File) Poke() {
	f.mu.Lock()
	defer f.mu.Unlock()

	select {
	case f.poke <- struct{}{}:
	default:
	}
}

// poll looks at the file if it may have changed.
func (f *File) poll() {
	info, err := os.Stat(f.path)
	if err == nil && f.last.isCurrent(info) {
		f.looked = time.Now()

		return
	}

	if err := f.look(); err != nil && !errors.Is(err, errChanging) {
		f.onError(err)
	}
}

// look reads the file and takes over what is new. It returns a failure when it begins, and errChanging each time.
func (f *File) look() error {
	now := time.Now()
	previous := f.looked
	f.looked = now

	c, err := readContent(f.open, f.path, f.opts.MaxSize)
	switch {
	case errors.Is(err, errChanging):
		f.count(func(s *Stats) { s.Retries++ })

		return err
	case err != nil:
		f.last = content{}

		return f.fail(err.Error(), err)
	}

	f.last = content{info: c.info, settled: c.settled}

	return f.take(c.data, changeTime(c.info.ModTime(), previous, now))
}

// changeTime returns when the file changed: its modification time if that lies between the two looks, which makes it
// better than the time of the look, and else, as with cp -p, the time of the look.
func changeTime(modified, previous, now time.Time) time.Time {
	if !previous.IsZero() && modified.After(previous) && modified.Before(now) {
		return modified
	}

	return now
}

// take makes data the inventory of the Index, unless it is or is known to be bad.
func (f *File) take(data []byte, at time.Time) error {
	hash := sha256.Sum256(data)
	id := string(hash[:])

	switch id {
	case f.bad:
		return nil
	case f.good:
		f.recovered()

		return nil
	}

	snapshot, err := parse(data, f.opts)
	if err != nil {
		return f.fail(id, fmt.Errorf("loading inventory %s: %w", f.path, err))
	}

	changes := f.index.Update(snapshot, at)
	f.good = id
	f.recovered()
	f.count(func(s *Stats) { s.Reloads, s.LastReload = s.Reloads+1, at })

	if len(changes) > 0 {
		f.onChange(changes)
	}

	return nil
}

// fail notes a failure. It returns nil if that one goes on already.
func (f *File) fail(id string, err error) error {
	if f.bad == id {
		return nil
	}

	f.bad = id
	f.count(func(s *Stats) { s.Failures, s.LastError = s.Failures+1, err })

	return err
}

// recovered notes that the file has what the Index has.
func (f *File) recovered() {
	f.bad = ""
	f.count(func(s *Stats) { s.LastError = nil })
}

// count changes the counters.
func (f *File) count(change func(*Stats)) {
	f.mu.Lock()
	defer f.mu.Unlock()

	change(&f.stats)
}
