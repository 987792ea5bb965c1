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

// dumpRoom is how many frames may wait for the disk.
const dumpRoom = 4096

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

	Written, Dropped atomic.Uint64
}

type dumpFile struct {
	file   *os.File
	buffer *bufio.Writer
	writer *pcapgo.Writer
}

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
		return nil, err
	}
	d.done.Go(d.run)
	return d, nil
}

// create makes a file for its owner alone: it holds what others have sent.
func create(name string) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("dumping packets: %w", err)
	}
	return file, nil
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
	f := &dumpFile{file: file, buffer: bufio.NewWriterSize(file, 1<<20)}
	f.writer = pcapgo.NewWriterNanos(f.buffer)
	d.files[link] = f
	if err := f.writer.WriteFileHeader(maxRecord, layers.LinkType(link)); err != nil {
		return nil, fmt.Errorf("dumping packets: %w", err)
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
	select {
	case d.queue <- c:
	default:
		d.Dropped.Add(1)
	}
}

// run writes until the queue is closed. After a fault it drops, and counts.
func (d *Dump) run() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case c, ok := <-d.queue:
			if !ok {
				return
			}
			d.write(&c)
		case <-ticker.C: // so that another program can follow the file
			for _, f := range d.files {
				d.note(f.buffer.Flush())
			}
		}
	}
}

func (d *Dump) write(c *dumped) {
	if d.fault == nil {
		f, err := d.file(c.link)
		if err == nil {
			err = f.writer.WritePacket(c.info, c.data)
		}
		d.note(err)
	}
	if d.fault != nil {
		d.Dropped.Add(1)
		return
	}
	d.Written.Add(1)
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
	for _, f := range d.files {
		d.note(errors.Join(f.buffer.Flush(), f.file.Close()))
	}
	if d.fault != nil {
		return fmt.Errorf("dumping packets: %w; %d frames are missing", d.fault, d.Dropped.Load())
	}
	return nil
}
