package lists

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/qubesbeat/qubesbeat/internal/blocklist"
)

// Check returns why a source cannot be a list, nil if a start would use it with the
// same options. It does not fetch anything.
func (s *Source) Check(o blocklist.Options) error {
	var in io.Reader = strings.NewReader(s.Location)
	switch {
	case s.remote():
		return nil
	case !s.inline():
		f, err := s.open()
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	var quota blocklist.Quota
	report, err := blocklist.Parse(in, o, quota.Take)
	if err = s.refused(&report, err); err != nil {
		return fmt.Errorf("%s: %w", s.Name(), err)
	}
	return nil
}

// open opens the file of a source. A named pipe would keep the beat waiting.
func (s *Source) open() (*os.File, error) {
	path := strings.TrimPrefix(s.Location, "file://")
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		_ = f.Close()
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return f, nil
}
