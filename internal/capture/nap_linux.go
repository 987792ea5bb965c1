package capture

import (
	"time"

	"golang.org/x/sys/unix"
)

// A reader that is woken for each block pays for the wake-up, and finds the memory of the
// flows in no cache, as often as there are blocks. While blocks come fast it naps instead,
// and then reads all that have come.
const (
	// napLong is the longest nap: it delays packets.
	napLong = 50 * time.Millisecond
	// napRate is more than comes into the ring in a second, in bytes, while most packets are
	// cut, and wholeRate while they are not: the ring must not be full before the nap is over, also
	// if there was little before.
	napRate   = 512 << 20
	wholeRate = 2 << 30
	// napBlocks is how many blocks in a nap make it pay.
	napBlocks = 2
	// napShare is the part of the ring that, if it was filled since the last wait, is too much for
	// a nap.
	napShare = 4
	// napTicks is how many naps in a row may find nothing.
	napTicks = 2
)

// napOf returns how long the reader of a ring of some size in bytes may nap.
func napOf(size int, whole bool) time.Duration {
	rate := time.Duration(napRate)
	if whole {
		rate = wholeRate
	}
	return min(napLong, time.Duration(size)*time.Second/rate)
}

// pace notes how fast blocks come: those that were full since the last wait, or one that the kernel
// has filled in a part of a nap.
func (r *Ring) pace(h *unix.TpacketHdrV1) {
	if h.Block_status&unix.TP_STATUS_BLK_TMO != 0 {
		return
	}
	if r.full++; stampOf(h.Ts_last_pkt)-stampOf(h.Ts_first_pkt) <= int64(r.nap)/napBlocks {
		r.full = max(r.full, napBlocks)
	}
}

// stampOf returns a time of a block in nanoseconds, which is what the kernel counts, whatever the name
// of the field.
func stampOf(t unix.TpacketBDTS) int64 { return int64(t.Sec)*1e9 + int64(t.Usec) }

// rest sleeps for a nap, if it pays. It reports whether there is a block; err is that of
// bell.nap, nil if the reader has to go on waiting.
func (r *Ring) rest() (ready bool, err error) {
	full := r.full
	r.full = 0
	if full < napBlocks || r.idle < r.nap {
		return false, nil
	}
	if full > len(r.mem)/blockSize/napShare { // the kernel may have to be told to cut frames: see pressure
		return false, nil
	}
	if err := r.bell.turn(false, r.nap); err != nil {
		return false, err
	}
	if err := r.bell.nap(); err != nil {
		return false, err
	}
	return r.ready(0), nil
}
