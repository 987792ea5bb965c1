package packetstore

import (
	"errors"
	"fmt"
	"os"

	"github.com/qubesbeat/qubesbeat/internal/filelock"
)

// reopen looks, after faults, whether the folder is still the one that was opened. If it
// was removed, the store begins again in a new one: what it had is gone, and so is the
// account of it in the chain.
func (s *Store) reopen() {
	if s.conf.files != nil || s.sameFolder() {
		return
	}
	if err := s.startAgain(); err != nil {
		s.w.retry = s.conf.Now().Add(retryAfter)
		s.conf.Logger.Error("the folder of the packets is not there any more; the next try is in half a minute", "folder", s.conf.Dir, "error", err)
		return
	}
	s.conf.Logger.Warn("the folder of the packets was removed; a new one is used", "folder", s.conf.Dir)
}

// sameFolder reports whether the path leads to the folder that is open.
func (s *Store) sameFolder() bool {
	now, err := os.Stat(s.conf.Dir)
	if err != nil {
		return false
	}
	was, err := s.files.(*folder).root.Stat(".")
	return err == nil && os.SameFile(was, now)
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
	old, oldLock := s.files, s.lock
	oldWriter := s.w
	s.files, s.lock = files, lock
	s.w = writer{looked: oldWriter.looked, packing: packing{encoder: oldWriter.packing.encoder}}
	if err := s.w.start(s); err != nil {
		failed := s.w.close()
		s.files, s.lock, s.w = old, oldLock, oldWriter
		return errors.Join(err, failed, files.Close(), filelock.Release(lock))
	}
	s.mu.Lock()
	for _, sh := range oldWriter.catalog.shelves { // they are not on the disk any more
		for i := range sh.segs {
			s.c.evicted.add(count{uint64(sh.segs[i].packets), uint64(sh.segs[i].bytes)})
		}
	}
	for _, st := range s.streams { // their files were in the old folder
		if st.seg != nil {
			s.seal(st, "folder removed")
		}
	}
	for _, j := range s.jobs {
		if j.seg != nil && j.seg.file != nil {
			j.seg.broken, j.seg.allocated = true, 0
		}
	}
	s.mu.Unlock()
	return errors.Join(oldWriter.close(), old.Close(), filelock.Release(oldLock))
}
