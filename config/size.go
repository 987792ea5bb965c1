package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes. In the configuration it has a unit, as in 20GiB.
type Size int64

// sizeUnits are the units of a [Size].
var sizeUnits = []struct {
	name  string
	bytes float64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}}

// maxSize bounds every size, so that no sum of them overflows: 1 PiB.
const maxSize = 1 << 50

// Unpack implements the interface of the configuration's values. A plain number would
// be taken for bytes by some and for mebibytes by others; only 0 needs no unit.
func (s *Size) Unpack(v any) error {
	text := strings.TrimSpace(fmt.Sprint(v))
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		if n != 0 {
			return fmt.Errorf("%s has no unit; write \"%sMiB\", or use KiB, GiB or TiB", text, text)
		}
		*s = 0
		return nil
	}
	for _, u := range sizeUnits {
		number, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || math.IsNaN(n) || n < 0 {
			break
		}
		if n*u.bytes > maxSize {
			return fmt.Errorf("%s is more than 1024TiB", text)
		}
		*s = Size(n * u.bytes)
		return nil
	}
	return fmt.Errorf("%q is not a size such as 64KiB, 512MiB or 20GiB", text)
}

// String returns the size with the largest unit in which it is a whole number.
func (s Size) String() string {
	for i := len(sizeUnits) - 1; i >= 0; i-- {
		if u := sizeUnits[i]; s != 0 && s%Size(u.bytes) == 0 {
			return strconv.FormatInt(int64(s)/int64(u.bytes), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}
