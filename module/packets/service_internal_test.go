package packets

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/event"
	meter "github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/module/flow"
)

// find returns the packets that a query finds in the folder of a service, as a file.
func find(t *testing.T, dir string, q *packetstore.Query) (flows []packetstore.FoundFlow, file []byte, done packetstore.Copied) {
	t.Helper()
	r, err := packetstore.OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	res, err := r.Find(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if done, err = r.Copy(t.Context(), &out, res, packetstore.CopyOptions{}); err != nil {
		t.Fatal(err)
	}
	return res.Flows, out.Bytes(), done
}

// TestService_Keep stores what each qube sends under its name, finds it by flow.id, and
// keeps what is excluded off the disk.
func TestService_Keep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	stop := w.run()
	for n := range uint32(3) {
		if k := w.add(7, frame(40000, 53, 200)); k != (meter.Kept{Written: n + 1, First: 1, Last: 1, Boot: packetstore.Boot()}) {
			t.Errorf("Kept = %+v; want %d packets in the first segment", k, n+1)
		}
	}
	w.add(7, frame(40001, 53, 300))
	w.add(8, frame(50000, 53, 400)) // anon
	w.add(9, frame(60000, 53, 500)) // unknown
	w.add(2, frame(61000, 53, 500)) // eth0
	w.add(7, append(make([]byte, 12), 0x08, 0x06, 0, 1))
	if err := w.Seal(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	w.table.Flush(meter.ReasonForced)
	stop()
	for i := range w.records {
		r := &w.records[i]
		key, ok := flow.KeyOf(flow.ID(r))
		flows, file, done := find(t, w.conf.Dir, &packetstore.Query{Keys: []uint64{key}})
		want := r.Source.Packets
		if r.Iface == 8 {
			want = 0
		}
		if !ok || done.Packets != want {
			t.Errorf("flow of port %d: %d packets; want %d", r.Source.Port, done.Packets, want)
		}
		if want == 0 {
			continue
		}
		qube := map[uint32]string{2: "_eth0", 7: "work", 9: "_vif9.0"}[r.Iface]
		if len(flows) != 1 || flows[0].Qube != qube || flows[0].Source != netip.MustParseAddr("10.137.0.7") || flows[0].SourcePort != r.Source.Port || flows[0].Born != r.Born {
			t.Errorf("flow of port %d: %+v; want one of %s", r.Source.Port, flows, qube)
		}
		if !bytes.Contains(file, []byte("marker")) {
			t.Errorf("flow of port %d: the packets are not those that were sent", r.Source.Port)
		}
	}
	if len(w.records) != 5 {
		t.Errorf("%d flows; want 5", len(w.records))
	}
	if found, _ := filepath.Glob(filepath.Join(w.conf.Dir, "anon*")); len(found) > 0 {
		t.Errorf("there is %v of a qube that is excluded", found)
	}
	if f, e := w.metric("frames"), w.metric("excluded"); f != 8 || e != 1 || w.metric("written") != 7 {
		t.Errorf("frames, excluded, written = %d, %d, %d; want 8, 1, 7", f, e, w.metric("written"))
	}
}

// TestService_Keep_allocs keeps a packet of a known flow without allocation, also one whose
// tag is put back.
func TestService_Keep_allocs(t *testing.T) {
	w := newWorld(t, nil)
	stop := w.run()
	defer stop()
	data := frame(40000, 53, 100)
	w.add(7, data)
	if n := testing.AllocsPerRun(100, func() { w.add(7, data) }); n > 0 {
		t.Errorf("a packet allocates %v times; want 0", n)
	}
}

// TestService_Flow does not say of a flow that its packets were stored if they were those
// of a qube that is excluded, which is decided a moment later.
func TestService_Flow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	one := meter.Kept{Written: 1, First: 1, Last: 1}
	for iface, want := range map[uint32]meter.Kept{7: one, 8: {}, 9: one} {
		f := &event.Flow{Record: meter.Record{Iface: iface, Start: w.now, Kept: one}}
		if w.Flow(f); f.Kept != want {
			t.Errorf("Kept of %s = %+v; want %+v", interfaces[iface], f.Kept, want)
		}
	}
	strict := newWorld(t, func(c *Config) { c.Strict = true })
	f := &event.Flow{Record: meter.Record{Iface: 7, Start: w.now, Kept: one}}
	if strict.Flow(f); f.Kept.Known() {
		t.Errorf("Kept = %+v with Strict; want nothing", f.Kept)
	}
}

