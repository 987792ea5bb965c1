package finding

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/qubesbeat/qubesbeat/internal/atomicfile"
	"github.com/qubesbeat/qubesbeat/internal/behaviour"
)

// The files of the detection, below path.data.
const (
	stateFile = "behaviour.state"
	keyFile   = "behaviour.key"
)

// saveEvery is the packet time between two writes of the state, in nanoseconds.
const saveEvery = int64(600e9)

// readKey returns the key of the installation, a new one if there is none.
func readKey(dir string) (key [2]uint64, err error) {
	path := filepath.Join(dir, keyFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(b) != keySize {
		b = make([]byte, keySize)
		_, _ = rand.Read(b) // it cannot fail
		err = atomicfile.Write(path, b)
	}
	if err != nil {
		return key, fmt.Errorf("the key of the baselines: %w", err)
	}
	return keyOf(b), nil
}

// restore reads the state of an earlier run. A state that cannot be read is kept under
// another name.
func (s *Service) restore(conf behaviour.Config) {
	path := filepath.Join(s.conf.DataDir, stateFile)
	if err := atomicfile.Read(path, s.engine.Restore); err != nil {
		s.engine = behaviour.New(conf)
		s.deps.Logger.Warn("the baselines cannot be read, learning starts again; what there is was kept", "file", path+atomicfile.Aside, "error", err.Error())
	}
}

// save writes the state. It is called with mu held.
func (s *Service) save() {
	if s.conf.DataDir == "" || s.dead {
		return
	}
	err := errors.Join(atomicfile.Write(filepath.Join(s.conf.DataDir, stateFile), s.engine.Snapshot()), s.saveRecent())
	if err != nil && !s.saveFailed {
		s.deps.Logger.Warn("the baselines cannot be written; trying again every ten minutes", "error", err.Error())
	}
	s.saveFailed = err != nil
}
