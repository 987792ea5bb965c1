package packetstore

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// found copies what a query finds into a file, and returns the packets in it as tshark
// shows them.
func found(tb testing.TB, dir string, q *Query) (*Result, []string) {
	tb.Helper()
	r, err := OpenReader(dir)
	check(tb, err)
	defer r.Close()
	res, err := r.Find(context.Background(), q)
	check(tb, err)
	var out bytes.Buffer
	done, err := r.Copy(context.Background(), &out, res, CopyOptions{Program: "test"})
	check(tb, err)
	if len(done.Damaged) > 0 {
		tb.Errorf("damaged: %v", done.Damaged)
	}
	path := filepath.Join(tb.TempDir(), "out.pcapng")
	check(tb, os.WriteFile(path, out.Bytes(), 0o600))
	return res, lines(tb, path, "-T", "fields", "-e", "udp.srcport", "-e", "udp.dstport")
}

// repeat returns a line n times.
func repeat(line string, n int) []string {
	return strings.Split(strings.TrimSuffix(strings.Repeat(line+"\n", n), "\n"), "\n")
}

// TestReader_Find holds that a flow is found by its key, its Community ID and its
// addresses, in sealed segments and, where that is possible, in open ones.
func TestReader_Find(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWorld(t, dir, nil)
	for i := range 300 {
		w.add(7, uint64(i), 1+i%7, 100+i)
		w.add(8, uint64(i+1000), 2, 80)
	}
	w.tick()
	record := flow.Record{Family: 4, Proto: packet.ProtoUDP}
	f := info(7, 47)
	record.Source.Addr, _ = packet.AddrFrom(f.Source)
	record.Destination.Addr, _ = packet.AddrFrom(f.Destination)
	record.Source.Port, record.Destination.Port = f.SourcePort, f.DestinationPort
	queries := map[string]*Query{
		"key":          {Keys: []uint64{f.Key}},
		"key, flow":    {Keys: []uint64{f.Key}, Flows: []*FlowInfo{f}},
		"community id": {CommunityIDs: []string{record.CommunityID(0)}},
		"flow":         {Flows: []*FlowInfo{f}},
		"in the qube":  {Flows: []*FlowInfo{f}, Qube: "work"},
		"not there":    {Flows: []*FlowInfo{f}, Qube: "personal"},
		"too late":     {Flows: []*FlowInfo{f}, From: w.now},
		"unknown key":  {Keys: []uint64{4711}},
	}
	for _, state := range []string{"open", "sealed"} {
		if state == "sealed" {
			w.stop()
		}
		for name, q := range queries {
			want := repeat("47\t53", 6)
			if name == "not there" || name == "too late" || name == "unknown key" || state == "open" && name == "key" {
				want = nil
			}
			res, got := found(t, dir, q)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %s: mismatch (-want +got):\n%s", state, name, diff)
			}
			if state == "open" && (name == "key") != (res.Unsearched == 2) && name != "unknown key" {
				t.Errorf("%s, %s: %d segments could not be searched", state, name, res.Unsearched)
			}
			if state == "sealed" && name == "key" && (len(res.Flows) != 1 || res.Flows[0].FlowInfo != *f || res.Flows[0].Packets != 6) {
				t.Errorf("flows = %+v", res.Flows)
			}
		}
	}
	if _, err := newFlowMatch(&Query{CommunityIDs: []string{"2:abc"}}); err == nil {
		t.Error("2:abc is taken for a Community ID")
	}
}

// TestReader_range holds that a range of time opens no index of other times, and finds
// the packets of it, both ends included.
func TestReader_range(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWorld(t, dir, func(c *Config) { c.Segment.Age = time.Minute })
	start := w.now
	for i := range 600 { // ten minutes of a packet a second
		w.now = start.Add(time.Duration(i) * time.Second)
		w.add(7, uint64(i), 1, 1000)
		if i%30 == 0 {
			w.tick()
		}
	}
	w.stop()
	q := &Query{From: start.Add(130 * time.Second), To: start.Add(170 * time.Second), Keys: []uint64{info(7, 150).Key, info(7, 10).Key}}
	res, got := found(t, dir, q)
	if diff := cmp.Diff([]string{"150\t53"}, got); diff != "" || res.Searched > 2 {
		t.Errorf("%d indexes searched; mismatch (-want +got):\n%s", res.Searched, diff)
	}
	q.Keys = nil
	if _, got := found(t, dir, q); len(got) != 41 || got[0] != "130\t53" || got[40] != "170\t53" {
		t.Errorf("%d packets of the range: %v", len(got), got)
	}
}

// TestReader_order holds that packets of two qubes come out in the order of their times,
// each with its interface.
func TestReader_order(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWorld(t, dir, nil)
	for i := range 100 {
		w.add(uint32(7+i%2), uint64(i), 1, 300)
	}
	w.stop()
	_, got := found(t, dir, &Query{})
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprintf("%d\t53", i))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
}

// TestReader_limit holds that a copy ends at its limit, and says so.
func TestReader_limit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWorld(t, dir, nil)
	w.add(7, 1, 100, 1000)
	w.stop()
	r, err := OpenReader(dir)
	check(t, err)
	defer r.Close()
	res, err := r.Find(context.Background(), &Query{})
	check(t, err)
	var out bytes.Buffer
	done, err := r.Copy(context.Background(), &out, res, CopyOptions{Limit: 20_000})
	check(t, err)
	if !done.Limited || done.Packets != 19 || out.Len() > 20_000 {
		t.Errorf("%+v in %d bytes; want 19 packets", done, out.Len())
	}
}
