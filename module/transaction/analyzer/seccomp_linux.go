package analyzer

import (
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// forbidden are the system calls with which code that has taken over an analyzer would
// read or destroy files, reach a network, start programs, or hinder other processes. The
// process needs none of them once it runs: packets and events go through pipes that the
// beat has opened.
var forbidden = []string{
	"open", "openat", "openat2", "creat", "name_to_handle_at", "open_by_handle_at", "memfd_create", "memfd_secret",
	"truncate", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat",
	"mkdir", "mkdirat", "rmdir", "mknod", "mknodat", "chmod", "fchmod", "fchmodat", "chown", "fchown", "fchownat", "lchown",
	"setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "utime", "utimes", "utimensat", "futimesat",
	"inotify_init", "inotify_init1", "fanotify_init", "quotactl", "acct",
	"mount", "umount2", "chroot", "pivot_root", "unshare", "setns", "personality", "modify_ldt",
	"socket", "socketpair", "connect", "bind", "listen", "accept", "accept4",
	"shmget", "shmat", "msgget", "semget", "mq_open", "add_key", "request_key", "keyctl",
	"execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp",
	"kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open", "pidfd_getfd", "pidfd_send_signal",
	"prlimit64", "setrlimit", "setpriority", "ioprio_set", "sched_setscheduler", "sched_setparam", "sched_setattr",
	"bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_setup",
}

// known returns those system calls that this architecture has.
func known(names []string) (list []string) {
	info, err := arch.GetInfo("")
	if err != nil {
		return names
	}
	for _, name := range names {
		if _, ok := info.SyscallNames[name]; ok {
			list = append(list, name)
		}
	}
	return list
}

// policy forbids these system calls. The runtime interrupts its own threads with tgkill,
// which could reach those of other processes.
func policy(pid int) seccomp.Policy {
	others := seccomp.NameWithConditions{Name: "tgkill",
		Conditions: []seccomp.Condition{{Argument: 0, Operation: seccomp.NotEqual, Value: uint64(pid)}}}
	return seccomp.Policy{
		DefaultAction: seccomp.ActionAllow,
		Syscalls: []seccomp.SyscallGroup{{Action: seccomp.ActionErrno, Names: known(forbidden),
			NamesWithCondtions: []seccomp.NameWithConditions{others}}},
	}
}

// confine takes these system calls away for good, and all those of other architectures. It
// reports an error where the kernel has no seccomp, or the filter of the beat forbids a
// further one.
func confine() error {
	_ = time.Now().Local().String() // reads /etc/localtime while that is possible
	err := seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: policy(os.Getpid())})
	if err != nil {
		return err
	}
	return refuseForeign()
}

// The offset of the architecture in struct seccomp_data (linux/seccomp.h).
const offsetArch = 4

// nativeOnly is a filter that permits the system calls of this architecture alone. On
// amd64 a program may also make those of i386, whose numbers are others: a policy of
// go-seccomp-bpf lets them all pass if its default is to allow.
func nativeOnly(id uint32) []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: offsetArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: id, SkipFalse: 1},
		bpf.RetConstant{Val: uint32(seccomp.ActionAllow)},
		bpf.RetConstant{Val: uint32(seccomp.ActionErrno) | uint32(unix.EPERM)},
	}
}

// refuseForeign loads this filter for all threads.
func refuseForeign() error {
	info, err := arch.GetInfo("")
	if err != nil {
		return err
	}
	raw, err := bpf.Assemble(nativeOnly(uint32(info.ID)))
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&program)))
	switch {
	case errno != 0:
		return fmt.Errorf("loading a filter of system calls: %w", errno)
	case thread != 0:
		return errors.New("loading a filter of system calls: a thread has another one")
	}
	return nil
}
