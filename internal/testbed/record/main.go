//go:build linux

// Command record makes the capture of the demonstration: it builds a small Qubes
// network of namespaces, runs real programs in its qubes and writes the packets on
// the vifs of sys-log to a pcapng file, and the inventory that dom0 would push next
// to it.
//
//	go run ./internal/testbed/record -o demo.pcapng
//	unshare -Urnm go run ./internal/testbed/record -o demo.pcapng   (without root)
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/testbed"
)

// timeout bounds the whole recording, which takes about six seconds.
const timeout = time.Minute

func main() {
	log.SetFlags(0)
	log.SetPrefix("record: ")
	out := flag.String("o", "", "pcapng `file` to write")
	inventory := flag.String("i", "", "inventory `file` to write (default FILE.inventory)")
	flag.Parse()
	if *out == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if *inventory == "" {
		*inventory = *out + ".inventory"
	}
	var s session
	err := s.run(func() { record(&s, *out, *inventory) })
	if err != nil {
		log.Fatal(err)
	}
}

// record plays the scene and writes both files.
func record(s *session, out, inventory string) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	testbed.Programs(s, "ip", "nft", "curl", "dig", "ping")

	nw := testbed.New(s, testbed.Config{NoOffload: true})
	nw.StartServers()
	st := newStage(ctx, s, nw)
	nw.Settle() // multicast reports of new interfaces are not part of the scene

	var vifs []string
	var taps []*testbed.Tap
	packets := make([][]packet, len(st.clients))
	for i, q := range st.clients {
		vifs = append(vifs, q.Vif)
		tap, err := nw.Log.Tap(q.Vif, func(f testbed.Frame) {
			packets[i] = append(packets[i], packet{
				iface: i, time: f.Time, outbound: f.Outbound, data: slices.Clone(f.Data),
			})
		})
		s.must(err)
		taps = append(taps, tap)
	}
	st.play()
	for _, tap := range taps {
		s.must(tap.Close())
	}

	all := slices.Concat(packets...)
	slices.SortStableFunc(all, func(a, b packet) int { return a.time.Compare(b.time) })
	s.must(writeFile(out, vifs, all))
	nw.WriteInventory(inventory)
	s.must(os.Chmod(inventory, 0o644)) // made with the mode of a temporary file
	s.summary(out, vifs, all)
}

// writeFile writes a whole capture.
func writeFile(path string, vifs []string, packets []packet) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, f.Close()) }()
	return writePcapng(f, vifs, packets)
}

// session is a [testbed.TB] without a test.
type session struct {
	cleanups []func()
	err      error
}

// type check
var _ testbed.TB = (*session)(nil)

// run calls f and then what was registered with Cleanup, last first.
func (s *session) run(f func()) error {
	done := make(chan struct{})
	go func() { // of its own, so that Fatalf can end it
		defer close(done)
		defer func() {
			for _, clean := range slices.Backward(s.cleanups) {
				clean()
			}
		}()
		f()
	}()
	<-done
	return s.err
}

// Helper implements the [testbed.TB] interface for *session.
func (s *session) Helper() {}

// Cleanup implements the [testbed.TB] interface for *session.
func (s *session) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

// Logf implements the [testbed.TB] interface for *session.
func (s *session) Logf(format string, args ...any) { log.Printf(format, args...) }

// Fatalf implements the [testbed.TB] interface for *session.
func (s *session) Fatalf(format string, args ...any) {
	s.err = fmt.Errorf(format, args...)
	runtime.Goexit()
}

// Skipf implements the [testbed.TB] interface for *session.
func (s *session) Skipf(format string, args ...any) { s.Fatalf(format, args...) }

// must ends the session if err is not nil.
func (s *session) must(err error) {
	if err != nil {
		s.Fatalf("%w", err)
	}
}

// summary says what was recorded.
func (s *session) summary(path string, vifs []string, packets []packet) {
	counts := make([]int, len(vifs))
	bytes := 0
	for _, p := range packets {
		counts[p.iface]++
		bytes += len(p.data)
	}
	s.Logf("%s: %d packets, %d bytes", path, len(packets), bytes)
	for i, vif := range vifs {
		s.Logf("  %-7s %5d packets", vif, counts[i])
	}
}
