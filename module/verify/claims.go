package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/atomicfile"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// The file of the claims below path.data, and under which name one is kept that cannot be read.
const (
	claimsFile = "verify.claims"
	badSuffix  = ".bad"
	maxClaims  = 256 << 10 // bytes of the file: more than 512 of the longest names have
)

// readClaims takes the claims of an earlier run. A file that makes no sense is kept under another
// name.
func (s *Service) readClaims(v *judge.Verifier) {
	if s.conf.DataDir == "" || !s.conf.Live {
		return
	}
	path := filepath.Join(s.conf.DataDir, claimsFile)
	text, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		s.deps.Logger.Warn("the addresses that qubes have claimed cannot be read; the next claim replaces them", "file", path, "error", err.Error())
		return
	}
	list, err := parseClaims(text)
	if err != nil {
		kept := os.Rename(path, path+badSuffix)
		s.deps.Logger.Warn("the addresses that qubes have claimed cannot be read; what there is was kept", "file", path+badSuffix, "error", errors.Join(err, kept).Error())
		return
	}
	for _, c := range list {
		v.Claim(c.Qube, c.Address, c.At)
	}
}

// readFile returns the content of a file of claims.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxClaims))
}

// parseClaims parses what writeClaims has written.
func parseClaims(text []byte) (list []judge.External, err error) {
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	now := time.Now()
	for i := range list {
		c := &list[i]
		if err := qube.ValidName(c.Qube); err != nil {
			return nil, err
		}
		if !c.Address.IsValid() {
			return nil, fmt.Errorf("the address of %s is missing", c.Qube)
		}
		if c.At.After(now) { // the clock was set
			c.At = now.UTC()
		}
	}
	return list, nil
}

// writeClaims keeps the claims for the next run.
func (s *Service) writeClaims(list []judge.External) error {
	if s.conf.DataDir == "" || !s.conf.Live {
		return nil
	}
	text, err := json.Marshal(list)
	if err == nil {
		err = atomicfile.Write(filepath.Join(s.conf.DataDir, claimsFile), text)
	}
	if err != nil {
		return fmt.Errorf("the claim is noted until the beat ends, and cannot be kept: %w", err)
	}
	return nil
}
