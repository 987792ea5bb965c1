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
	_, err := s.read(o)
	return err
}

// Invalid describes the first invalid lines of a source that [Source.Check] does not
// refuse. They block nothing.
func (s *Source) Invalid(o blocklist.Options) (list []string) {
	report, err := s.read(o)
	if err != nil {
		return nil
	}
	for i := range report.Faults {
		list = append(list, first(report.Faults[i:]))
	}
	return list
}

// read reads a source that is not fetched.
func (s *Source) read(o blocklist.Options) (report blocklist.Report, err error) {
	var in io.Reader = strings.NewReader(s.Location)
	switch {
	case s.remote():
		return report, nil
	case !s.inline():
		f, err := s.open()
		if err != nil {
			return report, err
		}
		defer f.Close()
		in = f
	}
	var quota blocklist.Quota
	report, err = blocklist.Parse(in, o, quota.Take)
	if err = s.refused(&report, err); err != nil {
		return report, fmt.Errorf("%s: %w", s.Name(), err)
	}
	return report, nil
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
