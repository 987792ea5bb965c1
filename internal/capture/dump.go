package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// DumpConfig holds the settings of a [Dump].
type DumpConfig struct {
	// Prefix is what the names of all files begin with.
	Prefix string
	// Blocking has Frame wait for the disk, as a replay can afford. What the disk
	// refuses is left out at once.
	Blocking bool
	// Snap is how many bytes of each frame the source was asked for; 0 means all.
	// A frame that comes with less was cut on its way (see [SnapPolicy.Relief]).
	// Without Blocking, it counts as cut here, too.
	Snap uint32
	// OnFault, if not nil, is called with the error when the disk begins to refuse
	// what is written, and with nil when all files can be written again. The calls
	// come from one goroutine, the last ones possibly from Close.
	OnFault func(err error)
}

// Dump writes frames to capture files in the classic format with nanoseconds:
// PREFIX-YYYYmmddHHMMSS.pcap, as packetbeat names them. That format has one link
// type per file, so each further link type gets another file, with the type's
// number before the extension.
//
// Frames are copied into chunks of memory, which a goroutine writes. A disk that
// falls behind costs the meter nothing: when more than half of the chunks are in use, the
// first 256 bytes of a frame are kept, counted in Cut, and when there is no chunk
// left, the frame is dropped. A disk that is full is tried again every second.
//
// Frame and Close are not safe for concurrent use; Stats is.
type Dump struct {
	cfg   DumpConfig
	pool  chunkPool
	lanes [maxLanes]*chunk // that frames are added to; nil for none
	next  int              // the lane to give up for a further link type

	queue chunkQueue
	files dumpFiles
	done  sync.WaitGroup

	failing atomic.Bool // the disk refuses what is written
	fault   error       // the last one; belongs to run

	written, cut, dropped, refused atomic.Uint64 // refused: dropped because of the disk's faults
}

// DumpStats counts the frames of a dump: those that were shown to it are in Written,
// in Dropped, or still in memory.
type DumpStats struct {
	Written uint64 // in the files
	Cut     uint64 // shortened because the meter or the disk fell behind; written or dropped
	Dropped uint64 // not in the files, for want of memory or because the disk refused them
}

// maxLanes is how many link types are collected at the same time. A live capture
// has two at most.
const maxLanes = 4

// cutTo is how much of a frame is kept, in bytes, while the disk is behind: the
// headers, also of a packet in a tunnel.
const cutTo = 256

// dumpSnap is the snap length in the files' headers, in bytes: libpcap's largest. A
// frame of a vif has up to 65,549 bytes and its tags.
const dumpSnap = 262144

// OpenDump creates the first file and starts the goroutine that writes.
func OpenDump(cfg DumpConfig) (*Dump, error) {
	d := &Dump{cfg: cfg}
	d.pool.init(dumpChunks)
	if cfg.Blocking {
		d.pool.init(blockingChunks)
	}
	d.queue.init()
	d.files.init(dumpPrefix(cfg.Prefix))
	if err := d.files.createFirst(); err != nil {
		return nil, err
	}
	d.done.Go(d.run)
	return d, nil
}

// CheckDump returns the error of [OpenDump] with that prefix, and leaves no file.
func CheckDump(prefix string) error {
	var f dumpFiles
	f.init(dumpPrefix(prefix))
	if err := f.createFirst(); err != nil {
		return err
	}
	return errors.Join(f.first.Close(), os.Remove(f.first.Name()))
}

// dumpPrefix returns what the names of all files of a dump begin with.
func dumpPrefix(prefix string) string { return prefix + "-" + time.Now().Format("20060102150405") }

// Stats returns the counters so far.
func (d *Dump) Stats() DumpStats {
	return DumpStats{Written: d.written.Load(), Cut: d.cut.Load(), Dropped: d.dropped.Load()}
}

// Frame writes a copy of f, with the tag that the kernel has taken off.
func (d *Dump) Frame(f *Frame) {
	length := max(f.Length, uint32(len(f.Data)))
	keep, cut := d.keep(f, length)
	c := d.chunk(f.FileLink(), recordHead+keep)
	if c == nil {
		d.drop(1, d.failing.Load())
		return
	}
	if cut {
		d.cut.Add(1)
	}
	b := c.room(recordHead + keep)
	binary.LittleEndian.PutUint32(b, uint32(f.Time/1e9))
	binary.LittleEndian.PutUint32(b[4:], uint32(f.Time%1e9))
	binary.LittleEndian.PutUint32(b[8:], uint32(keep))
	binary.LittleEndian.PutUint32(b[12:], length)
	f.copyTagged(b[recordHead:])
	c.publish(recordHead + keep)
}

// keep returns how many bytes of a frame are kept, and whether that is less than
// there would be if the disk and the meter kept up.
func (d *Dump) keep(f *Frame, length uint32) (n int, cut bool) {
	most := uint32(dumpSnap)
	if d.cfg.Snap > 0 {
		most = min(most, d.cfg.Snap)
	}
	n = min(f.taggedLen(), int(most))
	if d.cfg.Blocking {
		return n, false
	}
	if d.pool.behind() {
		n = min(n, cutTo)
	}
	return n, n < int(min(length, most))
}

// chunk returns the chunk that a record of n bytes of a link type goes into, nil if
// there is no memory.
func (d *Dump) chunk(link packet.Link, n int) *chunk {
	i := d.lane(link)
	if c := d.lanes[i]; c != nil && c.link == link && c.fits(n) {
		return c
	}
	d.seal(i)
	c := d.pool.get(d.cfg.Blocking)
	if c == nil {
		return nil
	}
	c.link, d.lanes[i] = link, c
	d.queue.push(c)
	return c
}

// lane returns the lane of a link type; for one that has none, a free one, else that of
// another link type.
func (d *Dump) lane(link packet.Link) int {
	free := -1
	for i, c := range d.lanes {
		if c == nil {
			free = i
		} else if c.link == link {
			return i
		}
	}
	if free < 0 {
		free, d.next = d.next, (d.next+1)%maxLanes
	}
	return free
}

// seal ends the chunk of a lane, if it has one.
func (d *Dump) seal(lane int) {
	if c := d.lanes[lane]; c != nil {
		c.seal()
		d.lanes[lane] = nil
		d.queue.notify()
	}
}

// Close writes what is in memory and closes the files. It returns an error if frames
// are missing because the disk has refused them.
func (d *Dump) Close() error {
	for i := range d.lanes {
		d.seal(i)
	}
	d.queue.close()
	d.done.Wait()
	err := d.files.close()
	if d.refused.Load() > 0 {
		err = errors.Join(fmt.Errorf("%w; %d frames are missing", d.fault, d.dropped.Load()), err)
	}
	if err != nil {
		return fmt.Errorf("dumping packets: %w", err)
	}
	return nil
}
