package querylog

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// cutPartial removes the beginning of a row at the end of a file, which a full disk or a
// crash has left there: the next row must not continue it. Removing takes no room.
func cutPartial(f *os.File) error {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	buf := make([]byte, 4<<10)
	for end := info.Size(); end > 0; {
		from := max(end-int64(len(buf)), 0)
		block := buf[:end-from]
		if _, err := f.ReadAt(block, from); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if i := bytes.LastIndexByte(block, '\n'); i >= 0 {
			return truncate(f, info.Size(), from+int64(i)+1)
		}
		end = from
	}
	return truncate(f, info.Size(), 0)
}

// truncate removes what is behind an offset, if there is anything.
func truncate(f *os.File, size, offset int64) error {
	if size == offset {
		return nil
	}
	return f.Truncate(offset)
}
