package archive

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
)

// maxDecoder bounds the memory for reading a file that somebody may have put there.
const maxDecoder = 64 << 20

// Summary describes the archive of one sender.
type Summary struct {
	Sender                         string
	Files, Events                  int
	Duplicates, Conflicts, Refused int
	Bytes                          int64 // of the compressed files
	First, Last                    time.Time
	Hash                           string // of the last entry: note it down, and compare later
	Partial                        bool   // a transfer is under way, or a crash has left a part of one
}

// Verify reads the archive of a sender without changing it, and checks the chain of
// entries and that each file is the one that was stored. It returns all faults, joined.
func Verify(dir, sender string) (Summary, error) {
	v := Summary{Sender: sender, Hash: origin(sender)}
	folder := filepath.Join(dir, sender)
	f, err := os.OpenFile(filepath.Join(folder, manifestName), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return v, err
	}
	defer f.Close()
	var faults []error
	length, err := readEntries(bufio.NewReader(f), sender, func(e *Entry) {
		v.add(e)
		if err := checkFile(filepath.Join(folder, e.File), e); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", e.File, err))
		}
	})
	if err != nil {
		faults = append(faults, err)
	}
	if info, err := f.Stat(); err == nil {
		v.Partial = info.Size() != length
	}
	return v, errors.Join(faults...)
}

// add adds an entry to a summary.
func (v *Summary) add(e *Entry) {
	if v.Files == 0 || e.First.Before(v.First) {
		v.First = e.First
	}
	if e.Last.After(v.Last) {
		v.Last = e.Last
	}
	v.Files++
	v.Events += e.Events
	v.Duplicates += e.Duplicates
	v.Conflicts += e.Conflicts
	v.Refused += e.Refused
	v.Bytes += e.Stored.Bytes
	v.Hash = e.Hash
}

// checkFile compares a file with its entry.
func checkFile(path string, e *Entry) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	if err != nil {
		return err
	}
	if got := (Content{n, hex.EncodeToString(sum.Sum(nil))}); got != e.Stored {
		return fmt.Errorf("it has %d bytes with the digest %s; %d with %s were stored", got.Bytes, got.SHA256, e.Stored.Bytes, e.Stored.SHA256)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return checkEvents(f, e.Events)
}

// checkEvents counts the lines of a file.
func checkEvents(r io.Reader, want int) error {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxDecoder))
	if err != nil {
		return err
	}
	defer z.Close()
	n := 0
	if _, err := eachLine(z, func([]byte) { n++ }); err != nil {
		return err
	}
	if n != want {
		return fmt.Errorf("it has %d events; %d were stored", n, want)
	}
	return nil
}

// Senders returns the names of the senders in an archive, in order.
func Senders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && senderForm.MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}
