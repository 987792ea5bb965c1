package inventory

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"
)

// A growingFile has half of its text until it has been opened more than writes times.
type growingFile struct {
	fs.File
	text   string
	writes int
	opened int
}

// open returns a handle with the text of the moment.
func (g *growingFile) open(string) (fs.File, error) {
	g.opened++
	size := len(g.text)
	if g.opened <= g.writes {
		size /= 2
	}

	return &growingHandle{g: g, data: bytes.NewReader([]byte(g.text[:size]))}, nil
}

// A growingHandle has a different modification time at each Stat while the file is growing.
type growingHandle struct {
	g     *growingFile
	data  *bytes.Reader
	looks int
}

func (h *growingHandle) Read(b []byte) (int, error) { return h.data.Read(b) }

func (h *growingHandle) Close() error { return nil }

func (h *growingHandle) Stat() (fs.FileInfo, error) {
	h.looks++
	modified := time.Unix(1700000000, 0)
	if h.g.opened <= h.g.writes {
		modified = modified.Add(time.Duration(h.looks) * time.Millisecond)
	}

	file := &fstest.MapFile{Data: make([]byte, h.data.Size()), ModTime: modified}

	return fs.Stat(fstest.MapFS{"inventory": file}, "inventory")
}

func TestFile_Load_growing(t *testing.T) {
	t.Parallel()

	tests := []struct {
		writes  int
		retries uint64
		wantErr error
	}{{0, 0, nil}, {2, 2, nil}, {3, 3, errChanging}}
	for _, tt := range tests {
		// Half of the text is a valid inventory of one qube: nothing in it shows that it is incomplete.
		g := &growingFile{text: "work|10.137.0.6\nmail|10.137.0.7\n", writes: tt.writes}
		f := NewFile(FileConfig{Path: "inventory", Index: new(Index), OnError: func(err error) { t.Errorf("OnError(%v); want no call", err) }})
		f.open = g.open

		if err := f.Load(); !errors.Is(err, tt.wantErr) {
			t.Errorf("Load with %d writes = %v; want %v", tt.writes, err, tt.wantErr)
		}

		if got := f.Stats().Retries; got != tt.retries {
			t.Errorf("Retries with %d writes = %d; want %d", tt.writes, got, tt.retries)
		}

		if got := len(f.cfg.Index.All()); got != 0 && tt.wantErr != nil || got != 2 && tt.wantErr == nil {
			t.Errorf("All with %d writes = %d qubes; want all or none", tt.writes, got)
		}

		f.poll()

		if got := len(f.cfg.Index.All()); got != 2 {
			t.Errorf("All after the next poll = %d qubes; want 2", got)
		}
	}
}

func TestChangeTime(t *testing.T) {
	t.Parallel()

	previous, now := time.Unix(1000, 0), time.Unix(1001, 0)
	tests := []struct {
		name               string
		modified, previous time.Time
		want               time.Time
	}{
		{"between", time.Unix(1000, 5), previous, time.Unix(1000, 5)},
		{"before", time.Unix(999, 0), previous, now},
		{"in the future", time.Unix(2000, 0), previous, now},
		{"first look", time.Unix(1000, 5), time.Time{}, now},
	}
	for _, tt := range tests {
		if got := changeTime(tt.modified, tt.previous, now); !got.Equal(tt.want) {
			t.Errorf("%s: changeTime = %v; want %v", tt.name, got, tt.want)
		}
	}
}

func TestContent_isCurrent(t *testing.T) {
	t.Parallel()

	if (content{}).isCurrent(nil) {
		t.Error("isCurrent of nothing = true; want false")
	}
}
