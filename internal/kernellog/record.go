package kernellog

import (
	"strconv"
	"strings"
	"time"
)

// record is a record of /dev/kmsg: "priority,number,microseconds,flags;text", followed by
// lines with properties (Documentation/ABI/testing/dev-kmsg).
type record struct {
	text     string
	since    time.Duration // boot, on the kernel's clock
	isKernel bool          // and not of a program that writes to /dev/kmsg
}

// readRecord parses a record. It reports whether line is one.
func readRecord(line string) (r record, ok bool) {
	head, rest, ok := strings.Cut(line, ";")
	parts := strings.Split(head, ",")
	if !ok || len(parts) < 3 {
		return r, false
	}
	var numbers [3]uint64
	for i := range numbers {
		n, err := strconv.ParseUint(parts[i], 10, 63)
		if err != nil {
			return r, false
		}
		numbers[i] = n
	}
	r.text, _, _ = strings.Cut(rest, "\n")
	r.since = time.Duration(numbers[2]) * time.Microsecond
	r.isKernel = numbers[0]>>3 == 0 // the facility
	return r, true
}
