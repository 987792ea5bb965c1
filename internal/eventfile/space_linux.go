package eventfile

import "golang.org/x/sys/unix"

// Space returns the bytes of the file system below a folder that are free, and that it has in
// all.
func Space(dir string) (free, total int64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	return int64(s.Bavail) * s.Bsize, int64(s.Blocks) * s.Bsize, nil
}
