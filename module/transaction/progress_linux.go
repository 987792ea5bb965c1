package transaction

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// progress is a counter in memory that both processes share: how many packets
// the child has done with. It is right also when the child ends in the middle of
// the next one.
type progress struct {
	file *os.File
	mem  []byte
}

const progressSize = 4096 // a page

// newProgress makes the memory, which has no name.
func newProgress() (*progress, error) {
	fd, err := unix.MemfdCreate("progress", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("making memory to share with the analyzers: %w", err)
	}
	file := os.NewFile(uintptr(fd), "progress")
	if err := file.Truncate(progressSize); err != nil {
		return nil, fmt.Errorf("making memory to share with the analyzers: %w", err)
	}
	return openProgress(file)
}

// openProgress maps the memory behind a file.
func openProgress(file *os.File) (*progress, error) {
	mem, err := unix.Mmap(int(file.Fd()), 0, progressSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping memory to share with the analyzers: %w", err)
	}
	return &progress{file: file, mem: mem}, nil
}

func (p *progress) counter() *uint64 { return (*uint64)(unsafe.Pointer(&p.mem[0])) }

// done returns how many packets are done with.
func (p *progress) done() uint64 { return atomic.LoadUint64(p.counter()) }

// next notes one more. Only the child calls it.
func (p *progress) next() { atomic.AddUint64(p.counter(), 1) }

func (p *progress) close() {
	_ = unix.Munmap(p.mem)
	_ = p.file.Close()
}
