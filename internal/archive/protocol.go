package archive

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The protocol: each side writes lines of words that are separated by single spaces. The
// sender begins.
//
//	qubesbeat-archive 1            ready FILES HASH, or busy
//	file NAME BYTES SHA256         have NUMBER, send, refused REASON, or full REASON
//	the bytes, after send          stored NUMBER EVENTS DUPLICATES CONFLICTS REFUSED HASH,
//	                               refused REASON, or full REASON
//
// The end of the stream ends the transfer. A side that gets something else ends it, too.
const opening = "qubesbeat-archive 1"

// maxMessage is longer than any line of the protocol.
const maxMessage = 1024

// errMessage is returned for a line that is not of the protocol.
var errMessage = errors.New("archive: that is not a message of the protocol")

// stream is one end of the connection.
type stream struct {
	in  *bufio.Reader
	out io.Writer
}

func newStream(r io.Reader, w io.Writer) *stream {
	return &stream{bufio.NewReaderSize(r, 1<<16), w}
}

// say writes a line.
func (s *stream) say(format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	_, err := io.WriteString(s.out, text[:min(len(text), maxMessage-1)]+"\n")
	return err
}

// hear reads a line, and returns its first word and the rest. At the end of the stream
// it returns [io.EOF].
func (s *stream) hear() (word, rest string, err error) {
	var line []byte
	for {
		b, err := s.in.ReadByte()
		switch {
		case err == io.EOF && len(line) > 0:
			return "", "", io.ErrUnexpectedEOF
		case err != nil:
			return "", "", err
		case b == '\n':
			word, rest, _ = strings.Cut(string(line), " ")
			return word, rest, nil
		case len(line) == maxMessage || b < ' ' || b > '~':
			return "", "", errMessage
		}
		line = append(line, b)
	}
}
