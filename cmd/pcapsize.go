package cmd

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/qubesbeat/qubesbeat/config"
)

// sizeFlag is a number of bytes on the command line, with or without a unit.
type sizeFlag int64

var _ pflag.Value = (*sizeFlag)(nil) // type check

// Set implements [pflag.Value].
func (s *sizeFlag) Set(text string) error {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n <= 0 {
			return errors.New("is not above 0")
		}
		*s = sizeFlag(n)
		return nil
	}
	var n config.Size
	if err := n.Unpack(text); err != nil {
		return err
	}
	*s = sizeFlag(n)
	return nil
}

// String implements [pflag.Value].
func (s *sizeFlag) String() string {
	for _, u := range []struct {
		name  string
		bytes int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}} {
		if n := int64(*s); n > 0 && n%u.bytes == 0 {
			return fmt.Sprintf("%d%s", n/u.bytes, u.name)
		}
	}
	return strconv.FormatInt(int64(*s), 10)
}

// Type implements [pflag.Value].
func (s *sizeFlag) Type() string { return "size" }
