package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/qubesbeat/qubesbeat/internal/atomicfile"
)

// receipts are what the sender remembers of earlier transfers: it saves reading files
// again. If it is lost, the archive says what it has.
type receipts struct {
	Files int                `json:"files"` // that the archive said it has
	Hash  string             `json:"hash"`  // of its last entry
	Known map[string]receipt `json:"known"` // by name
}

// receipt is the answer to a file.
type receipt struct {
	Bytes    int64  `json:"bytes"`
	Modified int64  `json:"modified"`          // Unix time in nanoseconds
	Number   int    `json:"number,omitempty"`  // in the archive
	Refused  string `json:"refused,omitempty"` // why it never will be there
}

// loadReceipts reads a file that need not exist.
func loadReceipts(path string) (*receipts, error) {
	r := &receipts{Known: map[string]receipt{}}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: %w; remove it, and the archive is asked what it has", path, err)
	}
	return r, nil
}

// save replaces the file at once.
func (r *receipts) save(path string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(path, append(text, '\n')); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// of returns what is known of a file.
func (r *receipts) of(l *local) (receipt, bool) {
	k, ok := r.Known[l.name]
	return k, ok && k.Bytes == l.size && k.Modified == l.modified
}

// forget forgets the files that are gone.
func (r *receipts) forget(files []local) {
	there := map[string]receipt{}
	for i := range files {
		if k, ok := r.of(&files[i]); ok {
			there[files[i].name] = k
		}
	}
	r.Known = there
}
