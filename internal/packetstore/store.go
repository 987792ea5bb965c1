package packetstore

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"filippo.io/age"
	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/filelock"
	"github.com/qubesbeat/qubesbeat/internal/task"
)

// ErrBusy is returned by [Open] while another process stores packets in the folder.
var ErrBusy = errors.New("packetstore: another process stores packets there")

// level is how much the store can take just now.
type level uint8

const (
	levelRunning level = iota
	levelShort         // little space is left: headers only
	levelFull          // no space, or the disk fails: nothing
	levelFailed
	levelClosed
)

// String returns the name of a level as [Status] and the log have it.
func (l level) String() string {
	return [...]string{"running", "short", "full", "failed", "stopped"}[l]
}

// Store keeps packets. Add is for one goroutine, all other methods are safe for
// concurrent use. It is a [task.Task]: Run is the writer.
type Store struct {
	task.Started
	conf  Config
	files files
	lock  *os.File
	wake  chan struct{}

	recipients []age.Recipient // of what is encrypted; none if nothing is

	pressure atomic.Bool

	mu        sync.Mutex // held for moments, and never while waiting for the disk
	pool      *pool
	stock     stock
	streams   map[uint32]*stream
	recent    *stream
	described FlowInfo
	open      int        // segments that are being filled
	seq       uint32     // number of the last segment
	fresh     []*segment // that the writer has not seen
	jobs      []*job     // for the writer, the oldest first
	tight     bool       // the notes have no more room
	asked     []request
	level     level
	stalled   bool   // the writer waits for space
	why       string // the level is not levelRunning
	watches   watches
	c         counters
	disk      diskUse

	w writer
}

// job is work for the writer.
type job struct {
	seg   *segment
	chunk *chunk // nil if there is nothing but the tail
	seal  string // why the segment ends here; "" if it does not

	done chan struct{} // instead of all that: closed when what was before, and do, is done
	do   func()        // may be nil
}

// request asks the writer to seal segments, and to do something then.
type request struct {
	match func(*segment) bool // nil for none
	done  chan struct{}
	do    func() // may be nil
}

// diskUse is what the writer knows of the disk, for the counters.
type diskUse struct {
	bytes, index, free int64
	most               int64 // the bound of bytes
	segments           int
	oldest             int64 // Unix nanoseconds; 0 if there is none
	slowest            time.Duration
	head               string
}

// Open opens the store in a folder, which is made, repairs what a crash has left, and
// returns [ErrBusy] if another process has it. The caller must call Run, which closes the
// store when it ends, or Close.
func Open(conf Config) (*Store, error) {
	conf.setDefaults()
	if conf.Names == nil {
		return nil, errors.New("packetstore: Names is required")
	}
	s := &Store{conf: conf, wake: make(chan struct{}, 1), streams: map[uint32]*stream{}, stock: stock{limit: maxNotes}}
	if err := s.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the store of packets in %s: %w", conf.Dir, err), s.Close())
	}
	return s, nil
}

// maxNotes bounds the notes of all open segments.
const maxNotes = 32 << 20

// defaultMinFree is what is left free on the file system.
const defaultMinFree = 512 << 20

