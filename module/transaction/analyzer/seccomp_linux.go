package analyzer

import (
	"time"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
)

// forbidden are the system calls with which code that has taken over an analyzer would
// read files, reach a network or start programs. The process needs none of them once it
// runs: packets and events go through pipes that the beat has opened.
var forbidden = []string{"open", "openat", "openat2", "creat", "socket", "socketpair", "connect", "bind", "listen", "accept", "accept4",
	"execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev", "mount", "unlink", "unlinkat", "rename",
	"renameat", "renameat2", "chmod", "fchmod", "fchmodat", "chown", "fchown", "fchownat", "kill", "bpf", "io_uring_setup"}

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

// confine takes these system calls away for good. It reports an error where the kernel
// has no seccomp, or the filter of the beat forbids a further one.
func confine() error {
	_ = time.Now().Local().String() // reads /etc/localtime while that is possible
	return seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: seccomp.Policy{
		DefaultAction: seccomp.ActionAllow,
		Syscalls:      []seccomp.SyscallGroup{{Action: seccomp.ActionErrno, Names: known(forbidden)}},
	}})
}
