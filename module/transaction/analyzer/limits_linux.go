package analyzer

import (
	"runtime/debug"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The limits of the process: the runtime and the analyzers' empty caches need
// childBase; no legitimate message needs a stack of childStack.
const (
	childBase  = 384 << 20
	childStack = 32 << 20
)

// limitResources sets limits that the runtime and the kernel enforce: a process
// that exceeds them dies, and the beat starts a new one. memory is what the
// analyzers may hold, in bytes; four times that leaves room for garbage.
func limitResources(memory int) {
	debug.SetMaxStack(childStack)
	most := uint64(childBase + 4*memory)
	debug.SetMemoryLimit(int64(most) / 2)
	_ = unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: most, Max: most})
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}

// dropPrivileges gives up every capability of the process: packets come through a
// pipe, and it opens nothing. With cgo, as under the race detector, the runtime
// cannot change all threads; then the process keeps the capabilities of the beat.
func dropPrivileges() {
	_, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0, 0)
	if errno != 0 {
		return
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	_, _, _ = syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none[0])), 0)
}
