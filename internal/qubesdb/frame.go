package qubesdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Path is the socket of the daemon in a qube.
const Path = "/var/run/qubes/qubesdb.sock"

// readOnlyPath is the socket for those outside the group qubes (QubesDB 4.3).
const readOnlyPath = "/var/run/qubes/qubesdb.ro.sock"

// The sizes of include/qubesdb.h. The header is a C struct: a byte, the path, three bytes
// of padding, and a length in the byte order of the machine, which is little-endian on all
// machines that run Qubes OS.
const (
	maxPath    = 64
	maxData    = 3072
	headerSize = 1 + maxPath + 3 + 4
)

// command is the type of a frame.
type command uint8

// The commands and responses in use.
const (
	cmdRead      command = 0
	cmdMultiRead command = 2
	cmdWatch     command = 5
	respOK       command = 7
	respNoEntry  command = 8
	respError    command = 9
	respRead     command = 10
	respMulti    command = 11
	respWatch    command = 13
)

// The errors of a request. ErrNoEntry is wrapped by the errors of Read.
var (
	ErrNoEntry    = errors.New("qubesdb: no such entry")
	errFrame      = errors.New("qubesdb: malformed frame")
	errRefused    = errors.New("qubesdb: the daemon returned an error")
	errUnexpected = errors.New("qubesdb: unexpected answer")
)

// frame is one message of the protocol.
type frame struct {
	kind command
	path string
	data []byte
}

// write sends a command without data.
func write(w io.Writer, kind command, path string) error {
	if len(path) >= maxPath {
		return fmt.Errorf("qubesdb: path %q is longer than %d bytes", path, maxPath-1)
	}
	var b [headerSize]byte
	b[0] = byte(kind)
	copy(b[1:], path)
	_, err := w.Write(b[:])
	return err
}

// read receives a frame.
func read(r io.Reader) (f frame, err error) {
	var b [headerSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return f, err
	}
	n := binary.LittleEndian.Uint32(b[headerSize-4:])
	end := bytes.IndexByte(b[1:1+maxPath], 0)
	if n > maxData || end < 0 || b[0] > byte(respWatch) {
		return f, errFrame
	}
	f = frame{kind: command(b[0]), path: string(b[1 : 1+end]), data: make([]byte, n)}
	_, err = io.ReadFull(r, f.data)
	return f, err
}
