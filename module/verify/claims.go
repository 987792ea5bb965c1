package verify

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/atomicfile"
	"github.com/qubesbeat/qubesbeat/internal/qube"
	judge "github.com/qubesbeat/qubesbeat/internal/verify"
)

// claimsFile is the file of the claims, below path.data.
const claimsFile = "verify.claims"

// readClaims takes the claims of an earlier run. A file that cannot be read is kept under another
// name.
func (s *Service) readClaims(v *judge.Verifier) {
	if s.conf.DataDir == "" || !s.conf.Live {
		return
	}
	path := filepath.Join(s.conf.DataDir, claimsFile)
	err := atomicfile.Read(path, func(text []byte) error {
		list, err := parseClaims(text)
		for _, c := range list {
			v.Claim(c.Qube, c.Address, c.At)
		}
		return err
	})
	if err != nil {
		s.deps.Logger.Warn("the addresses that qubes have claimed cannot be read; what there is was kept", "file", path+atomicfile.Aside, "error", err.Error())
	}
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
