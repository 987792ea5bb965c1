package analyzer

import (
	"os"
	"path/filepath"
	"testing"
)

// TestAttack19_limit_of_the_group finds the lowest limit on the way to the root.
func TestAttack19_limit_of_the_group(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write := func(path, text string) string {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("system.slice/memory.max", "800\n")
	write("system.slice/qubesbeat.service/memory.max", "400\n")
	write("system.slice/other.service/memory.max", "max\n")
	write("memory/unit/memory.limit_in_bytes", "300\n")
	write("memory/unit/other/memory.limit_in_bytes", "9223372036854771712\n")
	for own, want := range map[string]uint64{
		"5:devices:/unit\n4:cpu,memory:/unit\n":        300, // version 1
		"4:memory:/unit/other\n0::/\n":                 300,
		"5:devices:/unit\n":                            0,
		"0::/system.slice/qubesbeat.service\n":         400,
		"1:name=x:/\n0::/system.slice/other.service\n": 800,
		"0::/\n":                        0,
		"0::/../../system.slice/../x\n": 0,
		"":                              0,
	} {
		if got := memoryLimit(root, write("own", own)); got != want {
			t.Errorf("%q: memoryLimit = %d; want %d", own, got, want)
		}
	}
	if got := memoryLimit(root, "/nonexistent"); got != 0 {
		t.Errorf("memoryLimit without a file = %d", got)
	}
}

// TestAttack19_limits leaves the beat its part of the memory.
func TestAttack19_limits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		memory      int
		group, want uint64
	}{
		{64 << 20, 0, 640 << 20},         // no group
		{64 << 20, 400 << 20, 240 << 20}, // the packaged unit
		{64 << 20, 8 << 30, 640 << 20},
		{1 << 20, 100 << 20, 128 << 20}, // the runtime needs that much
	} {
		if got := mostMemory(tt.memory, tt.group); got != tt.want {
			t.Errorf("mostMemory(%d, %d) = %d; want %d", tt.memory, tt.group, got, tt.want)
		}
	}
}
