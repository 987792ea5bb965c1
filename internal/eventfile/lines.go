package eventfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// MaxLine is how long the line of an event may be, in bytes. No event of the beat is as
// long: an analyzer's largest body is some 100 kB.
const MaxLine = 4 << 20

// Lines reads lines one by one. It keeps one line in memory and no more than the maximum
// length of it. It is not safe for concurrent use.
type Lines struct {
	// Number is that of the last line, counted from 1.
	Number int
	// End is the offset behind the last line, in bytes of the content.
	End int64

	r    *bufio.Reader
	most int
	long []byte // a line that does not fit into the buffer of r
}

// NewLines returns a reader of lines of at most so many bytes.
func NewLines(r io.Reader, most int) *Lines {
	return &Lines{r: bufio.NewReaderSize(r, min(most+2, 64<<10)), most: most}
}

// Next returns the next line without its end. It is valid until the next call. Of a line
// that is too long, which is passed over, it returns the beginning and true. At the end of the
// content the error is [io.EOF].
func (l *Lines) Next() (line []byte, tooLong bool, err error) {
	l.long = l.long[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		l.End += int64(len(part))
		if isWhole := err == nil || errors.Is(err, io.EOF); isWhole {
			if len(part) == 0 && len(l.long) == 0 && !tooLong {
				return nil, false, io.EOF
			}
			l.Number++
			return l.join(part, tooLong)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, false, err
		}
		if !tooLong {
			l.long = append(l.long, part...)
			tooLong = len(l.long) > l.most
		}
	}
}

// join returns a line of which the last part was read.
func (l *Lines) join(part []byte, tooLong bool) ([]byte, bool, error) {
	part = bytes.TrimSuffix(part, []byte("\n"))
	if tooLong || len(l.long)+len(part) > l.most {
		l.long = append(l.long, part...)
		return l.long[:l.most], true, nil
	}
	if len(l.long) > 0 {
		l.long = append(l.long, part...)
		part = l.long
	}
	return bytes.TrimSuffix(part, []byte("\r")), false, nil
}
