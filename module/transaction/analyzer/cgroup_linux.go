package analyzer

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// memoryLimit returns the lowest memory.max of a control group and those around it, 0 if
// there is none. root is where control groups are mounted, own the file that names that
// of the process (cgroups(7), version 2).
func memoryLimit(root, own string) uint64 {
	text, err := os.ReadFile(own)
	if err != nil {
		return 0
	}
	var least uint64
	for line := range strings.Lines(string(text)) {
		path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !ok {
			continue
		}
		for dir := filepath.Clean("/" + path); ; dir = filepath.Dir(dir) {
			value, _ := os.ReadFile(filepath.Join(root, dir, "memory.max"))
			if n, err := strconv.ParseUint(strings.TrimSpace(string(value)), 10, 64); err == nil && (least == 0 || n < least) {
				least = n
			}
			if dir == "/" {
				break
			}
		}
	}
	return least
}
