package packets

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/config"
	"github.com/qubesbeat/qubesbeat/internal/control"
	"github.com/qubesbeat/qubesbeat/internal/packetstore"
)

// call asks the socket of a running service.
func call(t *testing.T, w *world, what string, values url.Values, answer any) error {
	t.Helper()
	if err := w.Seal(t.Context(), "unused"); err != nil { // the socket is there when the store runs
		t.Fatal(err)
	}
	return control.NewClient(Socket(w.conf.Dir)).Post(t.Context(), what, values, answer)
}

// status asks for the status until it is as wanted, which the writer makes it within a
// flush interval.
func status(t *testing.T, w *world, want func(*control.PacketStatus) bool) *control.PacketStatus {
	t.Helper()
	for {
		if err := w.Seal(t.Context(), "unused"); err != nil {
			t.Fatal(err)
		}
		st := &control.PacketStatus{}
		if err := control.NewClient(Socket(w.conf.Dir)).Get(t.Context(), "/packets", nil, st); err != nil {
			t.Fatal(err)
		}
		if want(st) {
			return st
		}
	}
}

// TestService_Status says over the socket what is stored of which interface, and why what is
// not is not.
func TestService_Status(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) {
		c.Quotas = []config.PacketQuota{{Qubes: []string{"work"}, Quota: 7 << 20}}
		c.Flush = config.Duration(100 * time.Millisecond)
	})
	defer w.run()()
	w.add(7, frame(40000, 53, 200))
	w.add(7, frame(40000, 53, 200))
	w.add(8, frame(50000, 53, 400)) // anon
	st := status(t, w, func(st *control.PacketStatus) bool {
		return st.MaxBytes > 0 && len(st.Vifs) == 2 && st.Vifs[0].Open == "work" && st.Vifs[1].Excluded != ""
	})
	want := &control.PacketStatus{State: "running", MaxBytes: 1 << 30, Vifs: []control.PacketVif{
		{Name: "vif7.0", Qube: "work", Open: "work", Quota: 7 << 20, Packets: 2}, {Name: "vif8.0", Qube: "anon", Excluded: "tag anon-vm"}}}
	if diff := cmp.Diff(want, st); diff != "" {
		t.Errorf("status mismatch (-want +got):\n%s", diff)
	}
}

// TestService_Reload lets whom to store, the filter and the limits apply without a restart,
// and names what needs one. Settings that are not valid change nothing.
func TestService_Reload(t *testing.T) {
	t.Parallel()
	next := config.Default().Packets
	w := newWorld(t, func(c *Config) { c.Flush = config.Duration(100 * time.Millisecond) })
	w.deps.ReadSettings = func() (*config.Packets, error) { c := next; return &c, nil }
	defer w.run()()
	if k := w.add(7, frame(40000, 53, 200)); k.Written != 1 {
		t.Fatalf("Kept = %+v; want one packet written", k)
	}
	next = w.conf.Packets
	next.Filter, next.Snaplen, next.MaxBytes, next.Enabled = "not port 53", 96, 2<<30, true
	next.Exclude = []config.Selector{{Qubes: []string{"work"}}}
	var done control.Reloaded
	if err := call(t, w, "/packets/reload", nil, &done); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(done.Restart, []string{"packets.enabled", "packets.snaplen"}) {
		t.Errorf("after a restart only: %v; want enabled and snaplen", done.Restart)
	}
	if k := w.add(9, frame(40000, 53, 200)); k.Written+k.Cut+k.Lost != 0 {
		t.Errorf("Kept of what the new filter refuses = %+v; want nothing", k)
	}
	w.add(7, frame(40000, 80, 200))
	st := status(t, w, func(st *control.PacketStatus) bool {
		return st.MaxBytes == 2<<30 && len(st.Vifs) > 0 && st.Vifs[0].Excluded == "name"
	})
	if st.Filter != "not port 53" || st.Filtered != 1 {
		t.Errorf("filter %q has refused %d; want the new one, and 1", st.Filter, st.Filtered)
	}
	next.Filter = "port port"
	if err := call(t, w, "/packets/reload", nil, &done); err == nil || !strings.Contains(err.Error(), "packets.filter") {
		t.Errorf("reload of a filter that cannot be read = %v; want an error that names it", err)
	}
	if got := w.rules.Load().Filter; got != "not port 53" {
		t.Errorf("filter after that = %q; want that of before", got)
	}
}

