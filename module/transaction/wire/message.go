package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"gopkg.in/yaml.v3"
)

// ChildVariable is the environment variable that makes the program run the
// analyzers and nothing else.
const ChildVariable = "QUBESBEAT_ANALYZERS"

// ProgressFile is the descriptor of the shared counter in the analyzers' process:
// see [OpenProgress].
const ProgressFile = 3

// Kind is the kind of a message.
type Kind byte

// The kinds of messages.
const (
	KindConfig Kind = 'c' // to the analyzers: a Config in YAML, the first message
	KindPacket Kind = 'p' // to the analyzers: see AppendPacket
	KindName   Kind = 'n' // to the analyzers: see AppendName
	KindReady  Kind = 'r' // from the analyzers: a Ready in YAML
	KindFault  Kind = 'f' // from the analyzers: why they cannot start, as text
	KindEvent  Kind = 'e' // from the analyzers: an Event in CBOR
	KindStats  Kind = 's' // from the analyzers: a Stats in YAML
	KindPanic  Kind = 'x' // from the analyzers: see AppendPanic
)

// maxMessage bounds the body of a message: the largest packet, or an event with
// the largest bodies that an analyzer keeps.
const maxMessage = 64 << 20

// ErrDamaged is returned for a message that cannot be read.
var ErrDamaged = errors.New("wire: damaged message")

// Write writes a message.
func Write(w io.Writer, kind Kind, body []byte) error {
	var head [5]byte
	head[0] = byte(kind)
	binary.LittleEndian.PutUint32(head[1:], uint32(len(body)))
	if _, err := w.Write(head[:]); err != nil {
		return err
	}
	_, err := w.Write(body)
	return err
}

// WriteYAML writes a message whose body is v in YAML.
func WriteYAML(w io.Writer, kind Kind, v any) error {
	text, err := yaml.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding a message: %w", err)
	}
	return Write(w, kind, text)
}

// Read returns the next message, io.EOF after the last one. Its body is newly
// allocated, since the analyzers keep the payload of packets.
func Read(r *bufio.Reader) (kind Kind, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.LittleEndian.Uint32(head[1:])
	if n > maxMessage {
		return 0, nil, fmt.Errorf("%w: %d bytes", ErrDamaged, n)
	}
	body = make([]byte, n)
	_, err = io.ReadFull(r, body)
	return Kind(head[0]), body, err
}

// ParseYAML parses the body of a message in YAML.
func ParseYAML(body []byte, v any) error {
	if err := yaml.Unmarshal(body, v); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}
