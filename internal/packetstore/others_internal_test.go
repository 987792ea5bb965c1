package packetstore

import (
	"os"
	"testing"
	"time"
)

// TestDeleted holds that the store goes on when someone else deletes its segments, an open one
// and a sealed one, and that the account stays exact.
func TestDeleted(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w := newWorld(t, dir, nil)
	w.add(7, 1, 20, 500)
	w.tick()
	w.Gone(7)
	w.tick()
	sealed := segments(t, dir)[0]
	w.add(7, 2, 20, 500)
	w.tick()
	for _, path := range segments(t, dir) {
		check(t, os.Remove(path))
	}
	w.add(7, 2, 20, 500)
	w.tick()
	w.Gone(7)
	w.tick()
	w.add(7, 3, 30, 500)
	w.tick()
	w.conf.MaxBytes = 1 // evicts what is there, and what is not
	w.Gone(7)
	w.tick()
	w.tick()
	w.conf.MaxBytes = 1 << 40
	w.now = w.now.Add(time.Minute)
	w.tick()
	w.tick()
	w.add(8, 4, 40, 500)
	w.stop()
	if n := rows(t, dir); n != 40 {
		t.Errorf("%d packets are left; want 40", n)
	}
	if _, err := os.Stat(sealed); err == nil {
		t.Error("a segment that was deleted is there again")
	}
	again := newWorld(t, dir, nil)
	again.stop()
	if again.c.damaged > 0 {
		t.Errorf("%d segments are damaged", again.c.damaged)
	}
}

// TestDirect holds that segments are the same where O_DIRECT is refused: at the opening, and, as
// some file systems do, at the first write.
func TestDirect(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		folder func(string) files
	}{
		{"past the cache", func(dir string) files { f, err := openFolder(dir); check(t, err); return f }},
		{"refused", func(dir string) files { f, err := openFolder(dir); check(t, err); f.direct = false; return f }},
		{"refused later", func(dir string) files { f, err := openFolder(dir); check(t, err); return &misaligned{f} }},
	} {
		dir := t.TempDir()
		real := tt.folder(dir)
		w := newWorld(t, dir, func(c *Config) { c.files = real })
		w.add(7, 1, 3, 60)
		w.tick()
		w.add(7, 1, 900, 1000)
		w.tick()
		w.add(7, 1, 3, 60)
		w.tick()
		if n := rows(t, dir); n != w.added || w.c.faults > 0 {
			t.Errorf("%s: %d packets are in the open file, %d faults; want %d and none", tt.name, n, w.c.faults, w.added)
		}
		w.stop()
		if n := rows(t, dir); n != w.added {
			t.Errorf("%s: %d packets; want %d", tt.name, n, w.added)
		}
		verified(t, dir)
		check(t, real.Close())
	}
}

// misaligned is a folder whose files accept O_DIRECT, and refuse every write with it until it is
// off.
type misaligned struct{ files }

// Create implements [files]. A write of an odd number of bytes is refused as one that is not
// aligned is.
func (m *misaligned) Create(name string) (file, error) {
	f, err := m.files.Create(name)
	if err != nil {
		return nil, err
	}
	return &misalignedFile{osFile: f.(*osFile)}, nil
}

type misalignedFile struct {
	*osFile
	refused bool
}

// WriteAt implements [file]. The first one is given memory that O_DIRECT does not take.
func (m *misalignedFile) WriteAt(b []byte, at int64) (int, error) {
	if !m.refused {
		m.refused = true
		odd := append(make([]byte, 1, len(b)+1), b...)[1:]
		return m.osFile.WriteAt(odd, at)
	}
	return m.osFile.WriteAt(b, at)
}

// TestClock_steps holds that packets are stored, found and in the order of their segments when
// the clock steps back a little, a day, to 1970, and a day ahead.
func TestClock_steps(t *testing.T) {
	t.Parallel()
	dir := fastDir(t)
	w := newWorld(t, dir, nil)
	start := w.now
	for i, to := range []time.Time{start, start.Add(-2 * time.Second), start.Add(-24 * time.Hour), time.Unix(0, 0), start.Add(24 * time.Hour), start} {
		w.now = to
		w.add(7, uint64(i+1), 10, 200)
		w.tick()
	}
	w.stop()
	if n := rows(t, dir); n != 60 || w.c.lostDisk.packets+w.c.lostMemory.packets > 0 {
		t.Errorf("%d packets are in the files; want 60", n)
	}
	for i := range uint64(6) {
		if res, _ := mustFind(t, dir, &Query{Keys: []uint64{info(7, i+1).Key}}); len(res.Flows) != 1 || res.Flows[0].Packets != 10 {
			t.Errorf("flow %d: %+v; want 10 packets", i+1, res.Flows)
		}
	}
	if n := len(segments(t, dir)); n < 4 {
		t.Errorf("%d segments; want another one for each step of more than a minute", n)
	}
	verified(t, dir)
}

// TestAdd_captured counts frames that the capture has cut, since its ring was filling up, as cut
// for want of room, and not those that the settings cut.
func TestAdd_captured(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*Config)
		cut    bool
	}{
		{"all is asked for", nil, true},
		{"as much is asked for", func(c *Config) { c.Snaplen = 96 }, false},
		{"headers are asked for", func(c *Config) { c.HeadersOnly = true }, true},
	} {
		w := newWorld(t, fastDir(t), tt.change)
		p := w.packet(7, 1, 96)
		p.Length = 1514
		w.Add(p)
		w.stop()
		if k := w.marks[1].Kept(); w.c.written[cutPressure].packets == 1 != tt.cut || k.Cut == 1 != tt.cut || k.Written == 1 == tt.cut {
			t.Errorf("%s: %+v, %+v; want it cut: %v", tt.name, w.c.written, k, tt.cut)
		}
	}
}
