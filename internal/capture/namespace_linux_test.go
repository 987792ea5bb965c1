package capture_test

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/capture"
)

func ip(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

// wire is a veth pair: what is sent into the far end comes in at the near one.
type wire struct {
	near, far string
	fd        int // sends into the far end
}

// newWire makes the interface near, up, with the far end "x"+near.
func newWire(t *testing.T, near string) wire {
	t.Helper()
	w := wire{near: near, far: "x" + near}
	ip(t, "link add "+w.near+" type veth peer name "+w.far)
	ip(t, "link set "+w.far+" up")
	ip(t, "link set "+w.near+" up")
	w.fd = sender(t, w.far)
	return w
}

// deliver sends a frame into the far end and sees it arrive. Right after an
// interface is up, the kernel may still drop what is sent: the queue is started
// by another thread.
func (w wire) deliver(t *testing.T, frame []byte) {
	t.Helper()
	for before := rxPackets(t, w.near); rxPackets(t, w.near) == before; {
		send(t, w.fd, frame)
	}
}

// sender returns a socket that sends frames out of an interface.
func sender(t *testing.T, name string) int {
	t.Helper()
	i, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: i.Index}); err != nil {
		t.Fatal(err)
	}
	return fd
}

func send(t *testing.T, fd int, frame []byte) {
	t.Helper()
	if _, err := unix.Write(fd, frame); err != nil {
		t.Fatal(err)
	}
}

// rxPackets is the kernel's count of what came in at an interface.
func rxPackets(t *testing.T, name string) uint64 {
	t.Helper()
	// /sys shows the namespace that it was mounted in; /proc/net shows ours.
	data, err := os.ReadFile("/proc/thread-self/net/dev")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); f[0] == name+":" {
			n, err := strconv.ParseUint(f[2], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no interface %s in:\n%s", name, data)
	return 0
}

// udpFrame is an Ethernet frame of that length with a UDP packet to a port,
// after the given tags (type and control information each).
func udpFrame(port uint16, length int, tags ...byte) []byte {
	h := cat(
		[]byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x16, 0x3e, 0x5e, 0x6c, 0x00}, tags, []byte{0x08, 0x00}, // Ethernet
		[]byte{0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 137, 0, 6, 192, 0, 2, 53}, // IPv4, UDP
		[]byte{0xc0, 0x01, byte(port >> 8), byte(port), 0, 8, 0, 0})                    // from port 49153
	return cat(h, make([]byte, max(length-len(h), 0)))
}

// openRing opens a ring that is closed with the test.
func openRing(t *testing.T, cfg capture.RingConfig, devices ...string) *capture.Ring {
	t.Helper()
	cfg.Matcher = newMatcher(t, devices...)
	r, err := capture.OpenRing(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}
