package querylog_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/qubesbeat/qubesbeat/internal/dnsevent"
	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
	"github.com/qubesbeat/qubesbeat/internal/querylog"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local)

// answered returns the entry of a query and one record in its answer.
func answered(question string, kind uint16, data []byte) *dnsevent.Entry {
	name, err := dnsmsg.ParseName(nil, question)
	if err != nil {
		name = []byte("\x01x\x00")
	}
	reply := dnsmsg.AppendQuestion(dnsmsg.AppendHeader(nil, 1, dnsmsg.FlagQR), name, dnsmsg.Type(kind), dnsmsg.ClassIN)
	reply = dnsmsg.AppendRecord(reply, nil, dnsmsg.Type(kind), dnsmsg.ClassIN, 60, data)
	dnsmsg.SetCounts(reply, 1, 1, 0, 0)
	return &dnsevent.Entry{At: noon.UnixNano(), From: netip.MustParseAddrPort("10.137.0.9:4000"), Type: dnsmsg.Type(kind), Class: dnsmsg.ClassIN,
		Name: name, Reply: reply, ReplyLen: len(reply)}
}

// written returns the bytes of the file that an entry makes.
func written(t testing.TB, e *dnsevent.Entry, qube string) string {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	w, err := querylog.New(querylog.Config{Dir: dir, Instance: "sys-log"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(e, qube); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	paths, _ := filepath.Glob(dir + "/*")
	if len(paths) != 1 {
		t.Fatalf("%d files; want one", len(paths))
	}
	text, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkRow fails unless a file is one row of eleven columns in printable ASCII, none of
// which is a formula.
func checkRow(t testing.TB, text string) {
	t.Helper()
	row, ok := strings.CutSuffix(text, "\n")
	cells := strings.Split(row, "\t")
	if !ok || len(cells) != 11 {
		t.Fatalf("%d columns; want one row of 11: %q", len(cells), text)
	}
	for i, cell := range cells {
		if strings.IndexFunc(cell, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
			t.Errorf("column %d has a byte that is not printable: %q", i, cell)
		}
		if value := strings.TrimPrefix(cell, `"`); value != "" && strings.ContainsRune("=+-@", rune(value[0])) {
			t.Errorf("column %d is a formula: %q", i, cell)
		}
	}
}

// TestAttack06_recordMakesNoRow writes records of all types, among them NULL, whose data
// has no form of its own, in one row.
func TestAttack06_recordMakesNoRow(t *testing.T) {
	t.Parallel()
	forged := []byte("x\"\n2026-01-01 00:00:00\t10.137.0.7\tbanking\t0\tRESOLVED\tforged.example.\tA (6.6.6.6)\tNOERROR\tRESOLVED\tA\tsys-log\n\x1b]0;owned\a\xff")
	kinds := []uint16{65280, 65535, 999}
	for kind := range dns.TypeToString {
		kinds = append(kinds, kind)
	}
	for _, kind := range kinds {
		for _, data := range [][]byte{forged, append([]byte{byte(len(forged))}, forged...), append([]byte{0, 1, byte(len(forged))}, forged...)} {
			checkRow(t, written(t, answered("null.example", kind, data), "attacker"))
		}
	}
	if text := written(t, answered("null.example", dns.TypeNULL, []byte("A (6.6.6.6)")), "attacker"); !strings.Contains(text, `null.example. 60 IN TYPE10 \# 11 4120`) {
		t.Errorf("a NULL record that looks like an address is written as %q", text)
	}
}

// TestAttack06_formulas writes names and clients that a spreadsheet would evaluate.
func TestAttack06_formulas(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"=1+1.example", "+1.example", "-1.example", "@SUM.example", `\009=1.example`} {
		text := written(t, answered(name, dns.TypeMX, []byte("\x00\x0a\x01=\x00")), name)
		checkRow(t, text)
		if !strings.Contains(text, "1.example.") && !strings.Contains(text, "SUM.example.") {
			t.Errorf("%s is written as %q; want the rest of the name readable", name, text)
		}
	}
}

// TestRow_blocky keeps blocky's form of usual records.
func TestRow_blocky(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind uint16
		data string
		want string
	}{
		{dns.TypeA, "\xc0\x00\x02\x01", "A (192.0.2.1)"},
		{dns.TypeCNAME, "\x01a\x04test\x00", "CNAME (a.test.)"},
		{dns.TypeMX, "\x00\x0a\x01a\x04test\x00", "www.example. 60 IN MX 10 a.test."},
		{dns.TypeTXT, "\x05v=abc", `"www.example. 60 IN TXT ""v=abc"""`},
		{dns.TypeCAA, "\x00\x05issueca.test", `"www.example. 60 IN CAA 0 issue ""ca.test"""`},
	} {
		cells := strings.Split(written(t, answered("www.example", tt.kind, []byte(tt.data)), "work"), "\t")
		if got := cells[6]; got != tt.want {
			t.Errorf("%s is written as %s; want %s", dns.TypeToString[tt.kind], got, tt.want)
		}
	}
}

// FuzzRow writes any record with any names in one row.
func FuzzRow(f *testing.F) {
	for kind, make := range dns.TypeToRR {
		rr := make()
		rr.Header().Name, rr.Header().Rrtype, rr.Header().Class = "x.example.", kind, dns.ClassINET
		buf := make65535()
		if n, err := dns.PackRR(rr, buf, 0, nil, false); err == nil {
			f.Add("x.example", kind, buf[min(n, 21):n], "work")
		}
	}
	f.Add("=a.example", uint16(dns.TypeNULL), []byte("a\nb\tc"), "@work")
	f.Add(`\010\009.example`, uint16(dns.TypeTXT), []byte("\x03a\nb"), "\u202e")
	f.Fuzz(func(t *testing.T, name string, kind uint16, data []byte, qube string) {
		if len(data) > dnsevent.MaxReply/2 {
			return
		}
		checkRow(t, written(t, answered(name, kind, data), qube))
	})
}

func make65535() []byte { return make([]byte, 65535) }

// TestAttack11_oneQubeCannotFillTheDisk bounds what a qube adds in a day, and all files
// together; what is beyond is counted, and others go on.
func TestAttack11_oneQubeCannotFillTheDisk(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	dir := t.TempDir()
	old := filepath.Join(dir, "2026-11-01_work.log")
	for _, path := range []string{old, filepath.Join(dir, "2026-11-02_work.log"), filepath.Join(dir, "notes.log")} {
		if err := os.WriteFile(path, make([]byte, limit*7/16), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w, err := querylog.New(querylog.Config{Dir: dir, MaxBytes: limit})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 60)
	write := func(qube string, n int) {
		for i := range n {
			e := answered(fmt.Sprintf("%s.%s.%d.example", long, long, i), dns.TypeA, []byte{192, 0, 2, 1})
			if qube == "" {
				e.From = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 137, byte(i >> 8), byte(i)}), 4000)
			}
			if err := w.Write(e, qube); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("attacker", 2000)
	write("", 2000) // and under addresses that it has made up
	write("work", 100)
	write("personal", 100)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	total, sizes := int64(0), map[string]int64{}
	for _, name := range files(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if sizes[name] = info.Size(); name != "notes.log" {
			total += info.Size()
		}
	}
	if got := sizes["2026-11-22_attacker.log"]; got > limit/16 || got < limit/20 {
		t.Errorf("the attacker has %d bytes; want its share of %d", got, limit/16)
	}
	if len(sizes) > 64+6 || total > limit {
		t.Errorf("%d files, %d bytes; want at most 70, and %d", len(sizes), total, limit)
	}
	if _, err := os.Stat(old); err == nil || w.Stats().Deleted != 1 {
		t.Errorf("%d files were removed, the oldest: %v; want it alone", w.Stats().Deleted, err)
	}
	for _, qube := range []string{"work", "personal"} {
		text, _ := os.ReadFile(filepath.Join(dir, "2026-11-22_"+qube+".log"))
		if n := strings.Count(string(text), "\n"); n != 100 {
			t.Errorf("%s has %d rows; want all 100", qube, n)
		}
	}
	if rows := w.Stats().Over; rows < 3000 {
		t.Errorf("%d rows are counted as left out; want those of the attacker", rows)
	}
}

// TestWriter_restart goes on with the share of the day.
func TestWriter_restart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 3 {
		w, err := querylog.New(querylog.Config{Dir: dir, MaxBytes: 16 * 2000})
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			_ = w.Write(answered("www.example", dns.TypeA, []byte{192, 0, 2, 1}), "work")
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "2026-11-22_work.log"))
	if err != nil || info.Size() > 2000 {
		t.Errorf("the file has %d bytes after three starts; want at most 2000", info.Size())
	}
}
