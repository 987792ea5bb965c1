package kernellog

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
)

// fields are the relevant fields of a record of the journal. The journal itself writes
// those that begin with "_"; a program cannot (systemd.journal-fields(7)).
type fields struct {
	message, micros, transport string
	seen                       map[string]bool
	damaged                    bool // one of them is there twice
}

// set adds a field.
func (f *fields) set(name, value string) {
	switch name {
	case "MESSAGE":
		f.message = value
	case "__REALTIME_TIMESTAMP":
		f.micros = value
	case "_TRANSPORT":
		f.transport = value
	default:
		return
	}
	if f.seen == nil {
		f.seen = map[string]bool{}
	}
	f.damaged = f.damaged || f.seen[name]
	f.seen[name] = true
}

// read returns the message of a complete record.
func (f *fields) read() (Message, Origin) {
	switch {
	case f.damaged || f.transport == "":
		return Message{}, UnknownHeader
	case f.transport != "kernel":
		return Message{}, OtherProgram
	}
	return Message{withoutSeconds(f.message), micros(f.micros)}, Kernel
}

func micros(text string) time.Time {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}
	}
	return time.UnixMicro(n)
}

// isJSON reports whether a line is a record as JSON: plain, as a server-sent event, or in a
// sequence (RFC 7464).
func isJSON(line string) bool {
	return strings.HasPrefix(line, "{") || strings.HasPrefix(line, "data: {") || strings.HasPrefix(line, "\x1e{")
}

// readJSON reads a record. Names count in their exact case, and once.
func readJSON(line string) (Message, Origin) {
	d := json.NewDecoder(strings.NewReader(strings.TrimPrefix(strings.TrimPrefix(line, "data: "), "\x1e")))
	var f fields
	if _, err := d.Token(); err != nil {
		return Message{}, UnknownHeader
	}
	for d.More() {
		name, err := d.Token()
		var value any
		if err == nil {
			err = d.Decode(&value)
		}
		if err != nil {
			return Message{}, UnknownHeader
		}
		if key, ok := name.(string); ok {
			f.set(key, textOf(value))
		}
	}
	if _, err := d.Token(); err != nil {
		return Message{}, UnknownHeader
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Message{}, UnknownHeader
	}
	return f.read()
}

// textOf returns the value of a field: a text, or a list of bytes if it is none.
func textOf(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case []any:
		text := make([]byte, 0, len(v))
		for _, b := range v {
			n, ok := b.(float64)
			if !ok || n < 0 || n > 255 {
				return ""
			}
			text = append(text, byte(n))
		}
		return string(text)
	}
	return ""
}

// export is a record of `journalctl -o export` (systemd's JOURNAL_EXPORT_FORMATS): lines
// with fields, up to an empty line. A value with line ends has its length before it.
type export struct {
	open   bool
	fields fields
	name   string // of the field whose bytes are being read, "" if there is none
	raw    []byte // of the length and the value
	left   uint64 // bytes that are skipped
}

// maxField bounds the value of a field. A longer one is skipped.
const maxField = 64 << 10

// isExport reports whether a line begins a record: the journal's own fields come first.
func isExport(line string) bool {
	return strings.HasPrefix(line, "__") && strings.Contains(line, "=")
}

func (e *export) inBytes() bool { return e.name != "" || e.left > 0 }

// line adds a line with a field, or ends the record.
func (e *export) line(line string) (Message, Origin) {
	if line == "" {
		f := e.fields
		*e = export{}
		return f.read()
	}
	e.open = true
	if name, value, ok := strings.Cut(line, "="); ok {
		e.fields.set(name, value)
	} else {
		e.name = line
	}
	return Message{}, Partial
}

// bytes adds a line of a value whose length is known, with the line feed that has ended
// it.
func (e *export) bytes(line string) (Message, Origin) {
	const lengthBytes = 8
	data := append([]byte(line), '\n')
	if e.left > 0 {
		e.left -= min(e.left, uint64(len(data)))
		return Message{}, Partial
	}
	e.raw = append(e.raw, data...)
	if len(e.raw) < lengthBytes {
		return Message{}, Partial
	}
	length := binary.LittleEndian.Uint64(e.raw)
	have := uint64(len(e.raw) - lengthBytes)
	switch {
	case length > maxField:
		e.left = length + 1 - min(have, length+1)
		e.fields.set(e.name, "")
	case have <= length: // the value and a line feed
		return Message{}, Partial
	default:
		e.fields.set(e.name, string(e.raw[lengthBytes:lengthBytes+length]))
	}
	e.name, e.raw = "", nil
	return Message{}, Partial
}
