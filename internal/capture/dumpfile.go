package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// dumpFiles are the files of a dump, by link type.
type dumpFiles struct {
	prefix string
	first  *os.File // until the link type of the first frame is known
	all    map[packet.Link]*dumpFile
}

func (d *dumpFiles) init(prefix string) {
	d.prefix, d.all = prefix, map[packet.Link]*dumpFile{}
}

// createFirst creates the first file.
func (d *dumpFiles) createFirst() (err error) {
	if d.first, err = createDump(d.prefix + ".pcap"); err != nil {
		return fmt.Errorf("dumping packets: %w", err)
	}
	return nil
}

// createDump creates a file that only its owner can read: it holds other people's
// traffic.
func createDump(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// file returns the file of a link type and creates it for the first frame.
func (d *dumpFiles) file(link packet.Link) (*dumpFile, error) {
	if f := d.all[link]; f != nil {
		return f, nil
	}
	file := d.first
	if file == nil {
		var err error
		if file, err = createDump(fmt.Sprintf("%s-%d.pcap", d.prefix, link)); err != nil {
			return nil, err
		}
	}
	d.first = nil
	f := &dumpFile{file: file, link: link}
	d.all[link] = f
	return f, nil
}

// close closes all files.
func (d *dumpFiles) close() (err error) {
	if d.first != nil { // an empty capture has a header, too
		f, _ := d.file(packet.LinkEthernet) // it exists
		_, err = f.append(nil)
	}
	for _, f := range d.all {
		err = errors.Join(err, f.file.Close())
	}
	return err
}

// dumpFile is a file to which whole records are appended.
type dumpFile struct {
	file *os.File
	link packet.Link
	size int64 // bytes of the header and of whole records; 0 before the header
}

// append writes records to the end of the file. With an error, written are those that are
// in the file, and nothing of the others is.
func (f *dumpFile) append(records []byte) (written extent, err error) {
	if err := f.begin(); err != nil {
		return written, err
	}
	n, err := f.file.Write(records) // WriteAt does not say how much of it a full disk took
	if err == nil {
		f.size += int64(n)
		return written, nil
	}
	written = wholeRecords(records[:n])
	f.size += int64(written.bytes)
	return written, errors.Join(err, f.cutBack())
}

// begin writes the header, if the file has none.
func (f *dumpFile) begin() error {
	if f.size > 0 {
		return nil
	}
	h := dumpHeader(f.link)
	if _, err := f.file.Write(h); err != nil {
		return errors.Join(err, f.cutBack())
	}
	f.size = int64(len(h))
	return nil
}

// cutBack removes what a failed write has left behind.
func (f *dumpFile) cutBack() error {
	_, err := f.file.Seek(f.size, io.SeekStart)
	return errors.Join(err, f.file.Truncate(f.size))
}

// extent is a number of records and the bytes that they take.
type extent struct {
	bytes   int
	records uint64
}

// wholeRecords returns how many records there are in b before one that is not complete.
func wholeRecords(b []byte) (e extent) {
	for len(b)-e.bytes >= recordHead {
		n := recordHead + int(binary.LittleEndian.Uint32(b[e.bytes+8:]))
		if len(b)-e.bytes < n {
			break
		}
		e.bytes += n
		e.records++
	}
	return e
}

// dumpHeader returns the header of a file (https://www.tcpdump.org/manpages/pcap-savefile.5.html).
func dumpHeader(link packet.Link) []byte {
	b := make([]byte, 0, 24)
	for _, word := range []uint32{0xa1b23c4d, 2 | 4<<16, 0, 0, dumpSnap, uint32(link)} { // nanoseconds, version 2.4
		b = binary.LittleEndian.AppendUint32(b, word)
	}
	return b
}
