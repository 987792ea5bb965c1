package kernellog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/kernellog"
)

// TestCase02_log_one_file reads one file in which several programs write the kernel's
// messages, each with its own header, in either order.
func TestCase02_log_one_file(t *testing.T) {
	t.Parallel()
	forth, back := newReader(), newReader()
	for i := range kernelLines {
		for r, line := range map[*kernellog.Reader]string{forth: kernelLines[i].line, back: kernelLines[len(kernelLines)-1-i].line} {
			if got := read(r, fmt.Sprintf(line, drop)); len(got) != 1 || got[0].Text != drop {
				t.Errorf("%q behind others gives %+v", line, got)
			}
		}
	}
}

// TestReader_mixed tells the lines that a program's message may have made from those of
// another writer of the file: the former follow a line of the program.
func TestReader_mixed(t *testing.T) {
	t.Parallel()
	const (
		kernel  = "Nov 27 10:00:04 sys-log kernel: %s"
		sshd    = "Nov 27 10:00:04 sys-log sshd[7]: Invalid user x"
		systemd = "<30>[   12.345678] systemd[1]: Started."
	)
	for _, tt := range []struct {
		name, lines, want string
	}{
		{"the kernel between", "[ 1.000000] %s\n" + kernel + "\n[ 2.000000] %s", "0 1 2"},
		{"JSON", `{"MESSAGE":"%s","_TRANSPORT":"kernel"}` + "\n" + kernel + "\n" + `{"MESSAGE":"%s","_TRANSPORT":"kernel"}`, "0 1 2"},
		{"a program between", sshd + "\n" + kernel + "\n[ 2.000000] %s", "0 1"},
		{"the kernel before a program", kernel + "\n" + sshd + "\n[ 2.000000] %s", "0"},
		{"several lines", sshd + "\nhello\n[ 1.000000] %s\n[ 2.000000] %s", ""},
		{"JSON of a message", sshd + "\n" + `{"MESSAGE":"%s","_TRANSPORT":"kernel"}`, ""},
		{"an export of a message", sshd + "\n__CURSOR=s\n_TRANSPORT=kernel\nMESSAGE=%s\n\n", ""},
		{"JSON of other programs", sshd + "\n" + `{"MESSAGE":"x","_TRANSPORT":"syslog"}` + "\n[ 1.000000] %s", ""},
		{"a priority", sshd + "\n" + systemd + "\n<4>[ 2.000000] %s", ""},
		{"dmesg --raw with a program", systemd + "\n<4>[ 2.000000] %s", "0"},
		{"dmesg --decode with a program", "daemon:info  : [   12.345678] systemd[1]: x\nkern  :warn  : [   12.345678] %s", "0"},
		{"of unknown origin", "hello\n[ 1.000000] %s", "0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lines := tt.lines
			for i := 0; strings.Contains(lines, "%s"); i++ {
				lines = strings.Replace(lines, "%s", fmt.Sprint(i), 1)
			}
			var got []string
			for _, m := range read(newReader(), lines) {
				got = append(got, m.Text)
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("messages mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReader_mixed_bare keeps reading the lines of a bare file, of which nothing else is
// said, behind a line of another writer.
func TestReader_mixed_bare(t *testing.T) {
	t.Parallel()
	r := newReader()
	r.Format = kernellog.Bare
	got := read(r, "Nov 27 10:00:04 sys-log logger[7]: begun\n"+drop+"\n[ 1.000000] "+drop)
	if len(got) != 2 || got[0].Text != drop || got[1].Text != drop {
		t.Errorf("got %+v", got)
	}
}

// TestReader_mark reads a first line behind a byte order mark.
func TestReader_mark(t *testing.T) {
	t.Parallel()
	for _, tt := range kernelLines {
		if got := read(newReader(), "\ufeff"+fmt.Sprintf(tt.line, drop)); len(got) != 1 || got[0].Text != drop {
			t.Errorf("%s: got %+v", tt.name, got)
		}
	}
}

// TestCase01_log_declared takes no line of another program where the file is declared to
// be ulogd's, or bare, and removes the headers that it knows.
func TestCase01_log_declared(t *testing.T) {
	t.Parallel()
	const at = "Nov 27 10:00:13 "
	for _, tt := range []struct {
		format kernellog.Format
		line   string
		want   string
		origin kernellog.Origin
	}{
		{kernellog.ULOGD, at + "sys-log ulogd[812]: " + drop, drop, kernellog.Kernel},
		{kernellog.ULOGD, at + "sys-log ulogd: " + drop, drop, kernellog.Kernel},
		{kernellog.ULOGD, at + "sys-log daemon.info ulogd[812]: " + drop, drop, kernellog.Kernel},
		{kernellog.ULOGD, "<30>" + at + "sys-log ulogd[812]: " + drop, drop, kernellog.Kernel},
		{kernellog.ULOGD, "<30>1 2026-11-27T10:00:01Z sys-log ulogd 812 - - " + drop, drop, kernellog.Kernel},
		{kernellog.ULOGD, at + "sys-log kernel: [   12.345678] " + drop, drop, kernellog.Kernel},
		{kernellog.ULOGD, at + drop, drop, kernellog.Kernel},
		{kernellog.ULOGD, at + " " + drop, drop, kernellog.Kernel},
		{kernellog.ULOGD, at + "sys-log [nft drop] web: IN=a", "[nft drop] web: IN=a", kernellog.Kernel},
		{kernellog.ULOGD, at + "sys-log IN=a", "IN=a", kernellog.Kernel},
		{kernellog.ULOGD, at + "sys-log sshd[9]: Invalid user " + drop, "", kernellog.OtherProgram},
		{kernellog.ULOGD, at + "sshd[9]: Invalid user " + drop, "", kernellog.OtherProgram},
		{kernellog.ULOGD, at + "sys-log daemon.info dnsmasq: " + drop, "", kernellog.OtherProgram},
		{kernellog.ULOGD, "<30>" + at + "sys-log dnsmasq: " + drop, "", kernellog.OtherProgram},
		{kernellog.ULOGD, "<30>1 2026-11-27T10:00:01Z sys-log tinyproxy 812 - - " + drop, "", kernellog.OtherProgram},
		{kernellog.Bare, at + "sys-log kernel: " + drop, drop, kernellog.Kernel},
		{kernellog.Bare, "<4>" + at + "sys-log kernel: [ 12.345678] " + drop, drop, kernellog.Kernel},
		{kernellog.Bare, "kern  :warn  : [ 12.345678] " + drop, drop, kernellog.Kernel},
		{kernellog.Bare, `{"MESSAGE":"x","_TRANSPORT":"kernel"}`, "x", kernellog.Kernel},
		{kernellog.Bare, "x:alert: IN=a", "x:alert: IN=a", kernellog.Kernel},
		{kernellog.Bare, "<4>" + drop, drop, kernellog.Kernel},
		{kernellog.Bare, `{"MESSAGE":"` + drop + `"`, "", kernellog.UnknownHeader},
		{kernellog.Bare, "[12345] " + drop, "[12345] " + drop, kernellog.Kernel},
		{kernellog.Bare, at + "sys-log dnsmasq[2]: " + drop, "", kernellog.OtherProgram},
		{kernellog.Bare, "<30>" + at + "sys-log kernel: " + drop, "", kernellog.OtherProgram},
		{kernellog.Bare, "2026-11-27T10:00:04Z sys-log dnsmasq: " + drop, "", kernellog.OtherProgram},
		{kernellog.Bare, `{"MESSAGE":"` + drop + `","_TRANSPORT":"syslog"}`, "", kernellog.OtherProgram},
	} {
		r := newReader()
		r.Format = tt.format
		m, o := r.Line(tt.line)
		if m.Text != tt.want || o != tt.origin {
			t.Errorf("%q, %q: Line = %q, %v; want %q, %v", tt.format, tt.line, m.Text, o, tt.want, tt.origin)
		}
	}
}

// TestFile_first reads what is appended to a file as lines behind its last one.
func TestFile_first(t *testing.T) {
	t.Parallel()
	const kernel, sshd = "Nov 27 10:00:04 sys-log kernel: x\n", "Nov 27 10:00:04 sys-log sshd[7]: x\n"
	long := strings.Repeat("Nov 27 10:00:04 sys-log kernel: y\n", 1000)
	for _, tt := range []struct {
		before string
		want   int
	}{
		{"", 1}, {kernel, 1}, {sshd, 0}, {kernel + sshd, 0}, {sshd + kernel, 1}, {kernel + long + sshd, 0}, {sshd + long, 1}, {strings.Repeat("x", 5000) + "\n" + sshd, 0},
	} {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, []byte(tt.before), 0o600); err != nil {
			t.Fatal(err)
		}
		r, got := newReader(), 0
		f, err := kernellog.OpenFile(kernellog.FileConfig{Path: path, OnFirst: func(line string) { r.Line(line) }, OnLine: func(line string) {
			if _, o := r.Line(line); o == kernellog.Kernel {
				got++
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(tt.before+"[ 1.000000] "+drop+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if f.Poll(); got != tt.want {
			t.Errorf("%d messages behind %.40q…; want %d", got, tt.before, tt.want)
		}
	}
}

// TestFile_tooLong reads lines as behind one that is too long, although that is skipped.
func TestFile_tooLong(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	r, got := newReader(), 0
	f, err := kernellog.OpenFile(kernellog.FileConfig{Path: path, OnFirst: func(line string) { r.Line(line) }, OnLine: func(line string) {
		if _, o := r.Line(line); o == kernellog.Kernel {
			got++
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	text := "Nov 27 10:00:04 sys-log kernel: x\nNov 27 10:00:04 sys-log sshd[7]: " + strings.Repeat("x", 2*kernellog.MaxLine) + "\n[ 1.000000] " + drop + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if f.Poll(); got != 1 || f.TooLong() != 1 {
		t.Errorf("%d messages, %d lines too long; want 1 and 1", got, f.TooLong())
	}
}
