package packetstore

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// device mounts an ext4 file system of its own block device, which only this thread sees. image
// is the file behind the device.
func device(t *testing.T) (dir, image string) {
	t.Helper()
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Skipf("unshare: %v; root can mount a block device", err)
	}
	check(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	dir, image = t.TempDir(), filepath.Join(t.TempDir(), "device")
	check(t, os.WriteFile(image, nil, 0o600))
	check(t, os.Truncate(image, 64<<20))
	for _, command := range []string{"mkfs.ext4 -q -F " + image, "mount -o loop " + image + " " + dir} {
		args := strings.Fields(command)
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("no block device can be mounted here: %s: %v: %s", command, err, out)
		}
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir, image
}

// TestEncrypt_device searches a whole block device, with what was overwritten or removed, for
// what packets have: there is nothing of an encrypted store, and plenty of another.
func TestEncrypt_device(t *testing.T) {
	for name, change := range map[string]func(*Config){"encrypted": encrypting, "plain": func(*Config) {}} {
		t.Run(name, func(t *testing.T) {
			dir, image := device(t)
			w := newWorld(t, filepath.Join(dir, "packets"), func(c *Config) { change(c); c.Segment.Bytes, c.MaxBytes = 1<<20, 8<<20 })
			for range 20 { // more than fits: segments are removed
				w.add(7, 1, 400, 1496)
				w.add(8, 2, 3, 60)
				w.tick()
			}
			w.stop()
			if w.c.evictedSpace == 0 {
				t.Errorf("no segment was removed: %+v", w.c)
			}
			check(t, unix.Unmount(dir, 0))
			b, err := os.ReadFile(image)
			check(t, err)
			if found := bytes.Count(b, []byte("marker-")); (found > 0) != (name == "plain") {
				t.Errorf("the device has the text of packets %d times", found)
			}
		})
	}
}
