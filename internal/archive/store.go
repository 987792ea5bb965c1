package archive

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
	"github.com/qubesbeat/qubesbeat/internal/filelock"
)

// ErrBusy is returned by [Open] while another process has the folder of the sender.
var ErrBusy = errors.New("archive: another transfer of this sender is under way")

// Config holds the settings of a [Store].
type Config struct {
	Dir    string // folder of the archive, which is made
	Sender string // name of the qube whose files are kept, as dom0 knows it

	MaxFile  int64 // bytes of one file; default 64 MiB
	MaxBytes int64 // bytes on the disk of all that is kept for the sender; default 20 GiB
	MaxFiles int   // default 200,000
	MinFree  int64 // bytes of the file system that are left free; default 256 MiB

	// Inspect returns the id and the time of the event that a line holds, without its
	// line feed, or an error if it is none. It is required and must not keep line.
	Inspect func(line []byte) (id string, at time.Time, err error)
	Now     func() time.Time                         // default time.Now
	Free    func(dir string) (free int64, err error) // of a file system; default statfs(2)
}

// Store is the archive of one sender. It is not safe for concurrent use; between
// processes, a lock makes it safe.
type Store struct {
	conf     Config
	dir      string
	manifest *os.File // open for appending, and locked
	length   int64    // of the manifest's whole entries
	broken   error    // why nothing more may be stored

	entries []span
	sent    map[string]int // number of the file, by the digest of what was sent
	head    string         // Hash of the last entry
	used    int64          // bytes on the disk
}

// span is what is kept in memory of an entry.
type span struct {
	file        string
	first, last time.Time
}

// overlaps reports whether an event of the file may be as old as one of another time span.
func (s *span) overlaps(first, last time.Time) bool {
	return !s.first.After(last) && !s.last.Before(first)
}

// Open opens the archive of a sender for writing, removes what a crash has left, and
// returns [ErrBusy] if another process has it. Close must be called.
func Open(conf Config) (*Store, error) {
	if !senderForm.MatchString(conf.Sender) {
		return nil, fmt.Errorf("%q is not the name of a qube", conf.Sender)
	}
	conf.MaxFile = cmp.Or(conf.MaxFile, 64<<20)
	conf.MaxBytes = cmp.Or(conf.MaxBytes, 20<<30)
	conf.MaxFiles = cmp.Or(conf.MaxFiles, 200_000)
	conf.MinFree = cmp.Or(conf.MinFree, 256<<20)
	if conf.Now == nil {
		conf.Now = time.Now
	}
	if conf.Free == nil {
		conf.Free = func(dir string) (int64, error) {
			free, _, err := eventfile.Space(dir)
			return free, err
		}
	}
	s := &Store{conf: conf, dir: filepath.Join(conf.Dir, conf.Sender), sent: map[string]int{}, head: origin(conf.Sender)}
	if err := s.open(); err != nil {
		s.Close()
		return nil, fmt.Errorf("opening the archive of %s: %w", conf.Sender, err)
	}
	return s, nil
}

func (s *Store) open() (err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	s.manifest, err = os.OpenFile(filepath.Join(s.dir, manifestName), os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	if err := filelock.Try(s.manifest); errors.Is(err, filelock.ErrHeld) {
		return ErrBusy
	} else if err != nil {
		return err
	}
	if s.length, err = readEntries(io.NewSectionReader(s.manifest, 0, 1<<62), s.conf.Sender, s.add); err != nil {
		return err
	}
	if err := s.manifest.Truncate(s.length); err != nil {
		return err
	}
	s.used += s.length
	return s.sweep()
}

// add adds an entry to what is known.
func (s *Store) add(e *Entry) {
	s.entries = append(s.entries, span{e.File, e.First, e.Last})
	s.sent[e.Sent.SHA256] = e.Number
	s.head = e.Hash
	s.used += e.Stored.Bytes + int64(e.Events)*identityBytes
}

// Close ends the use of the archive.
func (s *Store) Close() {
	if s.manifest != nil {
		_ = filelock.Release(s.manifest)
	}
}

// Head returns the number of files and the Hash of the last entry.
func (s *Store) Head() (files int, hash string) { return len(s.entries), s.head }

// Has returns the number of the file that has a SHA-256, in hexadecimal, and 0 if there
// is none.
func (s *Store) Has(digest string) int { return s.sent[digest] }

// leftover are the names of files that are made before their entry.
var leftover = regexp.MustCompile(`^(\d{8})-[A-Za-z0-9._-]+\.(ndjson\.zst|ids)$|^incoming-\d+$`)

// sweep removes the files that have no entry: a crash came before it was written.
func (s *Store) sweep() error {
	names, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, e := range s.entries {
		known[e.file], known[idsName(e.file)] = true, true
	}
	for _, n := range names {
		if !known[n.Name()] && leftover.MatchString(n.Name()) {
			if err := os.Remove(filepath.Join(s.dir, n.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
