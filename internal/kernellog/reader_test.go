package kernellog_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/kernellog"
)

// drop is what a rule with the prefix "DROP: " logs.
const drop = "DROP: IN=vif4.0 OUT=eth0 SRC=10.137.0.6 DST=198.51.100.1 LEN=60 PROTO=TCP SPT=40101 DPT=1101 WINDOW=64240 SYN URGP=0"

var (
	now     = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	stamped = time.Date(2026, 11, 27, 10, 0, 4, 0, time.UTC)
	micro   = stamped.Add(123456 * time.Microsecond)
	local   = time.Date(2026, 11, 27, 10, 0, 4, 0, time.Local)
)

// kernelLines are the kernel's line in every header. %s stands for the message.
var kernelLines = []struct {
	name, line string
	at         time.Time
}{
	{"RFC 3164", "Nov 27 10:00:04 sys-log kernel: %s", local},
	{"RFC 3164, seconds since boot", "Nov 27 10:00:04 sys-log kernel: [   12.345678] %s", local},
	{"RFC 3164, caller", "Nov 27 10:00:04 sys-log kernel: [   12.345678][ T1234] %s", local},
	{"RFC 3164, no host", "Nov 27 10:00:04 kernel: %s", local},
	{"RFC 3164, of last year", "Dec  4 06:35:08 zathras kernel: [1749207.946614] %s", time.Date(2025, 12, 4, 6, 35, 8, 0, time.Local)},
	{"RFC 3164, an address", "Nov 27 10:00:04 10.137.0.5 kernel: %s", local},
	{"with a priority", "<4>Nov 27 10:00:04 sys-log kernel: [   12.345678] %s", local},
	{"RFC 3339", "2026-11-27T10:00:04.123456+00:00 sys-log kernel: %s", micro},
	{"RFC 5424", "<4>1 2026-11-27T10:00:04.123456+00:00 sys-log kernel - - - [   12.345678] %s", micro},
	{"RFC 5424, structured data", `<4>1 2026-11-27T10:00:04.123456Z sys-log kernel - - [a@1 b="] \" x"][c@1] %s`, micro},
	{"RFC 5424, no time", "<4>1 - sys-log kernel - - - %s", now},
	{"busybox", "Nov 27 10:00:04 sys-log kern.warn kernel: [   12.345678] %s", local},
	{"OpenWrt", "Fri Nov 27 10:00:04 2026 kern.warn kernel: [   12.345678] %s", local},
	{"short-precise", "Nov 27 10:00:04.123456 sys-log kernel: %s", local.Add(123456 * time.Microsecond)},
	{"short-iso", "2026-11-27T10:00:04+0000 sys-log kernel: %s", stamped},
	{"short-iso-precise", "2026-11-27T10:00:04.123456+0000 sys-log kernel: %s", micro},
	{"short-full", "Fri 2026-11-27 10:00:04 UTC sys-log kernel: %s", stamped},
	{"short-unix", fmt.Sprintf("%d.123456 sys-log kernel: %%s", stamped.Unix()), micro},
	{"short-monotonic", "[ 2345.678901] sys-log kernel: %s", now},
	{"short-delta", "[ 2345.678901 <    0.000001 >] sys-log kernel: %s", now},
	{"dmesg", "[ 1712.773189] %s", now},
	{"dmesg, caller", "[ 1712.773189][    C0] %s", now},
	{"dmesg --ctime", "[Fri Nov 27 10:00:04 2026] %s", local},
	{"dmesg --decode", "kern  :warn  : [   12.345678] %s", now},
	{"dmesg --raw", "<4>[   12.345678] %s", now},
	{"dmesg --show-delta", "[   12.345678 <    0.000001>] %s", now},
	{"dmesg --notime --show-delta", "[<    0.000001>] %s", now},
	{"dmesg --reltime", "[Nov27 10:00] %s", now},
	{"dmesg --reltime, later", "[  +0.000001] %s", now},
	{"dmesg --time-format=iso", "2026-11-27T10:00:04,123456+00:00 %s", micro},
	{"/dev/kmsg", "4,460,1744843132,-;%s", now},
	{"JSON", `{"MESSAGE":"%s","__REALTIME_TIMESTAMP":"1795773604123456","_TRANSPORT":"kernel"}`, micro},
	{"JSON, event stream", `data: {"MESSAGE":"%s","__REALTIME_TIMESTAMP":"1795773604123456","_TRANSPORT":"kernel"}`, micro},
	{"JSON, sequence", "\x1e" + `{"MESSAGE":"%s","_TRANSPORT":"kernel"}`, now},
	{"export", "__CURSOR=s=1\n__REALTIME_TIMESTAMP=1795773604123456\nPRIORITY=4\nMESSAGE=%s\n_TRANSPORT=kernel\n", micro},
}

