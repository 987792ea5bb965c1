package pcapfile

import (
	"bufio"
	"encoding/binary"
	"io"
)

// Sizes of the two headers of the format.
const (
	fileHeaderLen   = 24
	recordHeaderLen = 16
)

// Values of the file header.
const (
	magicMicro = 0xa1b2c3d4
	magicNano  = 0xa1b23c4d

	versionMajor = 2
	versionMinor = 4

	// MaxSnapLen is the snap length that a Writer announces. It is the largest
	// that tcpdump uses for Ethernet, so no frame is taken for a cut one.
	MaxSnapLen = 262144

	// LinkTypeEthernet is the link type of Ethernet frames.
	LinkTypeEthernet = 1
)

// bufferLen is the size of the buffers of Writer and Reader. It is small on
// purpose: see the comment on resident memory in package run.
const bufferLen = 256 << 10

// Writer writes a little-endian pcap file of Ethernet frames with microsecond
// timestamps. It is not safe for concurrent access.
type Writer struct {
	w   *bufio.Writer
	hdr [recordHeaderLen]byte
}

// NewWriter returns a Writer on w, to which it has written the file header. The
// caller must call [Writer.Flush] in the end.
func NewWriter(w io.Writer) (*Writer, error) {
	bw := bufio.NewWriterSize(w, bufferLen)

	hdr := make([]byte, 0, fileHeaderLen)
	hdr = binary.LittleEndian.AppendUint32(hdr, magicMicro)
	hdr = binary.LittleEndian.AppendUint16(hdr, versionMajor)
	hdr = binary.LittleEndian.AppendUint16(hdr, versionMinor)
	hdr = binary.LittleEndian.AppendUint64(hdr, 0) // time zone and accuracy, always 0
	hdr = binary.LittleEndian.AppendUint32(hdr, MaxSnapLen)
	hdr = binary.LittleEndian.AppendUint32(hdr, LinkTypeEthernet)

	_, err := bw.Write(hdr)

	return &Writer{w: bw}, err
}

// Write appends one frame. micros is the time since the Unix epoch in
// microseconds, origLen the length on the wire, which is len(frame) unless the
// frame was cut. It keeps no reference to frame.
func (w *Writer) Write(micros int64, frame []byte, origLen int) (err error) {
	const perSecond = 1_000_000

	le := binary.LittleEndian
	le.PutUint32(w.hdr[0:], uint32(micros/perSecond))
	le.PutUint32(w.hdr[4:], uint32(micros%perSecond))
	le.PutUint32(w.hdr[8:], uint32(len(frame)))
	le.PutUint32(w.hdr[12:], uint32(origLen))

	if _, err = w.w.Write(w.hdr[:]); err != nil {
		return err
	}

	_, err = w.w.Write(frame)

	return err
}

// Flush writes what is still buffered.
func (w *Writer) Flush() error { return w.w.Flush() }
