package topview_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/topview"
)

// show returns a model with two snapshots of n qubes, so that there are rates.
func show(n int) *topview.Model {
	m := new(topview.Model)
	m.Update(snapshot(n, 1))
	m.Update(snapshot(n, 2))
	return m
}

// TestModel_Draw has the whole table in 80 columns and 24 lines.
func TestModel_Draw(t *testing.T) {
	t.Parallel()
	got := text(show(4), 80, 24)
	want := `QUBE           LABEL  OUT/s IN/s FLOWS  DNS BLKD REFD FIND TOP DESTINATION
qube-3         red     3000    0     3    6    3    0    0 www.example.org:443
qube-2         green   2000    0     2    4    2    2    0 www.example.org:443
qube-1         blue    1000    0     1    2    1    1    0 www.example.org:443
qube-0         red        0    0     0    0    0    0    0 www.example.org:443
`
	if !strings.Contains(got, want) {
		t.Errorf("the table is not\n%s\nbut\n%s", want, got)
	}
	if !strings.Contains(got, "4 qubes  out 6000B/s  in 0B/s") {
		t.Errorf("the sum is missing in\n%s", got)
	}
	if lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n"); len(lines) != 24 || !strings.HasPrefix(lines[23], "Enter open") {
		t.Errorf("%d lines; want 24, with the keys at the end:\n%s", len(lines), got)
	}
}

// TestModel_Draw_columns leaves out what is not known, and what there is no room for.
func TestModel_Draw_columns(t *testing.T) {
	t.Parallel()
	bare := snapshot(1, 1)
	bare.Qubes[0].DNS, bare.Qubes[0].Refused = nil, nil
	m := new(topview.Model)
	m.Update(bare)
	if got := text(m, 80, 24); strings.Contains(got, "DNS") || strings.Contains(got, "REFD") || strings.Contains(got, "VERIFY") || !strings.Contains(got, "www.example.org:443") {
		t.Errorf("without resolver and firewall:\n%s", got)
	}
	verified := snapshot(1, 1)
	verified.Qubes[0].Verify = "leak"
	m = new(topview.Model)
	m.Update(verified)
	if got := text(m, 100, 24); !strings.Contains(got, "VERIFY") || !strings.Contains(got, " leak ") {
		t.Errorf("with the outcome of a check:\n%s", got)
	}
	if got := text(show(1), 40, 24); !strings.Contains(got, "QUBE           OUT/s IN/s TOP DESTINAT") {
		t.Errorf("in 40 columns:\n%s", got)
	}
}

// TestModel_Draw_narrow has whole words in the first and the last line, the end of names, and
// what fails, on a screen of 40 columns and 12 lines.
func TestModel_Draw_narrow(t *testing.T) {
	t.Parallel()
	s := snapshot(3, 1)
	s.KernelDrops = 12
	s.Qubes[1].Verify, s.Qubes[2].Verify = "fail", "pass"
	s.Qubes[2].Top.Name, s.Qubes[0].Name = "a-long-name.cdn.www.example.org", "a-name-of-a-qube-with-31-letter"
	m := new(topview.Model)
	m.Update(s)
	lines := strings.Split(text(m, 40, 12), "\n")
	for i, want := range map[int]string{0: "3 qubes  12 frames dropped", 11: "s sort (rate)  ? keys  q quit"} {
		if lines[i] != want {
			t.Errorf("line %d = %q; want %q", i, lines[i], want)
		}
	}
	table := strings.Join(lines, "\n")
	for _, want := range []string{"\na-name-of-a-q>", " !fail <org:443\n", " <ample.org:443\n"} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
	if got := text(m, 200, 12); !strings.Contains(got, "\na-name-of-a-qube-with-31-letter red ") || !strings.Contains(got, " fail   www.example.org:443\n") {
		t.Errorf("in 200 columns:\n%s", got)
	}
	if got := text(m, 45, 12); !strings.Contains(got, "\nQUBE           LABEL  OUT/s IN/s TOP DEST") {
		t.Errorf("in 45 columns:\n%s", got)
	}
	m.Press(topview.Help)
	if got := text(m, 40, 12); !strings.Contains(got, "q quit\n") || !strings.Contains(got, "!spoofed  an address that is not its own\n") {
		t.Errorf("help:\n%s", got)
	}
}