// read returns the messages of a text, line by line.
func read(r *kernellog.Reader, text string) (all []kernellog.Message) {
	for line := range strings.SplitSeq(text, "\n") {
		if m, o := r.Line(line); o == kernellog.Kernel {
			all = append(all, m)
		}
	}
	return all
}

func newReader() *kernellog.Reader {
	return &kernellog.Reader{Now: func() time.Time { return now }}
}

// TestCase02_log_header finds the message and the time behind every header.
func TestCase02_log_header(t *testing.T) {
	t.Parallel()
	for _, tt := range kernelLines {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, text := range []string{drop, "fw DROP IN=vif4.0 OUT= SRC=10.137.0.6 DST=1.1.1.1 PROTO=UDP"} {
				got := read(newReader(), fmt.Sprintf(tt.line, text))
				if len(got) != 1 || got[0].Text != text || !got[0].At.Equal(tt.at) {
					t.Errorf("got %+v; want %q at %v", got, text, tt.at)
				}
			}
		})
	}
}

// forgery is a text that a client can have another program write.
const forgery = "kernel: QUBES DROP: IN=vif7.0 OUT=eth0 SRC=10.137.0.7 DST=6.6.6.6 LEN=60 PROTO=TCP SPT=1 DPT=22"

// otherLines are lines of other programs. %s stands for what a client chooses.
var otherLines = []string{
	"Nov 27 10:00:04 sys-log tinyproxy[7]: GET / %s",
	"Nov 27 10:00:04 sys-log dnsmasq: %s",
	"Nov 27 10:00:04 sys-log kernel[7]: %s",
	"Nov 27 10:00:04 sys-log user.notice kernel: %s",
	"Nov 27 10:00:04 user.notice kernel: %s",
	"Nov 27 10:00:04 sys-log dnsmasq %s",
	"Nov 27 10:00:04 sys-log dnsmasq kernel: %s",
	"Nov 27 10:00:04 sys-log kern.warn dnsmasq kernel: %s",
	"Nov 27 10:00:04 sys-log daemon.info dnsmasq[7]: %s",
	"Nov 27 10:00:04.123456 sys-log dnsmasq[7]: %s",
	"Fri Nov 27 10:00:04 2026 daemon.info dnsmasq[7]: %s",
	"<30>Nov 27 10:00:04 sys-log tinyproxy[812]: %s",
	"<30>Nov 27 10:00:04 sys-log kernel: %s",
	"<30>1 2026-11-27T10:00:01.123456+00:00 sys-log tinyproxy 812 - - %s",
	"<4>1 2026-11-27T10:00:01.123456+00:00 sys-log tinyproxy 812 - - %s",
	"<30>1 2026-11-27T10:00:01.123456+00:00 sys-log kernel - - - %s",
	"2026-11-27T10:00:04Z sys-log dnsmasq: %s",
	"2026-11-27T10:00:04+0000 sys-log tinyproxy[812]: %s",
	"2026-11-27T10:00:04.123456+0000 sys-log dnsmasq[12]: %s",
	"Fri 2026-11-27 10:00:04 UTC sys-log tinyproxy[812]: %s",
	"1795773605.123456 sys-log dnsmasq[77]: query[A] %s",
	"[12345.123456] sys-log dnsmasq[12]: %s",
	"[12345.123456 <    0.000001 >] sys-log dnsmasq[12]: %s",
	"[ 2345.678901] sys-log kernel: hello\n[12345.123456] sys-log dnsmasq: %s",
	"daemon:info  : [   12.345678] %s",
	"<30>[   12.345678] %s",
	"12,460,1744843132,-;%s",
	`{"MESSAGE":"%s","_TRANSPORT":"syslog"}`,
	`{"MESSAGE":"%s"}`,
	`{"_TRANSPORT":"syslog","MESSAGE":"%s","_TRANSPORT":"kernel"}`,
	`{"_TRANSPORT":"syslog","MESSAGE":"%s","_transport":"kernel"}`,
	`{"_TRANSPORT":["kernel"],"MESSAGE":"%s"}`,
	`{"_TRANSPORT":"kernel","MESSAGE":"%s"} {}`,
	`{"log":"%s","stream":"stderr"}`,
	"MESSAGE=%s\n_TRANSPORT=kernel\n",
	"__CURSOR=s=1\nMESSAGE=%s\n_TRANSPORT=syslog\n",
	"__CURSOR=s=1\nMESSAGE=%s\n",
	"__CURSOR=s=1\n_TRANSPORT=syslog\nMESSAGE\n\x40\x01\x00\x00\x00\x00\x00\x00hello\n_TRANSPORT=kernel\nMESSAGE=%s\n\n",
	"Nov 27 10:00:04 sys-log dnsmasq[12]: query\n                         %s",
	"Nov 27 10:00:04 sys-log dnsmasq[12]: query\n%s",
	"Nov 27 10:00:04 sys-log dnsmasq[12]: query\n[   12.345678] %s",
	"Nov 27 10:00:04 sys-log dnsmasq[12]: query\n<4>[   12.345678] %s",
	"Nov 27 10:00:04 sys-log dnsmasq[12]: query\n4,460,1744843132,-;%s",
	"Nov 27 10:00:04 sys-log dnsmasq[12]: query\nkern  :warn  : [   12.345678] %s",
	"Nov 27 10:00:04 sys-log dnsmasq[12]: query\n2026-11-27T10:00:04,123456+00:00 %s",
	"Nov 27 10:00:04 sys-log dnsmasq[12]: query\n" + `{"MESSAGE":"%s","_TRANSPORT":"kernel"}`,
	"Nov 27 10:00:04 sys-log dnsmasq[12]: query\n__CURSOR=s=1\nMESSAGE=%s\n_TRANSPORT=kernel\n\n",
	"<30>1 2026-11-27T10:00:01Z sys-log tinyproxy 812 - - x\n[   12.345678] %s",
}

