package analyzer

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// memoryLimit returns the lowest limit of memory of a control group and those around it, 0 if
// there is none. root is where control groups are mounted, own the file that names those
// of the process (cgroups(7)).
func memoryLimit(root, own string) uint64 {
	text, err := os.ReadFile(own)
	if err != nil {
		return 0
	}
	var least uint64
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) < 3 {
			continue
		}
		mount, name := root, "memory.max" // of version 2
		if fields[1] != "" {
			mount, name = filepath.Join(root, "memory"), "memory.limit_in_bytes"
			if !slices.Contains(strings.Split(fields[1], ","), "memory") {
				continue
			}
		}
		least = lowest(least, mount, filepath.Clean("/"+fields[2]), name)
	}
	return least
}

// lowest returns the lowest of a limit, 0 for none, and those in the files of a name in a folder
// below mount and the folders around it.
func lowest(least uint64, mount, dir, name string) uint64 {
	for ; ; dir = filepath.Dir(dir) {
		value, _ := os.ReadFile(filepath.Join(mount, dir, name))
		if n, err := strconv.ParseUint(strings.TrimSpace(string(value)), 10, 64); err == nil && (least == 0 || n < least) {
			least = n
		}
		if dir == "/" {
			return least
		}
	}
}