// TestService_disk goes on without a store that cannot be opened, counts what is missing,
// and stores again once it can.
func TestService_disk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	if err := os.WriteFile(w.conf.Dir, []byte("not a folder"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.Open(); err != nil {
		t.Fatalf("Open = %v; want nil whatever the disk does", err)
	}
	if k := w.add(7, frame(1, 2, 100)); k != (meter.Kept{Lost: 1, Boot: k.Boot}) || w.metric("not_open") != 1 || w.metric("not_open_bytes") != 100 {
		t.Errorf("Kept = %+v, not_open = %d, %d bytes; want Lost, 1 and 100", k, w.metric("not_open"), w.metric("not_open_bytes"))
	}
	if !strings.Contains(w.log.String(), "packets are not stored") {
		t.Errorf("log = %s; want a warning", w.log)
	}
	if err := w.Seal(t.Context(), ""); err == nil {
		t.Error("Seal = nil without a store; want an error")
	}
	if err := os.Remove(w.conf.Dir); err != nil {
		t.Fatal(err)
	}
	w.begin() // as every 30 seconds
	stop := w.start()
	for w.store.Load() == nil {
		runtime.Gosched()
	}
	if k := w.add(7, frame(3, 4, 100)); k.Written != 1 {
		t.Errorf("Kept = %+v; want one packet", k)
	}
	stop()
	if n := w.metric("written"); n != 1 {
		t.Errorf("written = %d; want 1", n)
	}
}

// TestService_socket answers the calls of the command line.
func TestService_socket(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	stop := w.run()
	defer stop()
	w.add(7, frame(1, 2, 100))
	client := control.NewClient(Socket(w.conf.Dir))
	var answer struct{}
	for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() { // until it is there
		err := client.Post(t.Context(), "/packets/seal", nil, &answer)
		if err == nil {
			break
		}
		if !strings.Contains(err.Error(), "no such socket") || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	if _, _, done := find(t, w.conf.Dir, &packetstore.Query{Qube: "work"}); done.Packets != 1 {
		t.Errorf("%d packets after the seal; want 1", done.Packets)
	}
	var forgotten control.Forgotten
	if err := client.Post(t.Context(), "/packets/forget", map[string][]string{"qube": {"work"}}, &forgotten); err != nil || forgotten.Segments != 1 {
		t.Errorf("forget = %+v, %v; want 1", forgotten, err)
	}
	if err := client.Get(t.Context(), "/query", nil, &answer); err == nil {
		t.Error("the socket answers for a resolver that is not there")
	}
}

// TestService_Gone begins another segment for the next holder of an interface's number.
func TestService_Gone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	stop := w.run()
	w.add(7, frame(1, 2, 100))
	w.Gone(7)
	w.add(7, frame(1, 2, 100))
	stop()
	if n := w.metric("segments_sealed"); n != 2 {
		t.Errorf("%d segments; want 2", n)
	}
}

// TestService_drops gives what the kernel has lost to the next packet, and asks once a
// second.
func TestService_drops(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, tt := range []struct {
		after time.Duration
		total uint64
		want  uint32
	}{{0, 5, 5}, {time.Millisecond, 7, 0}, {time.Second, 7, 2}, {2 * time.Second, 7, 0}} {
		w.drops = tt.total
		if got := w.newDrops(w.now + int64(tt.after)); got != tt.want {
			t.Errorf("drops %v later = %d; want %d", tt.after, got, tt.want)
		}
	}
}

// TestCheck refuses a replay and a folder that cannot be made.
func TestCheck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		enabled bool
		dir     string
		replay  bool
		want    []string
	}{
		{"off", false, file, true, nil},
		{"good", true, "", false, nil},
		{"replay, and a file", true, filepath.Join(file, "x"), true, []string{"packets.enabled: packets of capture files are not stored", "packets.dir: "}},
	} {
		err := Check(&config.Packets{Enabled: tt.enabled, Dir: tt.dir}, tt.replay, dir)
		if (err != nil) != (tt.want != nil) {
			t.Errorf("%s: Check = %v; want %q", tt.name, err, tt.want)
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: Check = %v; want %q in it", tt.name, err, want)
			}
		}
	}
}
