package bundle_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/bundle"
	"github.com/qubesbeat/qubesbeat/internal/packetstore"
)

// start is the time of the first packet of a test.
var start = time.Date(2026, 11, 27, 22, 48, 0, 0, time.UTC)

// newStore makes a store with a segment of work at start and one an hour later, and one of
// personal between them. Its folder is returned.
func newStore(t *testing.T, integrity bool) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "packets")
	names := map[uint32]string{7: "work", 8: "personal"}
	for i, iface := range []uint32{7, 8, 7} {
		s, err := packetstore.Open(packetstore.Config{Dir: dir, MinFree: 1, MaxBytes: 1 << 40, Memory: 2 << 20, Integrity: integrity,
			Names: func(iface uint32, _ time.Time) (packetstore.Holder, bool) {
				return packetstore.Holder{Vif: fmt.Sprintf("vif%d.0", iface), Name: names[iface], Label: "blue", Class: "AppVM", Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 137, 0, byte(iface)})}}, true
			}})
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, 100)
		s.Begin()
		s.Add(&packetstore.Packet{Iface: iface, At: start.Add(time.Duration(i) * 30 * time.Minute).UnixNano(), Data: data, Length: 100, LinkType: 1, Account: new(packetstore.Account), Flow: &packetstore.FlowInfo{}})
		s.End()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Run(ctx); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// heads returns the digests of the chain's lines.
func heads(t *testing.T, dir string) (all []string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "chain.log"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		all = append(all, bundle.Digest([]byte(strings.TrimSuffix(line, "\n"))))
	}
	return all
}

// eventsFile writes events of both qubes, and stats events with the digest of the newest
// line.
func eventsFile(t *testing.T, dir string) string {
	t.Helper()
	all := heads(t, dir)
	text := `{"@timestamp":"2026-11-27T22:47:00Z","event":{"start":"2026-11-27T22:40:00Z","end":"2026-11-27T22:47:00Z"},"qube":{"name":"work"},"n":"before"}
{"@timestamp":"2026-11-27T22:48:01Z","event":{"start":"2026-11-27T22:40:00Z","end":"2026-11-27T22:48:01Z"},"qube":{"name":"work"},"n":"runs into it"}
{"@timestamp":"2026-11-27T22:48:02Z","qube":{"name":"work"},"n":"in it"}
{"@timestamp":"2026-11-27T22:48:02Z","qube":{"name":"personal"},"n":"work"}
{"@timestamp":"2026-11-28T22:48:02Z","qube":{"name":"work"},"n":"after"}
not an event of work
`
	for _, at := range []string{"2026-11-28T00:10:00Z", "2026-11-28T00:00:00Z", "2026-11-28T00:20:00Z"} {
		text += fmt.Sprintf(`{"@timestamp":%q,"event":{"dataset":"qubesbeat.stats"},"observer":{"name":"sys-log"},"stats":{"packets":{"chain":%q}}}`+"\n", at, all[len(all)-1])
	}
	path := filepath.Join(t.TempDir(), "events.ndjson")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// export returns a bundle of work.
func export(t *testing.T, dir string, from, to time.Time, events ...string) []byte {
	t.Helper()
	r, err := packetstore.OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	e, err := bundle.NewExport(r, bundle.Manifest{Program: "qubesbeat test", Qube: "work", From: from, To: to})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range events {
		if err := e.Events.Read(path); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := e.Write(t.Context(), &out, r); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// file is an entry of a tar archive.
type file struct{ name, content string }

// unpack returns the entries of a bundle.
func unpack(t *testing.T, b []byte) (all []file) {
	t.Helper()
	for r := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return all
		}
		content, err2 := io.ReadAll(r)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || !h.ModTime.Equal(time.Unix(0, 0)) {
			t.Errorf("%s has owner or time: %+v", h.Name, h)
		}
		all = append(all, file{h.Name, string(content)})
	}
}

// pack makes a tar archive.
func pack(t *testing.T, files []file) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Size: int64(len(f.content)), Mode: 0o600, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestExport has the segments of the qube and the range as they are, its events of that time,
// its description, and the chain up to the first stats event that confirms it. The same
// content gives the same bytes.
func TestExport(t *testing.T) {
	t.Parallel()
	dir := newStore(t, true)
	events := eventsFile(t, dir)
	b := export(t, dir, start, start.Add(time.Minute), events)
	if again := export(t, dir, start, start.Add(time.Minute), events); !bytes.Equal(b, again) {
		t.Error("the same content gives other bytes")
	}
	files := unpack(t, b)
	var names []string
	for _, f := range files {
		names = append(names, f.name)
	}
	segs, _ := filepath.Glob(filepath.Join(dir, "work/*.pcapng"))
	want := []string{"README.txt", "manifest.json", "inventory.json", "events.ndjson", "packets/" + filepath.Base(segs[0])}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Fatalf("entries mismatch (-want +got):\n%s", diff)
	}
	segment, err := os.ReadFile(segs[0])
	if err != nil || files[4].content != string(segment) {
		t.Errorf("the segment is not as it was stored (%v)", err)
	}
	if got := files[3].content; strings.Count(got, "\n") != 2 || !strings.Contains(got, "runs into it") || !strings.Contains(got, "in it") {
		t.Errorf("events = %s; want the two of the range", got)
	}
	if got := files[2].content; !strings.Contains(got, `"description": "work (blue, AppVM)"`) || !strings.Contains(got, `"10.137.0.7"`) || strings.Contains(got, "personal") {
		t.Errorf("inventory = %s; want work", got)
	}
	v, err := bundle.Verify(t.Context(), bytes.NewReader(b))
	if err != nil || len(v.Problems) > 0 || v.Segments != 1 || v.Entries != 3 {
		t.Errorf("Verify = %+v, %v; want no problem, one segment, three entries", v, err)
	}
	if a := v.Manifest.Anchor; a == nil || a.At.Hour() != 0 || a.At.Minute() != 0 || a.Host != "sys-log" || len(v.Manifest.Chain) != 3 {
		t.Errorf("anchor = %+v, %d lines; want the first stats event, and all lines", a, len(v.Manifest.Chain))
	}
	v, err = bundle.Verify(t.Context(), bytes.NewReader(export(t, dir, time.Time{}, time.Time{})))
	if err != nil || len(v.Problems) > 0 || v.Segments != 2 || v.Manifest.Anchor != nil || len(v.Manifest.Chain) != 3 {
		t.Errorf("all of it: Verify = %+v, %v; want two segments, three lines, and no anchor", v, err)
	}
}

