package packetstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// t0 is the time of the first packet of a test.
const t0 = 1_800_000_000_000_000_000

// world is a store whose writer is called by the test.
type world struct {
	*Store
	tb      testing.TB
	now     time.Time
	holders map[uint32]Holder
	marks   map[uint64]*Account
	added   uint64
}

// Add adds one packet.
func (w *world) Add(p *Packet) {
	w.Begin()
	defer w.End()
	w.Store.Add(p)
}

// newWorld opens a store. change may be nil.
func newWorld(tb testing.TB, dir string, change func(*Config)) *world {
	tb.Helper()
	w := &world{tb: tb, now: time.Unix(0, t0), marks: map[uint64]*Account{}, holders: map[uint32]Holder{}}
	for i, name := range []string{"work", "personal", "untrusted", "vault"} {
		w.holders[uint32(i+7)] = Holder{Vif: fmt.Sprintf("vif%d.0", i+7), Name: name, Label: "blue", Class: "AppVM", UUID: "uuid-" + name,
			Netvm: "sys-firewall", Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 137, 0, byte(i + 7)})}}
	}
	conf := Config{Dir: dir, MaxBytes: 1 << 40, MinFree: 1, Memory: 4 << 20, Integrity: true, Now: func() time.Time { return w.now }, boot: "3f9a1c04",
		uptime: func() time.Duration { return w.now.Sub(time.Unix(0, t0)) + time.Hour },
		Names: func(iface uint32, _ time.Time) (Holder, bool) {
			h, ok := w.holders[iface]
			if !ok {
				h.Vif = fmt.Sprintf("vif%d.0", iface)
			}
			return h, ok
		}}
	if change != nil {
		change(&conf)
	}
	var err error
	w.Store, err = Open(conf)
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

// packet returns a UDP packet of a flow, with n bytes in all.
func (w *world) packet(iface uint32, id uint64, n int) *Packet {
	frame := make([]byte, n)
	udp(frame, iface, id)
	m := w.marks[id]
	if m == nil {
		m = new(Account)
		w.marks[id] = m
	}
	w.added++
	return &Packet{Iface: iface, At: w.now.UnixNano(), Data: frame, Length: n, LinkType: 1, Flags: 1, Flow: info(iface, id), Account: m}
}

// udp writes the headers of a UDP packet.
func udp(b []byte, iface uint32, id uint64) {
	n := len(b)
	copy(b, "\x00\x16\x3e\x5e\x6c\x00\xfe\xff\xff\xff\xff\xff\x08\x00\x45\x00\x00\x00\x00\x00\x40\x00\x40\x11\x00\x00\x0a\x89\x00\x07\x0a\x8b\x01\x01\xc0\x00\x00\x35\x00\x00\x00\x00")
	binary.BigEndian.PutUint16(b[16:], uint16(min(n-14, 65535)))
	b[29] = byte(iface)
	binary.BigEndian.PutUint16(b[32:], uint16(id>>16))
	binary.BigEndian.PutUint16(b[34:], uint16(id))
	binary.BigEndian.PutUint16(b[38:], uint16(min(n-34, 65535)))
	if n > 42 {
		copy(b[42:], fmt.Sprintf("marker-%d ", id))
	}
}

func info(iface uint32, id uint64) *FlowInfo {
	return &FlowInfo{Key: id*0x9e3779b97f4a7c15 + 1, Source: netip.AddrFrom4([4]byte{10, 137, 0, byte(iface)}), SourcePort: uint16(id), DestinationPort: 53, Protocol: 17, Born: t0,
		Destination: netip.AddrFrom4([4]byte{10, 139, byte(id >> 24), byte(id >> 16)})}
}

// add adds packets of a flow, some time after each other.
func (w *world) add(iface uint32, id uint64, n, size int) {
	for range n {
		w.Add(w.packet(iface, id, size))
		select {
		case <-w.wake:
			w.turn(false)
		default:
		}
		w.now = w.now.Add(time.Microsecond)
	}
}

// tick passes a flush interval.
func (w *world) tick() {
	w.now = w.now.Add(w.conf.Flush)
	w.turn(true)
	w.balance()
}

// balance fails unless every packet is accounted for.
func (w *world) balance() {
	w.tb.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if m := w.c.missing(); m != (count{}) {
		w.tb.Fatalf("the account lacks %+v of %+v", m, w.c)
	}
	if w.c.frames.packets != w.added {
		w.tb.Fatalf("frames = %d; %d were added", w.c.frames.packets, w.added)
	}
}

// stop stops the store as Run does, and compares the account with what the files have.
func (w *world) stop() {
	w.tb.Helper()
	check(w.tb, w.finish())
	w.balance()
	if n := w.c.waiting.sum(); n != (count{}) {
		w.tb.Fatalf("%+v wait after the end", n)
	}
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// segments returns the paths of all files with packets, the open ones, too.
func segments(tb testing.TB, dir string) (paths []string) {
	tb.Helper()
	for _, form := range []string{"*/*.pcapng", ".open-*.pcapng", "*/*.pcapng.age", "*/*.pcapng.zst", ".open-*.pcapng.age"} {
		found, err := filepath.Glob(filepath.Join(dir, form))
		check(tb, err)
		paths = append(paths, found...)
	}
	return paths
}

// rows returns how many packets tshark finds in all files, and fails if it says a word. The
// files are given to it as one, each a section, since most of the time that it takes is that
// of its start.
func rows(tb testing.TB, dir string) (n uint64) {
	tb.Helper()
	paths := segments(tb, dir)
	if len(paths) == 0 {
		return 0
	}
	all, err := os.CreateTemp(tb.TempDir(), "*.pcapng")
	check(tb, err)
	for _, path := range paths {
		if isEncrypted(path) || isPacked(path) {
			path = decryptedCopy(tb, path)
		}
		b, err := os.ReadFile(path)
		check(tb, err)
		_, err = all.Write(b)
		check(tb, err)
	}
	check(tb, all.Close())
	return uint64(len(lines(tb, all.Name(), "-T", "fields", "-e", "frame.number")))
}

// lines runs tshark over a file.
func lines(tb testing.TB, path string, args ...string) []string {
	tb.Helper()
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		tb.Skipf("%v; apt-get install tshark", err)
	}
	cmd := exec.Command(tshark, append([]string{"-n", "-r", path}, args...)...)
	var talk strings.Builder
	cmd.Stderr = &talk
	out, err := cmd.Output()
	for line := range strings.Lines(talk.String()) {
		if !strings.HasPrefix(line, "Running as user") {
			tb.Errorf("tshark says of %s: %s", path, line)
		}
	}
	check(tb, err)
	if len(out) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// running runs the store's own goroutine until stop is called.
func (w *world) running() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := w.Run(ctx); err != nil {
			w.tb.Errorf("Run: %v", err)
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}

// copyDir copies a folder, as a crash leaves it.
func copyDir(tb testing.TB, from string) (to string) {
	tb.Helper()
	to = tb.TempDir()
	check(tb, os.CopyFS(to, os.DirFS(from)))
	return to
}
