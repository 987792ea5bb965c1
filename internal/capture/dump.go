package capture

import (
	"bufio"
	"errors"
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

// Limits of the queue to the disk, in frames and in bytes. A frame that exceeds
// one is dropped.
const (
	dumpRoom  = 4096
	dumpBytes = 32 << 20
)

// Dump writes frames to capture files in the classic format with nanoseconds:
// PREFIX-YYYYmmddHHMMSS.pcap, as packetbeat names them. That format has one link
// type per file, so each further link type gets another file, with the type's
// number before the extension. Frames are copied and written by a goroutine: a
// slow disk loses frames of the dump, counted in Dropped, and delays nothing.
//
// Frame and Close are not safe for concurrent use; the counters are.
type Dump struct {
	prefix   string
	blocking bool
	first    *os.File // until the link type of the first frame is known
	files    map[packet.Link]*dumpFile
	queue    chan dumped
	done     sync.WaitGroup
	fault    error

	waiting atomic.Int64 // bytes

	Written, Dropped atomic.Uint64
}

type dumpFile struct {
	file   *os.File
	buffer *bufio.Writer
	writer *pcapgo.Writer
	given  int64   // bytes written to the buffer
	taken  int64   // bytes written to the file
	ends   []int64 // for each frame not yet entirely in the file, the value of given behind it
}

// Write implements [io.Writer] for the buffer and counts the bytes.
func (f *dumpFile) Write(b []byte) (int, error) {
	n, err := f.file.Write(b)
	f.taken += int64(n)
	return n, err
}

// completed returns how many frames have reached the file since the last call.
func (f *dumpFile) completed() (n uint64) {
	for len(f.ends) > 0 && f.ends[0] <= f.taken {
		f.ends = f.ends[1:]
		n++
	}
	return n
}

// Lengths of the headers of a file and of a record, in bytes.
const (
	dumpHead   = 24
	recordHead = 16
)

type dumped struct {
	link packet.Link
	info gopacket.CaptureInfo
	data []byte
}

// OpenDump creates the first file and starts the goroutine that writes. If
// blocking is set, Frame waits for the disk and drops nothing, as a replay can
// afford.
func OpenDump(prefix string, blocking bool) (d *Dump, err error) {
	d = &Dump{prefix: dumpPrefix(prefix), blocking: blocking, files: map[packet.Link]*dumpFile{}, queue: make(chan dumped, dumpRoom)}
	if d.first, err = createFirst(d.prefix); err != nil {
		return nil, err
	}
	d.done.Go(d.run)
	return d, nil
}

// CheckDump returns the error of [OpenDump], and leaves no file.
func CheckDump(prefix string) error {
	f, err := createFirst(dumpPrefix(prefix))
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// dumpPrefix returns what the names of all files of a dump begin with.
func dumpPrefix(prefix string) string { return prefix + "-" + time.Now().Format("20060102150405") }

// createFirst creates the first file of a dump.
func createFirst(prefix string) (*os.File, error) {
	f, err := create(prefix + ".pcap")
	if err != nil {
		return nil, fmt.Errorf("dumping packets: %w", err)
	}
	return f, nil
}

// create creates a file that only its owner can read: it holds other people's
// traffic.
func create(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// file returns the file of a link type and creates it for the first frame.
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
	if d.blocking {
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

// flushEvery bounds the delay after which a program that follows the file sees a
// frame.
const flushEvery = time.Second

// run writes until the queue is closed. After a fault it drops and counts the
// frames.
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

// write writes a frame to the buffer of its file.
func (d *Dump) write(c *dumped) {
	if !d.blocking {
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

// flush empties the buffers and counts the frames that have reached the files.
func (d *Dump) flush() {
	for _, f := range d.files {
		d.note(f.buffer.Flush())
		d.Written.Add(f.completed())
		if d.fault != nil {
			d.Dropped.Add(uint64(len(f.ends)))
			f.ends = nil
		}
	}
}

// note keeps the first fault.
func (d *Dump) note(err error) {
	if d.fault == nil && err != nil {
		d.fault = err
	}
}

// Close writes the queued frames and closes the files. It returns the first fault
// of the disk.
func (d *Dump) Close() error {
	close(d.queue)
	d.done.Wait()
	if d.first != nil { // an empty capture has a header, too
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
