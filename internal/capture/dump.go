package capture

import (
	"bufio"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// How many frames may wait for the disk, and how many bytes of them.
const (
	dumpRoom  = 4096
	dumpBytes = 32 << 20
)

// Dump writes frames to capture files in the classic format with nanoseconds:
// PREFIX-YYYYmmddHHMMSS.pcap, as packetbeat names them. That format has one link
// type for a file, so each further link type gets a file of its own, with the
// type's number before the extension. Frames are copied and written in a
// goroutine of their own: a slow disk loses frames of the dump, counted, and
// nothing else.
//
// Frame and Close are for one goroutine, the counters may be read from any.
type Dump struct {
	prefix  string
	patient bool
	first   *os.File // until the first frame tells its link type
	files   map[packet.Link]*dumpFile
	queue   chan dumped
	done    sync.WaitGroup
	fault   error

	waiting atomic.Int64 // bytes

	Written, Dropped atomic.Uint64
}

type dumpFile struct {
	file   *os.File
	buffer *bufio.Writer
	writer *pcapgo.Writer
	given  int64   // bytes given to the buffer
	taken  int64   // bytes that the disk has taken
	ends   []int64 // of the frames that it has not taken whole, in bytes given
}

// Write implements io.Writer: below the buffer, it counts what the disk takes.
func (f *dumpFile) Write(b []byte) (int, error) {
	n, err := f.file.Write(b)
	f.taken += int64(n)
	return n, err
}

// settle returns how many frames the disk has taken since the last call.
func (f *dumpFile) settle() (n uint64) {
	for len(f.ends) > 0 && f.ends[0] <= f.taken {
		f.ends = f.ends[1:]
		n++
	}
	return n
}

// What the format adds to a capture and to each frame.
const (
	dumpHead   = 24
	recordHead = 16
)

type dumped struct {
	link packet.Link
	info gopacket.CaptureInfo
	data []byte
}

// OpenDump makes the first file. A patient dump makes Frame wait for the disk, as
// a replay can.
func OpenDump(prefix string, patient bool) (d *Dump, err error) {
	d = &Dump{prefix: prefix + "-" + time.Now().Format("20060102150405"), patient: patient,
		files: map[packet.Link]*dumpFile{}, queue: make(chan dumped, dumpRoom)}
	if d.first, err = create(d.prefix + ".pcap"); err != nil {
		return nil, fmt.Errorf("dumping packets: %w", err)
	}
	d.done.Go(d.run)
	return d, nil
}

// create makes a file for its owner alone: it holds what others have sent.
func create(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// file returns the file of a link type, a new one for the first frame of it.
func (d *Dump) file(link packet.Link) (*dumpFile, error) {
	if f := d.files[link]; f != nil {
		return f, nil
	}
	file := d.first
	if d.first = nil; file == nil {
		var err error
		if file, err = create(fmt.Sprintf("%s-%d.pcap", d.prefix, link)); err != nil {
			return nil, err
		}
	}
	f := &dumpFile{file: file, given: dumpHead}
	f.buffer = bufio.NewWriterSize(f, 1<<20)
	f.writer = pcapgo.NewWriterNanos(f.buffer)
	d.files[link] = f
	if err := f.writer.WriteFileHeader(maxRecord, layers.LinkType(link)); err != nil {
		return nil, err
	}
	return f, nil
}

// Frame writes a copy of f.
func (d *Dump) Frame(f *Frame) {
	link := f.Link
	if f.EtherType != 0 {
		link = packet.LinkRaw
	}
	c := dumped{link: link, data: append([]byte(nil), f.Data...), info: gopacket.CaptureInfo{
		Timestamp: time.Unix(0, f.Time), CaptureLength: len(f.Data), Length: max(int(f.Length), len(f.Data))}}
	if d.patient {
		d.queue <- c
		return
	}
	if d.waiting.Add(int64(len(c.data))) <= dumpBytes {
		select {
		case d.queue <- c:
			return
		default:
		}
	}
	d.waiting.Add(-int64(len(c.data)))
	d.Dropped.Add(1)
}

// flushEvery is how late another program that follows the file sees a frame.
const flushEvery = time.Second

// run writes until the queue is closed. After a fault it drops, and counts.
func (d *Dump) run() {
	var flush <-chan time.Time // nil while nothing is buffered
	for {
		select {
		case c, ok := <-d.queue:
			if !ok {
				return
			}
			d.write(&c)
			if flush == nil {
				flush = time.After(flushEvery)
			}
		case <-flush:
			d.flush()
			flush = nil
		}
	}
}

func (d *Dump) write(c *dumped) {
	if !d.patient {
		d.waiting.Add(-int64(len(c.data)))
	}
	if d.fault == nil {
		f, err := d.file(c.link)
		if err == nil {
			f.given += recordHead + int64(len(c.data))
			f.ends = append(f.ends, f.given)
			d.note(f.writer.WritePacket(c.info, c.data))
			return
		}
		d.note(err)
	}
	d.Dropped.Add(1)
}

// flush gives the disk what is buffered, and counts what it has taken.
func (d *Dump) flush() {
	for _, f := range d.files {
		d.note(f.buffer.Flush())
		d.Written.Add(f.settle())
		if d.fault != nil {
			d.Dropped.Add(uint64(len(f.ends)))
			f.ends = nil
		}
	}
}

func (d *Dump) note(err error) {
	if d.fault == nil && err != nil {
		d.fault = err
	}
}

// Close writes what waits and closes the files. It returns the first fault of
// the disk.
func (d *Dump) Close() error {
	close(d.queue)
	d.done.Wait()
	if d.first != nil { // no frame: an empty capture is one, too
		_, err := d.file(packet.LinkEthernet)
		d.note(err)
	}
	d.flush()
	for _, f := range d.files {
		d.note(f.file.Close())
	}
	if d.fault != nil {
		return fmt.Errorf("dumping packets: %w; %d frames are missing", d.fault, d.Dropped.Load())
	}
	return nil
}
