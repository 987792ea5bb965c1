package analyzer

import (
	"os"
	"runtime/debug"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The limits of the process: the runtime and the analyzers' empty caches need
// childBase; no legitimate message needs a stack of childStack.
const (
	childBase  = 384 << 20
	childLeast = 128 << 20
	childStack = 32 << 20
)

// outOfMemoryScore makes the kernel end this process before any other one of the beat
// (proc_pid_oom_score_adj(5)).
const outOfMemoryScore = "500"

// mostMemory returns how much the process may have, in bytes: three fifths of the control
// group's at most, so that the beat has the rest. memory is what the analyzers may hold;
// four times that leaves room for garbage.
func mostMemory(memory int, group uint64) uint64 {
	most := uint64(childBase + 4*memory)
	if group > 0 {
		most = min(most, group/5*3)
	}
	return max(most, childLeast)
}

// limitResources sets limits that the runtime and the kernel enforce: a process
// that exceeds them dies, and the beat starts a new one.
func limitResources(memory int) {
	debug.SetMaxStack(childStack)
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte(outOfMemoryScore), 0)
	most := mostMemory(memory, memoryLimit("/sys/fs/cgroup", "/proc/self/cgroup"))
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
