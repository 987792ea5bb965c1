package shunt_test

import (
	"errors"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/shunt"
)

// world is a vif with a shunt in front of its ring.
type world struct {
	t         *testing.T
	shunt     *shunt.Shunt
	ring      *capture.Ring
	near, far int // sockets that send out of the vif, and into it
	iface     uint32
}

// newWorld makes a vif. It skips the test where the kernel refuses the program.
func newWorld(t *testing.T, cfg shunt.Config) *world {
	t.Helper()
	for _, args := range []string{"link add vif4.0 type veth peer name far", "link set far up", "link set vif4.0 up"} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", args, err, out)
		}
	}
	w := &world{t: t, near: sender(t, "vif4.0"), far: sender(t, "far")}
	var err error
	if cfg.Silence == 0 {
		cfg.Silence = time.Hour
	}
	if w.shunt, err = shunt.Open(cfg); errors.Is(err, unix.EPERM) {
		t.Skipf("%v; run as root", err)
	} else if err != nil {
		t.Fatal(err)
	}
	w.shunt.ReuseAtOnce()
	m, err := capture.NewMatcher([]string{"vif*"})
	if err != nil {
		t.Fatal(err)
	}
	w.ring, err = capture.OpenRing(capture.RingConfig{Matcher: m, Size: 64 << 20, Shunt: w.shunt, OnFault: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	near, err := net.InterfaceByName("vif4.0")
	if err != nil {
		t.Fatal(err)
	}
	w.iface = uint32(near.Index)
	w.warm()
	t.Cleanup(func() {
		if err := errors.Join(w.ring.Close(), w.shunt.Close()); err != nil {
			t.Error(err)
		}
	})
	return w
}

// warm sends marks until one arrives: the kernel may drop frames of an interface that is new.
func (w *world) warm() {
	w.t.Helper()
	var f capture.Frame
	for {
		w.send(w.far, mark())
		err := w.ring.Next(&f)
		if err == nil {
			break
		}
		if !errors.Is(err, capture.ErrIdle) {
			w.t.Fatal(err)
		}
	}
	for w.ring.Next(&f) == nil {
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

// send sends a frame.
func (w *world) send(fd int, frame []byte) {
	w.t.Helper()
	if _, err := unix.Write(fd, frame); err != nil {
		w.t.Fatal(err)
	}
}

// mark is a frame that is never counted: ARP.
func mark() []byte {
	f := make([]byte, 60)
	f[12], f[13] = 8, 6
	return f
}

// decode returns the packet in a frame on the vif.
func (w *world) decode(frame []byte) *packet.Packet {
	w.t.Helper()
	var p packet.Packet
	if status := p.Decode(packet.LinkEthernet, frame); status != packet.OK {
		w.t.Fatalf("the frame is %v", status)
	}
	p.Iface = w.iface
	return &p
}

// captured returns how many packets the ring gets before the next mark.
func (w *world) captured() (n int) {
	w.t.Helper()
	for {
		var f capture.Frame
		var p packet.Packet
		switch err := w.ring.Next(&f); {
		case errors.Is(err, capture.ErrIdle):
			continue
		case err != nil:
			w.t.Fatal(err)
		}
		if f.Decode(&p) != packet.OK {
			return n
		}
		n++
	}
}
