package transaction

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dropPrivileges takes every capability from the process: packets come to it through a
// pipe, and it opens nothing. With cgo, as under the race detector, the runtime does
// not reach all threads; then it keeps what the beat has.
func dropPrivileges() {
	if _, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0, 0); errno != 0 {
		return
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	_, _, _ = syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none[0])), 0)
}
