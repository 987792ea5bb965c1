package eventfile

import (
	"fmt"
	"time"
)

// How often the free space is looked at: after so many bytes or so much time.
const (
	spareBytes = 1 << 20
	spareTime  = time.Second
)

// maxReserve bounds what is left free by default.
const maxReserve = 64 << 20

// spare is what is known of the free space.
type spare struct {
	left int64     // bytes that may be written before the next look
	at   time.Time // of the last look
}

// reserve makes sure that n more bytes leave enough of the file system free.
func (w *Writer) reserve(n int64) error {
	s := &w.spare
	now := w.conf.Now()
	if s.left -= n; s.left >= 0 && now.Sub(s.at) < spareTime && w.fault.err == nil {
		return nil
	}
	s.left = 0
	free, total, err := w.conf.Space(w.conf.Dir)
	if err != nil {
		return fmt.Errorf("asking for the free space of %s: %w", w.conf.Dir, err)
	}
	least := w.minFree(total)
	if free-n < least {
		return fmt.Errorf("%w: %s has %d bytes left, of which %d are kept free", errFull, w.conf.Dir, free, least)
	}
	s.left, s.at = min(spareBytes, free-n-least), now
	return nil
}

// minFree returns what is left free of a file system.
func (w *Writer) minFree(total int64) int64 {
	if w.conf.MinFree > 0 {
		return w.conf.MinFree
	}
	return min(total/20, maxReserve)
}
