package wire

import (
	"bytes"

	"github.com/elastic/beats/v7/libbeat/outputs/codec"
	"github.com/elastic/elastic-agent-libs/mapstr"
	"github.com/elastic/go-structform/cborl"
	"github.com/elastic/go-structform/gotype"
)

// Event is an event of an analyzer, and where its conversation was observed.
type Event struct {
	Section   int   // number of the section of the configuration, from 1
	Timestamp int64 // nanoseconds since the Unix epoch
	Fields    mapstr.M

	// Known reports whether the event has two addresses of one family; what follows
	// is valid only then.
	Known  bool
	Iface  uint32 // 0 if the conversation is not remembered
	From   uint8  // direction of the source's packets, a packet.Direction
	Source string // address
	Dest   string // address
}

// EventEncoder encodes events in the way of libbeat's disk queue. It is not safe
// for concurrent use.
type EventEncoder struct {
	buf    bytes.Buffer
	folder *gotype.Iterator
}

// NewEventEncoder returns an encoder.
func NewEventEncoder() *EventEncoder {
	e := &EventEncoder{}
	e.reset()
	return e
}

func (w *EventEncoder) reset() {
	// The options are constants, for which NewIterator returns no error.
	w.folder, _ = gotype.NewIterator(cborl.NewVisitor(&w.buf),
		gotype.Folders(codec.MakeTimestampEncoder(), codec.MakeBCTimestampEncoder()))
}

// Encode returns the encoding of an event, which is valid until the next call.
func (w *EventEncoder) Encode(e *Event) ([]byte, error) {
	w.buf.Reset()
	if err := w.folder.Fold(e); err != nil {
		w.reset()
		return nil, err
	}
	return w.buf.Bytes(), nil
}

// EventDecoder decodes events. It is not safe for concurrent use.
type EventDecoder struct {
	unfolder *gotype.Unfolder
}

// NewEventDecoder returns a decoder.
func NewEventDecoder() *EventDecoder {
	d := &EventDecoder{}
	d.reset()
	return d
}

func (r *EventDecoder) reset() {
	r.unfolder, _ = gotype.NewUnfolder(nil) // without options there is no error
}

// Decode decodes an event. After an error the decoder is ready for the next one.
func (r *EventDecoder) Decode(b []byte) (e Event, err error) {
	if !wellFormed(b) {
		return e, ErrDamaged
	}
	defer func() {
		if recover() != nil { // the decoder may panic on values of unexpected types
			err = ErrDamaged
		}
		if err != nil {
			r.reset()
		}
	}()
	if err := r.unfolder.SetTarget(&e); err != nil {
		return e, err
	}
	defer r.unfolder.Reset()
	return e, cborl.Parse(b, r.unfolder)
}
