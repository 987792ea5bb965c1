package querylog_test

import (
	"encoding/csv"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/querylog"
)

func entry(at time.Time, name []byte) *dnsevent.Entry {
	reply := dnsmsg.AppendQuestion(dnsmsg.AppendHeader(nil, 1, dnsmsg.FlagQR), name, dnsmsg.TypeTXT, dnsmsg.ClassIN)
	reply = dnsmsg.AppendRecord(reply, nil, dnsmsg.TypeTXT, dnsmsg.ClassIN, 60, append([]byte{byte(len("a\tb\nc\""))}, "a\tb\nc\""...))
	dnsmsg.SetCounts(reply, 1, 1, 0, 0)
	return &dnsevent.Entry{At: at.UnixNano(), From: netip.MustParseAddrPort("10.137.0.9:4000"), Type: dnsmsg.TypeTXT, Class: dnsmsg.ClassIN,
		Name: name, Reply: reply, ReplyLen: len(reply)}
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// TestWriter holds that a row has eleven columns whatever a name or an answer has
// in it, and that two qubes never share a file.
func TestWriter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w, err := querylog.New(querylog.Config{Dir: dir, Instance: "sys-log"})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local)
	hostile := []byte("\x06a\tb\nc\"\x04test\x00")
	for _, qube := range []string{"a.b", "a_b", ""} {
		if err := w.Write(entry(at, hostile), qube); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	names := files(t, dir)
	if len(names) != 3 || !strings.Contains(strings.Join(names, " "), "2026-11-22_10_137_0_9.log") {
		t.Fatalf("files = %v; want one for each qube", names)
	}
	for _, name := range names {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		r := csv.NewReader(f)
		r.Comma = '\t'
		rows, err := r.ReadAll()
		_ = f.Close()
		if err != nil || len(rows) != 1 || len(rows[0]) != 11 || rows[0][5] != `a\009b\010c\".test.` {
			t.Errorf("%s: %q, %v", name, rows, err)
		}
	}
}

// TestWriter_days holds what is removed when a day begins, and that a clock that
// jumps removes nothing.
func TestWriter_days(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"2026-11-01_work.log", "2026-11-20_work.log", "notes.log", "2026-11-01_work.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w, err := querylog.New(querylog.Config{Dir: dir, Days: 7})
	if err != nil {
		t.Fatal(err)
	}
	name := []byte("\x01a\x04test\x00")
	day := time.Date(2026, 11, 21, 12, 0, 0, 0, time.Local)
	write := func(at time.Time) {
		t.Helper()
		if err := w.Write(entry(at, name), "work"); err != nil {
			t.Fatal(err)
		}
	}
	write(day)
	write(day.AddDate(1, 0, 0)) // a clock that jumps
	write(day.AddDate(0, 0, 1))
	if got := len(files(t, dir)); got < 5 {
		t.Errorf("a jump of the clock removed files: %v", files(t, dir))
	}
	write(day.AddDate(0, 0, 2))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	left := strings.Join(files(t, dir), " ")
	if strings.Contains(left, "2026-11-01_work.log") || !strings.Contains(left, "2026-11-20_work.log") || !strings.Contains(left, "notes.log") {
		t.Errorf("left: %s", left)
	}
}

// TestWriter_diskFull holds that rows are counted while they cannot be written, and
// written again when they can.
func TestWriter_diskFull(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("needs /dev/full")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "2026-11-22_work.log")
	if err := os.Symlink("/dev/full", path); err != nil {
		t.Fatal(err)
	}
	w, err := querylog.New(querylog.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	at, name := time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local), []byte("\x01a\x04test\x00")
	for range 3 {
		_ = w.Write(entry(at, name), "work")
	}
	if err := w.Flush(at, true); err == nil || w.Stats().Lost != 3 {
		t.Errorf("Flush = %v, %d lost; want an error and 3", err, w.Stats().Lost)
	}
	_ = os.Remove(path)
	if err := w.Write(entry(at, name), "work"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil || w.Stats().Lost != 3 {
		t.Errorf("after there is room: %v, %d lost", err, w.Stats().Lost)
	}
}
