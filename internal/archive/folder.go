package archive

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/eventfile"
)

// local is a complete file of events in the folder of the sender.
type local struct {
	path, name string
	at         time.Time // of its completion
	size       int64
	modified   int64 // Unix time in nanoseconds
}

// complete returns the complete files of a folder, the oldest first.
func complete(dir string) ([]local, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []local
	for _, e := range entries {
		at, ok := eventfile.CompletedAt(e.Name())
		info, err := e.Info()
		if !ok || !strings.HasSuffix(e.Name(), suffix) || err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
			continue
		}
		files = append(files, local{filepath.Join(dir, e.Name()), e.Name(), at, info.Size(), info.ModTime().UnixNano()})
	}
	slices.SortFunc(files, func(a, b local) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.name, b.name)) })
	return files, nil
}

// open opens a file and computes its SHA-256.
func (l *local) open() (f *os.File, digest string, err error) {
	f, err = os.OpenFile(l.path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, "", err
	}
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	if err == nil && n != l.size {
		err = fmt.Errorf("%s: it changes although it is complete", l.name)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		return nil, "", err
	}
	return f, hex.EncodeToString(sum.Sum(nil)), nil
}
