package shunt

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// DropPrivilege gives CAP_BPF up, in all threads: nothing needs it once the program is
// loaded. A process with CAP_SYS_ADMIN, which means CAP_BPF, too, keeps both.
func DropPrivilege() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return err
	}
	const word, bit = unix.CAP_BPF / 32, 1 << (unix.CAP_BPF % 32)
	if sets[0].Permitted&(1<<unix.CAP_SYS_ADMIN) != 0 || sets[word].Permitted&bit == 0 {
		return nil
	}
	sets[word].Effective &^= bit
	sets[word].Permitted &^= bit
	sets[word].Inheritable &^= bit // and so the ambient one
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&sets[0])), 0)
	if errno != 0 {
		return errno
	}
	return nil
}