// TestNewExport_none says that there is nothing.
func TestNewExport_none(t *testing.T) {
	t.Parallel()
	r, err := packetstore.OpenReader(newStore(t, true))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := bundle.NewExport(r, bundle.Manifest{Qube: "work", From: start.Add(24 * time.Hour)}); !errors.Is(err, bundle.ErrNone) {
		t.Errorf("NewExport = %v; want ErrNone", err)
	}
}

// TestVerify finds whatever was changed.
func TestVerify(t *testing.T) {
	t.Parallel()
	dir := newStore(t, true)
	files := unpack(t, export(t, dir, time.Time{}, time.Time{}, eventsFile(t, dir)))
	// manifest returns the files with a manifest that was changed.
	manifest := func(change func(*bundle.Manifest)) []file {
		var m bundle.Manifest
		if err := json.Unmarshal([]byte(files[1].content), &m); err != nil {
			t.Fatal(err)
		}
		change(&m)
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return append([]file{files[0], {"manifest.json", string(b)}}, files[2:]...)
	}
	with := func(i int, f file) []file { return append(append(append([]file{}, files[:i]...), f), files[i+1:]...) }
	changed := files[4].content[:4200] + "x" + files[4].content[4201:]
	sum := func(s string) string { return bundle.Digest([]byte(s)) }
	for _, tt := range []struct {
		name  string
		files []file
		want  string
	}{
		{"as it was made", files, ""},
		{"packets", with(4, file{files[4].name, changed}), "was changed since the bundle was made"},
		{"packets and manifest", append(manifest(func(m *bundle.Manifest) { m.Entries[2].SHA256 = sum(changed) })[:4], file{files[4].name, changed}, files[5]),
			"was changed after it was stored"},
		{"events", with(3, file{files[3].name, files[3].content + "x"}), "events.ndjson was changed"},
		{"another entry", with(3, file{"other", files[3].content}), "other is there in place of events.ndjson"},
		{"an entry less", files[:5], "is missing"},
		{"an entry more", append(files[:6:6], file{"more", "x"}), "more was added"},
		{"a line", manifest(func(m *bundle.Manifest) { m.Chain[1] = strings.Replace(m.Chain[1], "personal", "other", 1) }), "does not follow the one before it"},
		{"a line less", manifest(func(m *bundle.Manifest) { m.Chain = m.Chain[1:] }), "the chain has no line of"},
		{"no line", manifest(func(m *bundle.Manifest) { m.Chain[0] = "x" }), "line 1 of the chain cannot be read"},
		{"the last line", manifest(func(m *bundle.Manifest) { m.Chain[2] += " " }), "does not end with the line whose digest the stats event"},
	} {
		v, err := bundle.Verify(t.Context(), bytes.NewReader(pack(t, tt.files)))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		got := strings.Join(v.Problems, "; ")
		if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: problems %q; want %q", tt.name, got, tt.want)
		}
	}
	v, err := bundle.Verify(t.Context(), bytes.NewReader(export(t, newStore(t, false), time.Time{}, time.Time{})))
	if err != nil || len(v.Problems) != 2 || !strings.Contains(v.Problems[0], "without a digest") {
		t.Errorf("a store without digests: %+v, %v; want a problem of each segment", v, err)
	}
}

