package wire

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Progress is a counter in memory that both processes share: the number of packets
// that the analyzers have finished. It is exact even if the process dies within
// the next packet. It is safe for concurrent use, except for Close.
type Progress struct {
	file *os.File
	mem  []byte
}

const progressSize = 4096 // a page

// NewProgress returns a counter in anonymous memory.
func NewProgress() (*Progress, error) {
	fd, err := unix.MemfdCreate("progress", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("allocating memory to share with the analyzers: %w", err)
	}
	file := os.NewFile(uintptr(fd), "progress")
	if err := file.Truncate(progressSize); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("allocating memory to share with the analyzers: %w", err)
	}
	return OpenProgress(file)
}

// OpenProgress maps the counter that is behind a file.
func OpenProgress(file *os.File) (*Progress, error) {
	mem, err := unix.Mmap(int(file.Fd()), 0, progressSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping memory that is shared with the analyzers: %w", err)
	}
	return &Progress{file: file, mem: mem}, nil
}

func (p *Progress) counter() *uint64 { return (*uint64)(unsafe.Pointer(&p.mem[0])) }

// Done returns the number of packets that are finished.
func (p *Progress) Done() uint64 { return atomic.LoadUint64(p.counter()) }

// Next counts one more. Only the analyzers' process calls it.
func (p *Progress) Next() { atomic.AddUint64(p.counter(), 1) }

// File returns the file behind the counter, for the analyzers' process to inherit.
func (p *Progress) File() *os.File { return p.file }

// Close unmaps the counter, which must not be used any more.
func (p *Progress) Close() {
	_ = unix.Munmap(p.mem)
	_ = p.file.Close()
}
