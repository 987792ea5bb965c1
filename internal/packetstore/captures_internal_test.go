package packetstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/capture"
	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/testbed/fixture"
)

// meter is as much of a meter as the test needs: the flow of a packet is that of its
// addresses, ports and protocol.
type meter struct {
	iface uint32
	flows map[FlowInfo]*metered
	all   []*metered
}

type metered struct {
	FlowInfo
	account Account
	packets int
}

// flow returns the flow of a frame, nil if it has none.
func (m *meter) flow(p *packet.Packet, link uint16, frame []byte, at int64) *metered {
	key, ok := flowOf(p, link, frame)
	if !ok {
		return nil
	}
	if f := m.flows[key]; f != nil {
		return f
	}
	if f := m.flows[key.reverse()]; f != nil {
		return f
	}
	f := &metered{FlowInfo: key}
	f.Key, f.Born = mix(uint64(m.iface)<<32|uint64(len(m.all))), at
	m.flows[key] = f
	m.all = append(m.all, f)
	return f
}

// captures returns captures of Ethernet frames, 20 MB at most.
func captures(t *testing.T) (paths []string) {
	root := fixture.Shared(t, "captures")
	total := int64(0)
	check(t, filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if ext := filepath.Ext(path); err == nil && (ext == ".pcap" || ext == ".pcapng" || ext == ".cap") && info.Size() < 3<<20 && total < 20<<20 {
			total += info.Size()
			paths = append(paths, path)
		}
		return nil
	}))
	slices.Sort(paths)
	return paths
}

// storeCapture stores a capture as the packets of an interface.
func storeCapture(w *world, m *meter, path string, iface uint32) {
	src, err := capture.OpenFile(path, new(capture.Interfaces))
	if err != nil {
		return
	}
	defer src.Close()
	var f capture.Frame
	var p packet.Packet
	for {
		if err := src.Next(&f); err != nil {
			if !errors.Is(err, io.EOF) {
				w.tb.Logf("%s: %v", path, err)
			}
			return
		}
		if f.Link != packet.LinkEthernet || f.EtherType != 0 {
			continue
		}
		s := Packet{Iface: iface, At: f.Time, Data: f.Data, Length: max(int(f.Length), len(f.Data)), LinkType: 1}
		if fl := m.flow(&p, 1, f.Data, f.Time); fl != nil {
			fl.packets++
			s.Flow, s.Account = &fl.FlowInfo, &fl.account
		}
		w.added++
		w.Add(&s)
		select {
		case <-w.wake:
			w.turn(false)
		default:
		}
	}
}

// TestCaptures stores real captures, each as an interface, and compares what is found of
// their flows by key with what was metered and, for some, with what tshark -Y finds in
// the whole store.
func TestCaptures(t *testing.T) {
	t.Parallel()
	paths := captures(t)
	dir := fastDir(t)
	w := newWorld(t, dir, func(c *Config) { c.Memory = 32 << 20; c.Segment.Age = 1000 * time.Hour })
	var all []*metered
	for i, path := range paths {
		iface := uint32(i + 100)
		w.holders[iface] = Holder{Vif: fmt.Sprintf("vif%d.0", iface), Name: fmt.Sprintf("capture-%d", i)}
		m := &meter{iface: iface, flows: map[FlowInfo]*metered{}}
		storeCapture(w, m, path, iface)
		w.Gone(iface)
		w.turn(true)
		all = append(all, m.all...)
	}
	w.stop()
	if lost := w.c.lostMemory.packets + w.c.lostDisk.packets; lost > 0 || w.added < 10_000 {
		t.Fatalf("%d of %d packets are lost", lost, w.added)
	}
	index := sizes(t, filepath.Join(dir, "*/*.idx")) // not the pages, most of which are of segments with few packets
	t.Logf("%d captures, %d packets, %d flows; index %.2f %% of the data, %.1f bytes per packet", len(paths), w.added, len(all),
		100*float64(index)/float64(sizes(t, filepath.Join(dir, "*/*.pcapng"))), float64(index)/float64(w.added))
	compareKeys(t, dir, all)
	compareTshark(t, dir, all)
	verified(t, dir)
}

// compareKeys looks for flows by their keys.
func compareKeys(t *testing.T, dir string, all []*metered) {
	r, err := OpenReader(dir)
	check(t, err)
	defer r.Close()
	for i := 0; i < len(all); i += max(1, len(all)/30) {
		f := all[i]
		res, err := r.Find(context.Background(), &Query{Keys: []uint64{f.Key}})
		check(t, err)
		var out bytes.Buffer
		done, err := r.Copy(context.Background(), &out, res, CopyOptions{})
		check(t, err)
		if done.Packets != uint64(f.packets) || len(done.Damaged) > 0 {
			t.Errorf("%v: %+v; want %d packets", f.FlowInfo, done, f.packets)
		}
	}
}

