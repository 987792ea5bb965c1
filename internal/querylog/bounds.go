package querylog

import (
	"os"
	"path/filepath"
	"slices"
	"time"
)

// The parts of [Config.MaxBytes] and the number of files that some clients have.
const (
	dayShare     = 16 // a qube may take a sixteenth in a day
	maxStrangers = 64 // clients without a name that have files of their own on one day
)

// retryAfter is how long a directory without room is not looked at again.
const retryAfter = 10 * time.Second

// allStrangers is the name under which further clients without a name are logged. No
// qube has it: the name has a space.
const allStrangers = "other clients"

// bounds keeps the files of a directory below a size.
type bounds struct {
	dir       string
	max       int64        // 0 for none
	buffered  func() int64 // bytes that are on their way to the files
	total     int64        // bytes of all files, as far as they are known
	day       string
	taken     map[string]int64 // bytes of today by qube, "" for all clients without a name
	strangers map[string]bool  // clients without a name that have a file today
	tried     int64            // when there was no room, in nanoseconds since the Unix epoch
	over      uint64           // rows
	deleted   uint64           // files
}

// open looks at the files that are there.
func (b *bounds) open(dir string, maximum int64, buffered func() int64) {
	b.dir, b.max, b.buffered = dir, maximum, buffered
	for _, f := range b.files() {
		b.total += f.size
	}
	b.begin("")
}

// begin begins a day.
func (b *bounds) begin(day string) {
	b.day, b.taken, b.strangers = day, map[string]int64{}, map[string]bool{}
}

// stranger returns the name under which a client without a name is logged: its address,
// unless there are too many. A client may have as many addresses as it likes.
func (b *bounds) stranger(addr string) string {
	if !b.strangers[addr] {
		if len(b.strangers) >= maxStrangers {
			return allStrangers
		}
		b.strangers[addr] = true
	}
	return addr
}

// found adds a file of today that was there already to the share of a qube. It is in
// the total.
func (b *bounds) found(class string, size int64) {
	if size > b.taken[class] {
		b.taken[class] = size
	}
}

// take reports whether a qube may write n more bytes at a time. Otherwise it counts a
// row.
func (b *bounds) take(class string, n, at int64) bool {
	if b.max > 0 && (b.taken[class]+n > b.max/dayShare || b.total+n > b.max && !b.makeRoom(n, at)) {
		b.over++
		return false
	}
	b.taken[class] += n
	b.total += n
	return true
}

// logFile is a file of the directory with a date in its name.
type logFile struct {
	name, day string
	size      int64
}

// files returns the files with a date in their name, the oldest first.
func (b *bounds) files() (list []logFile) {
	entries, err := os.ReadDir(b.dir) // in order
	if err != nil {
		return nil
	}
	for _, e := range entries {
		day, ok := dayOf(e.Name())
		if info, err := e.Info(); ok && err == nil {
			list = append(list, logFile{e.Name(), day, info.Size()})
		}
	}
	return list
}

// dayOf returns the date in the name of a file of the log; other files are left alone.
func dayOf(name string) (day string, ok bool) {
	if filepath.Ext(name) != ".log" || len(name) < len("2006-01-02_") {
		return "", false
	}
	_, err := time.Parse(time.DateOnly, name[:10])
	return name[:10], err == nil
}

// makeRoom removes the files of the oldest days until n more bytes fit. Those of today
// stay: there, each qube has its share.
func (b *bounds) makeRoom(n, at int64) bool {
	if gone := at - b.tried; 0 <= gone && gone < int64(retryAfter) {
		return false
	}
	list := b.files()
	b.total = b.buffered() // not what it was: somebody else may have removed files
	for _, f := range list {
		b.total += f.size
	}
	list = slices.DeleteFunc(list, func(f logFile) bool { return f.day == b.day })
	for i := 0; i < len(list) && b.total+n > b.max; i++ {
		if os.Remove(filepath.Join(b.dir, list[i].name)) == nil {
			b.total -= list[i].size
			b.deleted++
		}
	}
	if b.total+n <= b.max {
		return true
	}
	b.tried = at
	return false
}