// setDefaults sets what is not set.
func (c *Config) setDefaults() {
	c.MinFree = cmp.Or(c.MinFree, defaultMinFree)
	c.Segment.Bytes = max(1<<20, min(cmp.Or(c.Segment.Bytes, 64<<20), 4<<30))
	c.Segment.Age = cmp.Or(c.Segment.Age, time.Hour)
	c.Memory = max(cmp.Or(c.Memory, 32<<20), 8*chunkSize)
	c.Flush = cmp.Or(c.Flush, time.Second)
	c.Hold = cmp.Or(c.Hold, 3*time.Second)
	if c.Snaplen <= 0 || c.Snaplen > maxFrame {
		c.Snaplen = maxFrame
	}
	if c.Limits == nil {
		c.Limits = func(string) Limits { return Limits{} }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.uptime == nil {
		c.uptime = bootTime
	}
	if c.boot == "" {
		c.boot = bootID()
	}
}

// maxFrame is the most that is stored of a frame: half a chunk.
const maxFrame = 128 << 10

// start makes the folder and reads what is in it.
func (s *Store) start() (err error) {
	if s.recipients, err = recipientsOf(s.conf.EncryptTo); err != nil {
		return err
	}
	if s.w.packing.encoder, err = newEncoder(s.conf.Compress); err != nil {
		return err
	}
	if s.files = s.conf.files; s.files == nil {
		if err := os.MkdirAll(s.conf.Dir, 0o700); err != nil {
			return err
		}
		if s.files, err = openFolder(s.conf.Dir); err != nil {
			return err
		}
	}
	if s.lock, err = lockFolder(s.conf.Dir); err != nil {
		return err
	}
	if s.pool, err = newPool(s.conf.Memory / chunkSize); err != nil {
		return err
	}
	return s.w.start(s)
}

// lockFolder takes the lock of the folder, which the kernel gives back at the end of the
// process.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := filelock.Try(f); errors.Is(err, filelock.ErrHeld) {
		return nil, errors.Join(ErrBusy, f.Close())
	} else if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// bootID returns 8 digits that differ from one start of the machine to the next.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if text := strings.TrimSpace(string(id)); err == nil && len(text) > 8 {
		return text[:8]
	}
	return fmt.Sprintf("%08x", uint32(time.Now().Add(-bootTime()).Unix()))
}

// Close frees what Open has taken. It must not be called after Run.
func (s *Store) Close() error {
	var errs []error
	s.mu.Lock()
	s.level = levelClosed
	if s.pool != nil {
		errs = append(errs, s.pool.close())
		s.pool = nil
	}
	s.mu.Unlock()
	errs = append(errs, s.w.close())
	if s.files != nil && s.conf.files == nil {
		errs = append(errs, s.files.Close())
	}
	if s.lock != nil {
		errs = append(errs, filelock.Release(s.lock))
	}
	return errors.Join(errs...)
}

// String returns the name of the task.
func (s *Store) String() string { return "packet store" }

// push gives the writer a job. Chunks wait for some more, or for the end of the flush interval:
// see gather.
func (s *Store) push(j *job) {
	s.jobs = append(s.jobs, j)
	if j.seal != "" || len(s.jobs) >= s.pool.batch() {
		s.notify()
	}
}

// notify wakes the writer.
func (s *Store) notify() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// notePressure looks at the pool after it has changed.
func (s *Store) notePressure() {
	if half := s.pool.half(); half != s.pressure.Load() {
		s.pressure.Store(half)
		s.c.pressureChanges++
	}
}

// tighten asks the writer to seal the segment with most notes.
func (s *Store) tighten() {
	if !s.tight {
		s.tight = true
		s.notify()
	}
}

// seal ends the segment of a stream.
func (s *Store) seal(st *stream, reason string) {
	g := st.seg
	st.seg = nil
	s.open--
	c := g.chunk
	if c != nil {
		if c.pages() > 0 {
			g.pad()
		}
		g.keepTail()
	}
	s.push(&job{seg: g, chunk: c, seal: reason})
}

// sealOne seals the open segment that comes first in an order.
func (s *Store) sealOne(before func(a, b *segment) bool, reason string) {
	var found *stream
	for _, st := range s.streams {
		if st.seg != nil && (found == nil || before(st.seg, found.seg)) {
			found = st
		}
	}
	if found != nil {
		s.seal(found, reason)
	}
}

// Gone seals the segment of an interface that is not there any more, so that the next
// holder of its number gets another one.
func (s *Store) Gone(iface uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.streams[iface]; st != nil {
		if st.seg != nil {
			s.seal(st, "interface gone")
		}
		delete(s.streams, iface)
		if s.recent == st {
			s.recent = nil
		}
	}
}