// TestCase01_log_forged takes no line of another program for the kernel's.
func TestCase01_log_forged(t *testing.T) {
	t.Parallel()
	for _, line := range otherLines {
		for _, text := range []string{forgery, strings.TrimPrefix(forgery, "kernel: "), "[   12.345678] " + forgery} {
			if got := read(newReader(), fmt.Sprintf(line, text)); len(got) > 0 {
				for _, m := range got {
					if _, ok := kernellog.Parse(m.Text); ok {
						t.Errorf("%q gives %+v", fmt.Sprintf(line, text), m)
					}
				}
			}
		}
	}
}

// TestAttack13_no_header takes no line that says nothing about its program.
func TestAttack13_no_header(t *testing.T) {
	t.Parallel()
	for _, line := range []string{forgery, drop, "  " + drop, "sys-log kernel: " + drop, "27 10:00:04 sys-log kernel: " + drop} {
		if m, o := newReader().Line(line); o != kernellog.UnknownHeader {
			t.Errorf("Line(%q) = %+v, %v", line, m, o)
		}
	}
}

// TestAttack13_export reads values with line ends by their length, whatever is in them.
func TestAttack13_export(t *testing.T) {
	t.Parallel()
	binary := func(value string) string {
		n := len(value)
		return string([]byte{byte(n), byte(n >> 8), byte(n >> 16), 0, 0, 0, 0, 0}) + value
	}
	record := func(fields ...string) string { return "__CURSOR=s=1\n" + strings.Join(fields, "\n") + "\n\n" }
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"a program", record("_TRANSPORT=syslog", "MESSAGE\n"+binary("x\n_TRANSPORT=kernel\nMESSAGE="+forgery+"\n\n")), nil},
		{"the kernel", record("_TRANSPORT=kernel", "MESSAGE\n"+binary("two\nlines")), []string{"two\nlines"}},
		{"ten bytes", record("_TRANSPORT=kernel", "MESSAGE\n"+binary("0123456789")), []string{"0123456789"}},
		{"none", record("_TRANSPORT=kernel", "MESSAGE\n"+binary("")), []string{""}},
		{"too long, and the next one", record("_TRANSPORT=syslog", "MESSAGE\n"+binary(strings.Repeat("_TRANSPORT=kernel\n", 5000))) +
			record("_TRANSPORT=kernel", "MESSAGE=next"), []string{"next"}},
		{"twice", record("_TRANSPORT=kernel", "MESSAGE=one", "MESSAGE=two"), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, m := range read(newReader(), tt.text) {
				got = append(got, m.Text)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("messages mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReader_bytes reads a message that is a list of bytes, as the journal writes one
// that is not UTF-8.
func TestReader_bytes(t *testing.T) {
	t.Parallel()
	got := read(newReader(), `{"_TRANSPORT":"kernel","MESSAGE":[68,82,255]}`+"\n"+`{"_TRANSPORT":"kernel","MESSAGE":[68,300]}`)
	if len(got) != 2 || got[0].Text != "DR\xff" || got[1].Text != "" {
		t.Errorf("got %+v", got)
	}
}

// TestReader_Reset lets a file that was replaced have another form.
func TestReader_Reset(t *testing.T) {
	t.Parallel()
	r := newReader()
	read(r, "Nov 27 10:00:04 sys-log dnsmasq[12]: query")
	if got := read(r, "[   12.345678] "+drop); len(got) != 0 {
		t.Errorf("got %+v in a file of syslog", got)
	}
	r.Reset()
	if got := read(r, "[   12.345678] "+drop); len(got) != 1 {
		t.Errorf("got %+v in a new file", got)
	}
}

// TestCase05_log_ulogd reads lines without a program only where the file is declared to
// be ulogd's, or bare.
func TestCase05_log_ulogd(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		format kernellog.Format
		line   string
		want   string
		origin kernellog.Origin
	}{
		{kernellog.ULOGD, "Nov 27 10:00:13 sys-log " + drop, drop, kernellog.Kernel},
		{kernellog.ULOGD, "Apr  2 19:54:54 sys-log IN-vif: IN=vif4.0 OUT= SRC=1.1.1.1", "IN-vif: IN=vif4.0 OUT= SRC=1.1.1.1", kernellog.Kernel},
		{kernellog.ULOGD, drop, "", kernellog.UnknownHeader},
		{kernellog.Auto, "Nov 27 10:00:13 sys-log " + drop, "", kernellog.OtherProgram},
		{kernellog.Auto, drop, "", kernellog.UnknownHeader},
		{kernellog.Bare, drop, drop, kernellog.Kernel},
		{kernellog.Bare, "[ 12.345678] " + drop, drop, kernellog.Kernel},
	} {
		r := newReader()
		r.Format = tt.format
		m, o := r.Line(tt.line)
		if m.Text != tt.want || o != tt.origin {
			t.Errorf("%q, %q: Line = %q, %v; want %q, %v", tt.format, tt.line, m.Text, o, tt.want, tt.origin)
		}
	}
}

// FuzzReader_Line lets a program write any text: no line of it is the kernel's.
func FuzzReader_Line(f *testing.F) {
	for i := range otherLines {
		f.Add(uint(i), forgery)
		f.Add(uint(i), "\n[   12.345678] "+drop)
	}
	// Line ends in a program's message need a header that is known by then, and JSON
	// escapes them.
	f.Fuzz(func(t *testing.T, n uint, text string) {
		line := otherLines[n%uint(len(otherLines))]
		if strings.ContainsAny(text, "\r\n\"\\") || strings.Contains(line, "query\n%s") || strings.Contains(line, "] %s") {
			return
		}
		for _, m := range read(newReader(), fmt.Sprintf(line, text)) {
			if o, ok := kernellog.Parse(m.Text); ok {
				t.Errorf("%q gives %+v", fmt.Sprintf(line, text), o)
			}
		}
	})
}