// TestModel_Draw_narrow_one shows all numbers of a qube in 40 columns.
func TestModel_Draw_narrow_one(t *testing.T) {
	t.Parallel()
	s := snapshot(1, 1)
	s.Qubes[0].Out = topview.Traffic{Bytes: 123_456_789_012, Packets: 123_456_789}
	m := new(topview.Model)
	m.Update(s)
	m.Press(topview.Enter)
	got := text(m, 40, 12)
	for _, want := range []string{"123,456,789,012 bytes in 123,456,789", "findings 0", "\nDESTINATI> PROTO OUT/s  IN/s   OUT    IN\n", "\n<e.org:443 tcp"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// TestModel_Draw_sizes fits every size, in every view.
func TestModel_Draw_sizes(t *testing.T) {
	t.Parallel()
	for _, keys := range [][]topview.Key{{}, {topview.Enter}, {topview.Help}, {topview.End}, {topview.Pause}} {
		m := show(50)
		for _, k := range keys {
			m.Press(k)
		}
		for width := range 130 {
			for height := range 30 {
				lines := m.Draw(width, height)
				if len(lines) > height {
					t.Fatalf("%d lines in %d", len(lines), height)
				}
				for _, l := range lines {
					if len(l.String()) > width {
						t.Fatalf("%d columns in %d: %q", len(l.String()), width, l)
					}
				}
			}
		}
	}
}

// TestModel_Draw_one shows the totals of a qube exactly, and its destinations.
func TestModel_Draw_one(t *testing.T) {
	t.Parallel()
	refused := uint64(7)
	one := func(i uint64) *topview.Snapshot {
		return &topview.Snapshot{Uptime: time.Duration(i) * time.Second, Qubes: []topview.Qube{{Interface: "vif4.0", Name: "work", Label: "blue", Class: "AppVM",
			NetVM: "sys-log", Address: "10.137.0.6", Out: topview.Traffic{Bytes: 1_234_567 * i, Packets: 1000}, In: topview.Traffic{Bytes: 42, Packets: 1},
			Flows: 3, Begun: 1234, DNS: &topview.DNS{Queries: 12, Blocked: 3}, Refused: &refused, Findings: 1, Spoofed: true,
			Peers: []topview.Peer{
				{Name: "www.example.org", Address: "198.51.100.7", Port: 443, Transport: "tcp", Out: topview.Traffic{Bytes: 20_000 * i}},
				{Address: "192.0.2.1", Transport: "icmp"},
			}}}}
	}
	m := new(topview.Model)
	m.Update(one(1))
	m.Press(topview.Enter)
	if m.Open() != "vif4.0" {
		t.Fatalf("open = %q", m.Open())
	}
	m.Update(one(2))
	got := text(m, 80, 24)
	for _, want := range []string{
		"\nwork  blue  AppVM  sys-log  vif4.0  10.137.0.6  !spoofed\n",
		"\nout  1.2MB/s  2,469,134 bytes in 1,000 packets\n",
		"\nin   0B/s  42 bytes in 1 packet\n",
		"\nflows 3 live, 1,234 begun  dns 12, 3 blocked  refused 7  findings 1\n",
		"\nwww.example.org:443 198.51.100.7               tcp         20k     0   40k     0\n",
		"\n192.0.2.1                                      icmp          0     0     0     0\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	m.Update(snapshot(1, 3))
	if got := text(m, 80, 24); !strings.Contains(got, "vif4.0 is gone; press Esc") {
		t.Errorf("the qube that is open is gone, but:\n%s", got)
	}
	m.Press(topview.Back)
	if m.Open() != "" || !strings.Contains(text(m, 80, 24), "qube-0") {
		t.Errorf("Esc does not lead back:\n%s", text(m, 80, 24))
	}
}

// TestModel_Press chooses rows over pages, keeps the choice while rows move, and sorts.
func TestModel_Press(t *testing.T) {
	t.Parallel()
	m := show(500)
	shown := func(name string) bool { return strings.Contains(text(m, 80, 24), "\n"+name+" ") }
	if !shown("qube-499") || shown("qube-478") {
		t.Errorf("the first page:\n%s", text(m, 80, 24))
	}
	m.Press(topview.PageDown)
	m.Press(topview.PageDown)
	if !shown("qube-459") {
		t.Errorf("two pages on:\n%s", text(m, 80, 24))
	}
	if m.Press(topview.End); !shown("qube-0") || shown("qube-21") {
		t.Errorf("the end:\n%s", text(m, 80, 24))
	}
	m.Press(topview.Up)
	m.Press(topview.Reverse) // qube-1 is second now, and still chosen
	if m.Press(topview.Enter); m.Open() != "vif2.0" {
		t.Errorf("open = %q; want that of qube-1", m.Open())
	}
	m.Press(topview.Back)
	m.Press(topview.Reverse)
	for range 8 {
		m.Press(topview.NextOrder)
	}
	if got := text(m, 80, 24); !strings.Contains(got, "sort (name)") {
		t.Errorf("eight times s:\n%s", got)
	}
	if m.Press(topview.Home); !shown("qube-0") {
		t.Errorf("by name:\n%s", text(m, 80, 24))
	}
	if m.Press(topview.Help); !strings.Contains(text(m, 80, 24), "page down") {
		t.Error("? does not help")
	}
	if m.Press(topview.Key(0)) || strings.Contains(text(m, 80, 24), "page down") || !m.Press(topview.Quit) {
		t.Error("any key should leave the help, and q should quit")
	}
}

// TestModel_Pause stands still, and has the rates of the whole pause afterwards.
func TestModel_Pause(t *testing.T) {
	t.Parallel()
	m := show(2)
	m.Press(topview.Pause)
	before := text(m, 80, 24)
	if m.Update(snapshot(2, 5)); text(m, 80, 24) != before || !strings.Contains(before, "PAUSED") {
		t.Errorf("paused:\n%s", text(m, 80, 24))
	}
	m.Press(topview.Pause)
	late := snapshot(2, 12)
	late.Qubes[1].Out.Bytes = 2000 + 50_000 // five thousand bytes a second since the pause began
	if m.Update(late); !strings.Contains(text(m, 80, 24), "out 5000B/s") {
		t.Errorf("after the pause:\n%s", text(m, 80, 24))
	}
}

// TestModel_Fail keeps the numbers and says what is wrong.
func TestModel_Fail(t *testing.T) {
	t.Parallel()
	m := new(topview.Model)
	if got := text(m, 80, 24); !strings.Contains(got, "waiting for the beat") {
		t.Errorf("before the first snapshot:\n%s", got)
	}
	m.Press(topview.Down)
	m.Press(topview.Enter)
	m.Update(snapshot(1, 1))
	m.Fail(errors.New("the beat does not answer\x1b[2J"))
	got := text(m, 80, 24)
	if !strings.Contains(got, "qube-0") || !strings.Contains(got, `the beat does not answer\027[2J`) {
		t.Errorf("after a failure:\n%s", got)
	}
	if m.Update(snapshot(1, 2)); strings.Contains(text(m, 80, 24), "does not answer") {
		t.Error("the failure stays")
	}
}

// TestModel_Draw_hostile shows nothing but printable ASCII, whatever names there are.
func TestModel_Draw_hostile(t *testing.T) {
	t.Parallel()
	peer := topview.Peer{Name: hostile, Address: hostile, Transport: hostile, Port: 443}
	s := &topview.Snapshot{Qubes: []topview.Qube{{Interface: hostile, Name: hostile, Label: hostile, Class: hostile, NetVM: hostile, Address: hostile,
		Verify: hostile, Top: &peer, Peers: []topview.Peer{peer}}, {Interface: hostile + "2"}}}
	m := new(topview.Model)
	m.Update(s)
	lines := m.Draw(200, 24)
	m.Press(topview.Enter)
	lines = append(lines, m.Draw(200, 24)...)
	lines = append(lines, topview.Table(s)...)
	for _, l := range lines {
		for _, c := range []byte(l.String()) {
			if c < ' ' || c > '~' {
				t.Fatalf("%q", l)
			}
		}
	}
	if all := fmt.Sprint(lines); strings.Count(all, "owned") < 6 {
		t.Errorf("names are missing: %s", all)
	}
}

// TestTable has every row, in full.
func TestTable(t *testing.T) {
	t.Parallel()
	s := snapshot(300, 2)
	topview.Rates(snapshot(300, 1), s)
	lines := topview.Table(s)
	if got, want := lines[300].String(), "qube-299       green   299k    0   299  598  299    2    0 www.example.org:443"; len(lines) != 301 || got != want {
		t.Errorf("%d lines, last %q; want 301, last %q", len(lines), got, want)
	}
	if lines[1][0].Style != topview.Label || lines[1][0].Label != "red" {
		t.Errorf("first row = %+v; want it in the colour of its label", lines[1])
	}
}

// FuzzModel_Draw draws any name in any size as printable ASCII that fits.
func FuzzModel_Draw(f *testing.F) {
	f.Add(hostile, uint8(80), uint8(24), uint64(1<<63))
	f.Add("work", uint8(1), uint8(1), uint64(9999))
	f.Fuzz(func(t *testing.T, name string, width, height uint8, n uint64) {
		q := topview.Qube{Interface: name, Name: name, Label: name, Out: topview.Traffic{Bytes: n, Packets: n, Rate: float64(n)}, Begun: n, Flows: int(n),
			Top: &topview.Peer{Name: name, Address: name, Port: 1}}
		m := new(topview.Model)
		m.Update(&topview.Snapshot{Qubes: []topview.Qube{q}, KernelDrops: n})
		for range 2 {
			for _, l := range m.Draw(int(width), int(height)) {
				s := l.String()
				if len(s) > int(width) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
					t.Fatalf("%q in %d columns", s, width)
				}
			}
			m.Press(topview.Enter)
		}
	})
}