// TestService_Watch watches what is an address, a Community ID or a qube, and lists it.
func TestService_Watch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	if err := w.Watch("work", time.Hour); err == nil {
		t.Error("Watch without a store = nil; want an error")
	}
	defer w.run()()
	var all []control.PacketWatch
	for _, what := range []string{"198.51.100.7", "work", "1:LQU9qZlK+B5F3KDmev6m5PMibrg="} {
		if err := call(t, w, "/packets/watch", url.Values{"what": {what}, "for": {"1h"}}, &all); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []url.Values{{"what": {"unused"}, "for": {"1h"}}, {"what": {"a b"}, "for": {"1h"}}, {"what": {"work"}, "for": {"x"}}, {"what": {"1:x"}, "for": {"1h"}}} {
		if err := call(t, w, "/packets/watch", bad, new(json.RawMessage)); err == nil {
			t.Errorf("watch %v = nil; want an error", bad)
		}
	}
	if len(all) != 3 || time.Until(all[0].Until) < 50*time.Minute {
		t.Errorf("watches = %+v; want three, for an hour", all)
	}
	if err := call(t, w, "/packets/watch", url.Values{"what": {"work"}, "for": {"0s"}}, &all); err != nil || len(all) != 2 {
		t.Errorf("after the end of one: %+v, %v; want two", all, err)
	}
}

// TestService_NoteRead notes who reads, by what the kernel says of the socket, with text from
// outside made harmless and bounded.
func TestService_NoteRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	defer w.run()()
	long := "qube=work\x1b[2J" + strings.Repeat("x", 5000)
	if err := call(t, w, "/packets/read", url.Values{"command": {"pcap get"}, "what": {long}, "sudo": {"user"}}, new(struct{})); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(w.conf.Dir, "reads.log"))
	if err != nil {
		t.Fatal(err)
	}
	var r packetstore.Read
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if r.UID != os.Getuid() || r.PID != os.Getpid() || r.Command != "pcap get" || !strings.HasPrefix(r.What, "qube=work") || len(r.What) > 1000 || r.Sudo != "user" {
		t.Errorf("reads.log has %+v; want this process, and what it has asked for", r)
	}
	if text := w.log.String(); !strings.Contains(text, "packets are read") || strings.Contains(text, "\x1b") {
		t.Errorf("the log has %q; want what is read, made harmless", text)
	}
}

// TestWhyExcluded names the condition.
func TestWhyExcluded(t *testing.T) {
	t.Parallel()
	x := indexOf(t, qubes)
	for _, tt := range []struct {
		qube, want string
		c          config.Packets
	}{
		{"work", "", config.Packets{}},
		{"anon", "tag anon-vm", config.Packets{}},
		{"work", "not in include", config.Packets{Include: []config.Selector{{Qubes: []string{"x"}}}}},
		{"unused", "not in include", config.Packets{Include: []config.Selector{{Qubes: []string{"x"}}}}},
		{"work", "name", config.Packets{Exclude: []config.Selector{{Qubes: []string{"w*"}}}}},
		{"work", "label blue", config.Packets{Exclude: []config.Selector{{Labels: []string{"blue"}}}}},
		{"work", "class AppVM", config.Packets{Exclude: []config.Selector{{Classes: []string{"AppVM"}}}}},
	} {
		q := x.ByName(tt.qube)
		if got := whyExcluded(&tt.c, q); got != tt.want || excluded(&tt.c, q) != (got != "") {
			t.Errorf("whyExcluded(%s) = %q; want %q, and excluded to agree", tt.qube, got, tt.want)
		}
	}
}