// compareTshark compares what is found of each of many flows by its addresses with what
// tshark shows of them in the whole store in one file.
func compareTshark(t *testing.T, dir string, all []*metered) {
	tmp := fastDir(t)
	whole, got := filepath.Join(tmp, "whole.pcapng"), filepath.Join(tmp, "flows.pcapng")
	copyInto(t, dir, &Query{}, whole)
	var filters []string
	q, each := &Query{}, uint64(0) // packets of the flows, one by one
	seen := map[FlowInfo]bool{}
	for i := 0; i < len(all) && len(filters) < 40; i += max(1, len(all)/80) {
		f := all[i]
		ends := FlowInfo{Source: f.Source, Destination: f.Destination, SourcePort: f.SourcePort, DestinationPort: f.DestinationPort, Protocol: f.Protocol}
		if f.Protocol != packet.ProtoTCP && f.Protocol != packet.ProtoUDP || f.SourcePort == f.DestinationPort || tunnel(f) || seen[ends] || seen[ends.reverse()] {
			continue
		}
		seen[ends] = true
		filters = append(filters, "("+filter(&f.FlowInfo)+")")
		q.Flows = append(q.Flows, &f.FlowInfo)
		n := copyInto(t, dir, &Query{Flows: []*FlowInfo{&f.FlowInfo}}, filepath.Join(tmp, "flow.pcapng"))
		if each += n; n == 0 {
			t.Errorf("%v: no packet is found", f.FlowInfo)
		}
	}
	if len(filters) < 20 {
		t.Fatalf("%d flows are compared; want 20 or more", len(filters))
	}
	if n := copyInto(t, dir, q, got); n != each {
		t.Errorf("%d packets of all flows; %d of each of them", n, each)
	}
	fields := []string{"-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", // a frame, not what it is a part of
		"-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len", "-e", "frame.interface_name"}
	have := lines(t, got, fields...)
	want := lines(t, whole, append([]string{"-Y", strings.Join(filters, " || ")}, fields...)...)
	slices.Sort(have) // packets of one time may be in any order
	slices.Sort(want)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("mismatch (-tshark +store):\n%s", diff)
	}
	t.Logf("%d flows of %d packets", len(filters), len(want))
}

// copyInto writes what is found into a file, and returns how many packets that is.
func copyInto(t *testing.T, dir string, q *Query, path string) uint64 {
	t.Helper()
	res, r := mustFind(t, dir, q)
	out, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	check(t, err)
	done, err := r.Copy(context.Background(), out, res, CopyOptions{})
	if err = errors.Join(err, out.Close()); err != nil || len(done.Damaged) > 0 {
		t.Fatalf("copying: %v, %v", err, done.Damaged)
	}
	return done.Packets
}

// tunnel reports whether tshark may look deeper into a flow than its ports say.
func tunnel(f *metered) bool {
	return slices.ContainsFunc([]uint16{f.SourcePort, f.DestinationPort}, func(p uint16) bool { return p == 4789 || p == 2152 || p == 6081 || p == 0 })
}

// filter returns a flow in tshark's language.
func filter(f *FlowInfo) string {
	ip, proto := "ip", "udp"
	if f.Source.Is6() {
		ip = "ipv6"
	}
	if f.Protocol == packet.ProtoTCP {
		proto = "tcp"
	}
	one := func(a, b netip.Addr, p, q uint16) string {
		return fmt.Sprintf("(%[1]s.src==%[3]s && %[1]s.dst==%[4]s && %[2]s.srcport==%[5]d && %[2]s.dstport==%[6]d)", ip, proto, a, b, p, q)
	}
	return strings.Join([]string{"(" + one(f.Source, f.Destination, f.SourcePort, f.DestinationPort), one(f.Destination, f.Source, f.DestinationPort, f.SourcePort) + ") && !icmp && !icmpv6"}, " || ")
}

// sizes returns the bytes of all files of a form.
func sizes(tb testing.TB, form string) (n int64) {
	tb.Helper()
	paths, err := filepath.Glob(form)
	check(tb, err)
	for _, path := range paths {
		info, err := os.Stat(path)
		check(tb, err)
		n += info.Size()
	}
	return n
}
