package transaction

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/outputs/codec"
	"github.com/elastic/elastic-agent-libs/mapstr"
	"github.com/elastic/go-structform/cborl"
	"github.com/elastic/go-structform/gotype"

	"github.com/qubesbeat/qubesbeat/internal/feed"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// Messages between the two processes: a kind, a length of four bytes, and so many
// bytes. Both ends are this program; what is read is checked all the same, for
// the child has read hostile bytes.
const (
	kindPacket = 'p' // parent to child: a packet
	kindName   = 'n' // parent to child: the name of an interface
	kindReady  = 'r' // child to parent: what it listens to, YAML
	kindFault  = 'f' // child to parent: why it cannot start
	kindEvent  = 'e' // child to parent: an event, CBOR
	kindStats  = 's' // child to parent: its counters, YAML
)

// maxMessage bounds a message: the largest packet, or an event with the largest
// bodies that an analyzer keeps.
const maxMessage = 64 << 20

var errMessage = errors.New("transaction: message between the processes is damaged")

func writeMessage(w io.Writer, kind byte, body []byte) error {
	var head [5]byte
	head[0] = kind
	binary.LittleEndian.PutUint32(head[1:], uint32(len(body)))
	if _, err := w.Write(head[:]); err != nil {
		return err
	}
	_, err := w.Write(body)
	return err
}

// readMessage returns the next message. Its body is new memory: the analyzers keep
// the payload of a packet.
func readMessage(r *bufio.Reader) (kind byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.LittleEndian.Uint32(head[1:])
	if n > maxMessage {
		return 0, nil, fmt.Errorf("%w: %d bytes", errMessage, n)
	}
	body = make([]byte, n)
	_, err = io.ReadFull(r, body)
	return head[0], body, err
}

// packetHead is how long a packet is without its payload.
const packetHead = 8 + 4 + 5 + 4 + 8 + 32

// appendPacket writes a packet. forged tells that its sender has borrowed the
// address.
func appendPacket(b []byte, p *feed.Packet, forged bool) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(p.Time))
	b = binary.LittleEndian.AppendUint32(b, p.Iface)
	b = append(b, byte(p.Direction), p.Family, p.Proto, p.Flags, 0)
	if forged {
		b[len(b)-1] = 1
	}
	b = binary.LittleEndian.AppendUint16(b, p.SrcPort)
	b = binary.LittleEndian.AppendUint16(b, p.DstPort)
	b = binary.LittleEndian.AppendUint32(b, p.Seq)
	b = binary.LittleEndian.AppendUint32(b, p.Ack)
	b = append(b, p.Src[:]...)
	b = append(b, p.Dst[:]...)
	return append(b, p.Payload...)
}

func parsePacket(b []byte) (p feed.Packet, forged bool, err error) {
	if len(b) < packetHead {
		return p, false, errMessage
	}
	p.Time, p.Iface = int64(binary.LittleEndian.Uint64(b)), binary.LittleEndian.Uint32(b[8:])
	p.Direction, p.Family, p.Proto, p.Flags, forged = packet.Direction(b[12]), b[13], b[14], b[15], b[16] != 0
	p.SrcPort, p.DstPort = binary.LittleEndian.Uint16(b[17:]), binary.LittleEndian.Uint16(b[19:])
	p.Seq, p.Ack = binary.LittleEndian.Uint32(b[21:]), binary.LittleEndian.Uint32(b[25:])
	p.Src, p.Dst = packet.Addr(b[29:45]), packet.Addr(b[45:61])
	if p.Payload = b[packetHead:]; len(p.Payload) == 0 {
		p.Payload = nil
	}
	return p, forged, nil
}

// wireEvent is an event on its way, and where it was seen.
type wireEvent struct {
	Section   int
	Timestamp int64
	Fields    mapstr.M
	Known     bool
	Iface     uint32
	From      uint8
	Source    string
	Dest      string
}

// eventWriter encodes events as libbeat's disk queue does.
type eventWriter struct {
	buf    bytes.Buffer
	folder *gotype.Iterator
}

func newEventWriter() *eventWriter {
	w := &eventWriter{}
	w.reset()
	return w
}

func (w *eventWriter) reset() {
	// The options are constants, for which there is no error.
	w.folder, _ = gotype.NewIterator(cborl.NewVisitor(&w.buf),
		gotype.Folders(codec.MakeTimestampEncoder(), codec.MakeBCTimestampEncoder()))
}

// encode returns the event's bytes, which are valid until the next call.
func (w *eventWriter) encode(e *wireEvent) ([]byte, error) {
	w.buf.Reset()
	if err := w.folder.Fold(e); err != nil {
		w.reset()
		return nil, err
	}
	return w.buf.Bytes(), nil
}

// eventReader decodes events.
type eventReader struct {
	unfolder *gotype.Unfolder
	parser   *cborl.Parser
}

func newEventReader() *eventReader {
	r := &eventReader{}
	r.unfolder, _ = gotype.NewUnfolder(nil)
	r.parser = cborl.NewParser(r.unfolder)
	return r
}

func (r *eventReader) decode(b []byte) (e wireEvent, err error) {
	defer func() {
		if recover() != nil { // the decoder trusts what it reads
			err = errMessage
		}
	}()
	if err := r.unfolder.SetTarget(&e); err != nil {
		return e, err
	}
	defer r.unfolder.Reset()
	return e, r.parser.Parse(b)
}

func (e *wireEvent) event() beat.Event {
	return beat.Event{Timestamp: time.Unix(0, e.Timestamp).UTC(), Fields: e.Fields}
}
