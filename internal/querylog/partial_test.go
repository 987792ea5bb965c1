package querylog_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/querylog"
)

// TestAttack16_partial_row writes whole rows behind the part of one that a full disk or a
// crash has left, with and without a start between.
func TestAttack16_partial_row(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local)
	for _, tt := range []struct{ name, before, want string }{
		{"nothing", "", ""},
		{"a whole row", "a\tb\n", "a\tb\n"},
		{"a part behind a row", "a\tb\nc\td", "a\tb\n"},
		{"a part only", "c\td", ""},
		{"a long part", "a\tb\n" + strings.Repeat("c", 9000), "a\tb\n"},
		{"a long part at the edge of a block", "a\n" + strings.Repeat("c", 4096), "a\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "2026-11-22_work.log")
			if err := os.Symlink("/dev/full", path); err != nil {
				t.Fatal(err)
			}
			w, err := querylog.New(querylog.Config{Dir: dir, Instance: "sys-log"})
			if err != nil {
				t.Fatal(err)
			}
			write := func() error {
				if err := w.Write(entry(at, []byte("\x01a\x04test\x00")), "work"); err != nil {
					return err
				}
				return w.Flush(at, true)
			}
			if err := write(); err == nil || w.Stats().Lost != 1 {
				t.Errorf("%+v, %v on a full disk", w.Stats(), err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(tt.before), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := write(); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			row, ok := strings.CutPrefix(string(text), tt.want)
			if !ok || !strings.HasPrefix(row, "2026-11-22 ") || strings.Count(row, "\t") != 10 || strings.Count(row, "\n") != 1 {
				t.Errorf("the file has %q; want %q and a row", text, tt.want)
			}
		})
	}
}
