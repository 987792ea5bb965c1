package packets

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/capture"
	meter "github.com/qubesbeat/qubesbeat/internal/flow"
	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/metrics"
	"github.com/qubesbeat/qubesbeat/internal/packet"
)

// interfaces are the names of the observation points of a test.
var interfaces = map[uint32]string{2: "eth0", 7: "vif7.0", 8: "vif8.0", 9: "vif9.0"}

// qubes is an inventory: work on vif7.0, anon on vif8.0. No one is on vif9.0.
const qubes = `{"version": 1, "qubes": [
	{"name": "work", "class": "AppVM", "label": "blue", "ip": "10.137.0.7", "xid": 7, "uuid": "2a0d7e73-f517-519e-9535-35d779a1a0be"},
	{"name": "anon", "class": "AppVM", "label": "red", "ip": "10.137.0.8", "xid": 8, "tags": ["anon-vm"]},
	{"name": "disp1234", "class": "DispVM", "label": "red", "ip": "10.138.0.1", "xid": 10}]}`

// indexOf returns the inventory of a text.
func indexOf(t testing.TB, text string) *inventory.Index {
	t.Helper()
	s, err := inventory.Parse(strings.NewReader(text), inventory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	x := inventory.NewIndex(inventory.Config{})
	x.Update(s, time.Now())
	return x
}

// world is a service and the table whose packets it keeps.
type world struct {
	*Service
	t       testing.TB
	table   *meter.Table
	records []meter.Record
	log     *lines
	now     int64
	drops   uint64
}

// lines is a log. It is safe for concurrent use.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements [io.Writer].
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newWorld(t testing.TB, change func(*Config)) *world {
	t.Helper()
	w := &world{t: t, now: time.Now().UnixNano(), log: &lines{}}
	conf := Config{Packets: config.Default().Packets, DataDir: t.TempDir(), Hold: 10 * time.Millisecond}
	conf.MinFree, conf.MaxBytes, conf.Memory = 1, 1<<30, 4<<20
	if change != nil {
		change(&conf)
	}
	var err error
	w.Service, err = New(conf, Deps{Inventory: indexOf(t, qubes), InterfaceName: func(i uint32) string { return interfaces[i] },
		KernelDrops: func() uint64 { return w.drops }, Logger: slog.New(slog.NewTextHandler(w.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	w.table, err = meter.New(meter.Config{IdleTimeout: time.Minute, MaxFlows: 100, Report: func(r *meter.Record) { w.Service.Report(r); w.records = append(w.records, *r) }})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// run opens and runs the service. The function that it returns stops it.
func (w *world) run() (stop func()) {
	w.t.Helper()
	if err := w.Open(); err != nil {
		w.t.Fatal(err)
	}
	return w.start()
}

// start runs the service.
func (w *world) start() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	<-w.Ready()
	return func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run = %v; want nil", err)
		}
	}
}

// frame returns a UDP frame between two ports.
func frame(from, to uint16, n int) []byte {
	b := make([]byte, n)
	copy(b, "\x00\x16\x3e\x5e\x6c\x00\xfe\xff\xff\xff\xff\xff\x08\x00\x45\x00\x00\x00\x00\x00\x40\x00\x40\x11\x00\x00\x0a\x89\x00\x07\xc6\x33\x64\x07")
	binary.BigEndian.PutUint16(b[16:], uint16(n-14))
	binary.BigEndian.PutUint16(b[34:], from)
	binary.BigEndian.PutUint16(b[36:], to)
	binary.BigEndian.PutUint16(b[38:], uint16(n-34))
	copy(b[42:], fmt.Sprintf("marker %d", from))
	return b
}

// add has a frame metered and kept, and returns what its flow says then.
func (w *world) add(iface uint32, data []byte) meter.Kept {
	w.t.Helper()
	w.now += 1000
	f := capture.Frame{Data: data, Time: w.now, Length: uint32(len(data)), Iface: iface, Direction: packet.Inbound, Link: packet.LinkEthernet}
	at, ok := w.keep(f)
	if !ok {
		return meter.Kept{}
	}
	var r meter.Record
	w.table.Describe(at, &r)
	w.Report(&r)
	return r.Kept
}

// keep has a frame metered and kept, and returns its flow. ok is false if it is in none.
func (w *world) keep(f capture.Frame) (at meter.Ref, ok bool) {
	var batch [1]packet.Packet
	if f.Decode(&batch[0]) != packet.OK {
		w.Keep([]capture.Frame{f}, nil, w.table, nil)
		return meter.Ref{}, false
	}
	var refs [meter.BatchSize]meter.Ref
	w.table.UpdateBatchRefs(batch[:], &refs)
	w.Keep([]capture.Frame{f}, batch[:], w.table, refs[:1])
	return refs[0], true
}

// metric returns a counter of the store.
func (w *world) metric(name string) uint64 {
	for _, c := range metrics.Collect(w.Service) {
		if c.Group == "packets" && c.Name == name {
			return c.Value
		}
	}
	return 0
}
