package publish

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/beat/events"
	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/elastic/beats/v7/libbeat/common/dtfmt"
	"github.com/elastic/beats/v7/libbeat/outputs/codec"
	jsoncodec "github.com/elastic/beats/v7/libbeat/outputs/codec/json"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/qubesbeat/qubesbeat/internal/event"
)

// CodecName is the name of our codec in the configuration of an output.
const CodecName = "qubesbeat"

// documentField is the field under which a document travels through libbeat's
// pipeline where it need not become a map: see [Form].
const documentField = "qubesbeat.document"

// RegisterCodec makes our codec known to libbeat's outputs. It must be called
// once, before a configuration is read.
func RegisterCodec() {
	codec.RegisterType(CodecName, func(info beat.Info, _ *conf.C) (codec.Codec, error) {
		return newCodec(info.Version), nil
	})
}

// documentCodec writes the same JSON as libbeat's own codec. Documents that come
// as they are write themselves, which takes a fifth of the time that a map
// takes; everything else is left to libbeat's codec.
type documentCodec struct {
	version string
	plain   *jsoncodec.Encoder
	json    event.JSON
	times   *dtfmt.Formatter
	second  int64  // of the last time
	prefix  []byte // its text up to the fraction

	// The fields that libbeat adds are the same for all events of a client.
	added     mapstr.M
	addedText []byte
}

var _ codec.Codec = (*documentCodec)(nil) // type check

func newCodec(version string) *documentCodec {
	c := &documentCodec{version: version, plain: jsoncodec.New(version, jsoncodec.Config{}),
		times: dtfmt.MustNewFormatter(common.TimestampFormat(false))}
	c.json.AppendTime = c.appendTime
	return c
}

// appendTime writes a time as libbeat does. Events come many to the second, so
// that the part up to the second is kept.
func (c *documentCodec) appendTime(b []byte, t time.Time) []byte {
	if sec := t.Unix(); sec != c.second || c.prefix == nil {
		text, err := c.times.AppendTo(c.prefix[:0], t.Truncate(time.Second))
		if err != nil || len(text) < len(".000Z") {
			return b
		}
		c.second, c.prefix = sec, text[:len(text)-len("000Z")]
	}
	ms := t.Nanosecond() / int(time.Millisecond)
	return append(append(b, c.prefix...), '0'+byte(ms/100), '0'+byte(ms/10%10), '0'+byte(ms%10), 'Z')
}

// Encode implements codec.Codec. The text is valid until the next call.
func (c *documentCodec) Encode(index string, e *beat.Event) ([]byte, error) {
	d, isDocument := e.Fields[documentField].(event.Document)
	line, isLine := e.Fields[documentField].(lineFields)
	if !isDocument && !isLine {
		return c.plain.Encode(index, e)
	}
	copies := line.copies
	if a, ok := d.(addressed); ok {
		copies = a.copies
	}
	j := &c.json
	j.Buf = append(j.Buf[:0], '{')
	j.Time("@timestamp", e.Timestamp.UnixNano())
	j.Begin("@metadata")
	j.String("beat", index)
	j.String("type", "_doc")
	j.String("version", c.version)
	if id, ok := e.Meta[events.FieldMetaID].(string); ok {
		j.String(events.FieldMetaID, id)
	}
	j.End()
	if isDocument {
		j.AppendFields(d)
	} else {
		j.Buf = append(append(j.Buf, ','), line.members...)
	}
	if err := c.appendAdded(e.Fields, copies); err != nil {
		return nil, err
	}
	j.Buf = append(j.Buf, '}')
	return j.Buf, nil
}

// appendAdded appends the fields beside the document: agent, ecs and host. Copies are
// names of others that are no fields of the event.
func (c *documentCodec) appendAdded(fields mapstr.M, copies []string) error {
	if c.addedText == nil || !c.same(fields, copies) {
		if err := c.encodeAdded(fields, copies); err != nil {
			return err
		}
	}
	c.json.Buf = append(c.json.Buf, c.addedText...)
	return nil
}

// encodeAdded encodes them, sorted by name, so that every run writes the same,
// and keeps the text.
func (c *documentCodec) encodeAdded(fields mapstr.M, copies []string) error {
	c.added = mapstr.M{}
	for k, v := range fields {
		if k != documentField && !slices.Contains(copies, k) {
			c.added[k] = v
		}
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(c.added); err != nil {
		return err
	}
	c.addedText = bytes.TrimSuffix(text.Bytes(), []byte("}\n"))
	if c.addedText[0] = ','; len(c.added) == 0 {
		c.addedText = c.addedText[:0]
	}
	return nil
}

// same reports whether the added fields are those that were encoded last.
// libbeat hands out the same maps for every event of a client.
func (c *documentCodec) same(fields mapstr.M, copies []string) bool {
	if len(fields) != len(c.added)+1+len(copies) {
		return false
	}
	for k, v := range c.added {
		if !sameMap(v, fields[k]) {
			return false
		}
	}
	return true
}

// sameMap reports whether two values are one and the same map.
func sameMap(a, b any) bool {
	m, ok := a.(mapstr.M)
	n, also := b.(mapstr.M)
	return ok && also && mapIdentity(m) == mapIdentity(n)
}

func mapIdentity(m mapstr.M) uintptr { return reflect.ValueOf(m).Pointer() }
