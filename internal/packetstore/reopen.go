package packetstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/qubesbeat/qubesbeat/internal/filelock"
)

// reopen looks whether the folder is still the one that was opened. If it was removed, or all that
// is in it, the store begins again: what it had is gone, and so is the account of it in the chain. Until
// then every file would be written where no one finds it, and others would take the lock. The chain
// alone is begun again where it ends now: what is missing of it shows, see [Reader.Verify].
func (s *Store) reopen() {
	if s.conf.files != nil {
		return
	}
	what, again := "the folder of the packets, or its lock", s.startAgain
	if s.isAt(lockName, s.lock) {
		if what, again = "the chain", s.chainAgain; s.isChain() {
			return
		}
	}
	if err := again(); err != nil {
		s.w.retry = s.conf.Now().Add(retryAfter)
		s.conf.Logger.Error(what+" was removed or changed by somebody else; the next try is in half a minute", "folder", s.conf.Dir, "error", err)
		return
	}
	s.conf.Logger.Warn(what+" was removed or changed by somebody else; a new one is used", "folder", s.conf.Dir)
}

// isAt reports whether a file that is open has its name in the folder of the settings, as far as that can
// be said.
func (s *Store) isAt(name string, f interface{ Stat() (fs.FileInfo, error) }) bool {
	now, err := os.Lstat(filepath.Join(s.conf.Dir, name))
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	was, err := f.Stat()
	return err != nil || os.SameFile(was, now)
}

// isChain reports whether the chain is the one that is open, and nothing of it is missing.
func (s *Store) isChain() bool {
	f := s.w.chain.file
	size, err := f.Size()
	return (err != nil || size >= s.w.chain.size) && s.isAt(chainName, f.(*osFile))
}

// chainAgain opens the chain again.
func (s *Store) chainAgain() error {
	c, err := openChain(s.files, nil)
	if err != nil {
		return err
	}
	old := s.w.chain
	s.w.chain = c
	return old.close()
}

// startAgain opens the folder again. A link in its place is refused.
func (s *Store) startAgain() error {
	if info, err := os.Lstat(s.conf.Dir); err == nil && !info.IsDir() {
		return fmt.Errorf("%s is not a folder any more", s.conf.Dir)
	}
	if err := os.MkdirAll(s.conf.Dir, 0o700); err != nil {
		return err
	}
	lock, err := lockFolder(s.conf.Dir)
	if err != nil {
		return err
	}
	files, err := openFolder(s.conf.Dir)
	if err != nil {
		return errors.Join(err, filelock.Release(lock))
	}
	top, err := files.List(".")
	if err != nil {
		return errors.Join(err, files.Close(), filelock.Release(lock))
	}
	old, oldLock, oldWriter := s.files, s.lock, s.w
	s.files, s.lock = files, lock
	s.w = writer{looked: oldWriter.looked, spared: oldWriter.spared, slowest: oldWriter.slowest, packing: packing{encoder: oldWriter.packing.encoder}}
	if err := s.w.start(s); err != nil {
		failed := s.w.close()
		s.files, s.lock, s.w = old, oldLock, oldWriter
		return errors.Join(err, failed, files.Close(), filelock.Release(lock))
	}
	s.leave(&oldWriter.catalog, top)
	return errors.Join(oldWriter.close(), old.Close(), filelock.Release(oldLock))
}

// leave counts what is not in the new folder, whose entries were top before it was opened, and breaks off
// the segments whose files were begun in the old one.
func (s *Store) leave(had *catalog, top []fs.DirEntry) {
	there := map[string]bool{}
	for _, e := range top {
		there[e.Name()] = true
	}
	for folder := range had.shelves {
		now := s.w.catalog.names(folder)
		missing := had.filter(folder, func(k *known) bool { return now[plainName(k.name)] })
		for i := range missing {
			s.countMissing(&missing[i])
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.streams {
		if st.seg != nil {
			s.seal(st, "folder removed")
		}
	}
	for _, j := range s.jobs {
		if g := j.seg; g != nil && g.file != nil {
			g.broken, g.allocated = true, 0
			g.rescued = there[g.name]
		}
	}
}
