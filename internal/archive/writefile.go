package archive

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
)

// writeFile makes a file that only its owner can read, and writes it to the disk.
func writeFile(path string, write func(io.Writer) error) (Content, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Content{}, err
	}
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(f, sum), 1<<16)
	err = errors.Join(write(out), out.Flush(), f.Sync())
	size, seekErr := f.Seek(0, io.SeekEnd)
	return Content{size, hex.EncodeToString(sum.Sum(nil))}, errors.Join(err, seekErr, f.Close())
}
