package finding

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/qubesbeat/qubesbeat/internal/atomicfile"
	"github.com/qubesbeat/qubesbeat/internal/behaviour"
)

// exportMagic begins an export; the key of the installation and the state follow.
const exportMagic = "qbx1"

// ErrExport is wrapped by the errors of [Import] about the export itself.
var ErrExport = errors.New("no export of baselines")

// Export returns the baselines in a data folder with their key, for [Import]. They are at most
// ten minutes older than those of the beat.
func Export(dir string) ([]byte, error) {
	key, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err == nil && len(key) != keySize {
		err = fmt.Errorf("%s has %d bytes; want %d", keyFile, len(key), keySize)
	}
	if err != nil {
		return nil, fmt.Errorf("exporting the baselines: %w; path.data must be that of a beat with detect.enabled", err)
	}
	state, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		return nil, fmt.Errorf("exporting the baselines: %w; the beat writes it every ten minutes, and when it ends", err)
	}
	b := append(append([]byte(exportMagic), key...), state...)
	if _, err := check(b); err != nil {
		return nil, fmt.Errorf("exporting the baselines in %s: %w", dir, err)
	}
	return b, nil
}

// Import writes what [Export] has returned into a data folder, which must have no baselines
// yet: hashes with two keys cannot be merged. The beat must not run. It returns how many
// subjects there are.
func Import(dir string, data []byte) (subjects int, err error) {
	if subjects, err = check(data); err != nil {
		return 0, fmt.Errorf("importing baselines: %w", err)
	}
	for _, name := range [...]string{keyFile, stateFile} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return 0, fmt.Errorf("importing baselines: %s is there already; move it away to replace what was learned here", filepath.Join(dir, name))
		}
	}
	key, state := data[len(exportMagic):][:keySize], data[len(exportMagic)+keySize:]
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return 0, fmt.Errorf("importing baselines: %w", err)
	}
	if err := atomicfile.Write(filepath.Join(dir, stateFile), state); err != nil {
		return 0, fmt.Errorf("importing baselines: %w", err)
	}
	if err := atomicfile.Write(filepath.Join(dir, keyFile), key); err != nil {
		return 0, fmt.Errorf("importing baselines: %w", err)
	}
	return subjects, nil
}

// check reads an export and returns how many subjects it has.
func check(data []byte) (subjects int, err error) {
	if len(data) < len(exportMagic)+keySize || !bytes.HasPrefix(data, []byte(exportMagic)) {
		return 0, fmt.Errorf("%w: it does not begin with %s", ErrExport, exportMagic)
	}
	c := behaviour.Defaults()
	c.Report = func(*behaviour.Finding) {}
	c.Key = keyOf(data[len(exportMagic):])
	e := behaviour.New(c)
	if err := e.Restore(data[len(exportMagic)+keySize:]); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrExport, err)
	}
	return int(e.Stats().Subjects), nil
}

// keySize is the size of the key of an installation, in bytes.
const keySize = 16

// keyOf reads a key from the beginning of b.
func keyOf(b []byte) [2]uint64 {
	return [2]uint64{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}
}
