package analyzer

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// TestAttack19_confined takes files, sockets and programs away from a process. The test
// runs in a process of its own, because there is no way back.
func TestAttack19_confined(t *testing.T) {
	if os.Getenv("QUBESBEAT_TEST_CONFINED") == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAttack19_confined$", "-test.v")
		cmd.Env = append(os.Environ(), "QUBESBEAT_TEST_CONFINED=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if err := confine(); err != nil {
		t.Skipf("the kernel has no seccomp here: %v", err)
	}
	if _, err := os.Open("/etc/hostname"); !errors.Is(err, syscall.EPERM) {
		t.Errorf("opening a file: %v", err)
	}
	if err := os.Truncate(os.Args[0], 0); !errors.Is(err, syscall.EPERM) {
		t.Errorf("truncating a file: %v", err)
	}
	if err := unix.Tgkill(os.Getppid(), os.Getppid(), 0); !errors.Is(err, syscall.EPERM) {
		t.Errorf("a signal to another process: %v", err)
	}
	if _, err := net.Dial("udp", "127.0.0.1:53"); !errors.Is(err, syscall.EPERM) {
		t.Errorf("opening a socket: %v", err)
	}
	if err := exec.Command("/bin/true").Run(); err == nil {
		t.Error("a program runs")
	}
	done := make(chan int) // threads start still
	for range 50 {
		go func() { done <- len(make([]byte, 1<<20)) }()
	}
	for range 50 {
		<-done
	}
}

// decide returns what a filter does with a system call. The virtual machine reads numbers
// in the order of the network.
func decide(t *testing.T, program []bpf.Instruction, id uint32, number int, first uint64) seccomp.Action {
	t.Helper()
	vm, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 64) // struct seccomp_data, whose arguments are read in halves
	binary.BigEndian.PutUint32(data, uint32(number))
	binary.BigEndian.PutUint32(data[offsetArch:], id)
	binary.BigEndian.PutUint32(data[16:], uint32(first))
	binary.BigEndian.PutUint32(data[20:], uint32(first>>32))
	n, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return seccomp.Action(n &^ 0xffff)
}

// TestAttack19_other_architecture refuses the system calls of i386, whose numbers the
// policy does not know, and signals to other processes.
func TestAttack19_other_architecture(t *testing.T) {
	t.Parallel()
	info, err := arch.GetInfo("")
	if err != nil {
		t.Skip(err)
	}
	native, call := uint32(info.ID), info.SyscallNames
	if got := decide(t, nativeOnly(native), uint32(arch.I386.ID), arch.I386.SyscallNames["open"], 0); native != uint32(arch.I386.ID) && got != seccomp.ActionErrno {
		t.Errorf("open of i386: %v", got)
	}
	if got := decide(t, nativeOnly(native), native, call["read"], 0); got != seccomp.ActionAllow {
		t.Errorf("read: %v", got)
	}
	p := policy(77)
	program, err := p.Assemble()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		first uint64
		want  seccomp.Action
	}{{"read", 0, seccomp.ActionAllow}, {"futex", 0, seccomp.ActionAllow}, {"clone", 0, seccomp.ActionAllow}, {"truncate", 0, seccomp.ActionErrno},
		{"openat", 0, seccomp.ActionErrno}, {"pidfd_getfd", 0, seccomp.ActionErrno}, {"tgkill", 77, seccomp.ActionAllow}, {"tgkill", 78, seccomp.ActionErrno}} {
		number, ok := call[tt.name]
		if !ok {
			t.Errorf("%s is not known", tt.name)
			continue
		}
		if got := decide(t, program, native, number, tt.first); got != tt.want {
			t.Errorf("%s(%d): %v; want %v", tt.name, tt.first, got, tt.want)
		}
	}
}