// TestVerify_none refuses what is no bundle.
func TestVerify_none(t *testing.T) {
	t.Parallel()
	for name, b := range map[string][]byte{"empty": nil, "text": []byte(strings.Repeat("x", 2000)), "tar": pack(t, []file{{"a", "b"}}),
		"no manifest": pack(t, []file{{"README.txt", ""}}), "another version": pack(t, []file{{"README.txt", ""}, {"manifest.json", `{"bundle": 2}`}})} {
		if _, err := bundle.Verify(t.Context(), bytes.NewReader(b)); !errors.Is(err, bundle.ErrNoBundle) {
			t.Errorf("%s: Verify = %v; want ErrNoBundle", name, err)
		}
	}
	dir := newStore(t, true)
	b := export(t, dir, time.Time{}, time.Time{})
	if _, err := bundle.Verify(t.Context(), bytes.NewReader(b[:len(b)/2])); err == nil {
		t.Error("half a bundle: Verify = nil; want an error")
	}
}

// TestWrite_changed notices that a part is not the same at the second time.
func TestWrite_changed(t *testing.T) {
	t.Parallel()
	for _, texts := range [][2]string{{"a", "b"}, {"a", "aa"}, {"aa", "a"}} {
		n := 0
		p := bundle.Part{Name: "x", Write: func(w io.Writer) error {
			n++
			_, err := io.WriteString(w, texts[n-1])
			return err
		}}
		if err := bundle.Write(io.Discard, "", &bundle.Manifest{}, []bundle.Part{p}); !errors.Is(err, bundle.ErrChanged) {
			t.Errorf("%v: Write = %v; want ErrChanged", texts, err)
		}
	}
}

// TestEvents_grow writes no event that has come since the file was read.
func TestEvents_grow(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.ndjson")
	const line = `{"@timestamp":"2026-11-27T22:48:01Z","qube":{"name":"work"}}` + "\n"
	if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	e := bundle.Events{Qube: "work"}
	if err := e.Read(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(line+line), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := e.Write(&out); err != nil || out.String() != line {
		t.Errorf("Write = %v, %q; want the line that was there", err, out.String())
	}
}

// FuzzVerify reads any bytes, and bundles that were changed.
func FuzzVerify(f *testing.F) {
	f.Add([]byte{}, uint16(0), byte(0))
	f.Fuzz(func(t *testing.T, b []byte, at uint16, to byte) {
		if len(b) > 0 {
			b[int(at)%len(b)] = to
		}
		_, _ = bundle.Verify(t.Context(), bytes.NewReader(b))
	})
}
