package kernellog_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/qubesbeat/qubesbeat/internal/kernellog"
)

// utf16LE returns a text in UTF-16 without a mark.
func utf16LE(text string) string {
	var b strings.Builder
	for _, c := range utf16.Encode([]rune(text)) {
		b.WriteByte(byte(c))
		b.WriteByte(byte(c >> 8))
	}
	return b.String()
}

// unreadable are beginnings of files that hold packets of which no format reads anything.
var unreadable = []struct{ name, text, want string }{
	{"ulogd's JSON", `{"timestamp": "2026-11-27T10:00:13+0000", "dvc": "Netfilter", "oob.prefix": "DROP: ", "oob.in": "vif4.0", "src_ip": "10.137.0.6"}`, "LOGEMU"},
	{"ulogd's GPRINT", "timestamp=2026/11/27-10:00:13,dvc=Netfilter,oob.prefix=DROP: ,oob.in=vif4.0,ip.saddr.str=10.137.0.6", "LOGEMU"},
	{"ulogd's OPRINT", "oob.prefix=DROP: ", "LOGEMU"},
	{"dmesg --json", `   "dmesg": [`, "dmesg"},
	{"pfSense", "2026-11-27T10:00:13 filterlog: 5,,,1000000103,vif4,match,block,in,4,0x0,,64,1,0,DF,6,tcp,60,10.137.0.6", "pf"},
	{"a zone of no place", "Fri 2026-11-27 10:00:04 XYZ sys-log kernel: " + drop, "XYZ"},
	{"UTF-16 with a mark", "\xff\xfe" + utf16LE(drop), "UTF-16"},
	{"UTF-16 without one", utf16LE(drop), "UTF-16"},
	{"xz", "\xfd7zXZ\x00\x00\x04", "xz"},
	{"bzip2", "BZh91AY&SY", "bzip2"},
}

// TestForm_unreadable names what a file is and what to do.
func TestForm_unreadable(t *testing.T) {
	t.Parallel()
	for _, tt := range unreadable {
		if err := kernellog.CheckForm(tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: CheckForm(%q) = %v; want one with %q", tt.name, tt.text, err, tt.want)
		}
	}
	for _, tt := range kernelLines {
		if err := kernellog.CheckForm(strings.ReplaceAll(tt.line, "%s", drop)); err != nil {
			t.Errorf("CheckForm(%q) = %v", tt.line, err)
		}
	}
	for _, line := range append([]string{"", drop, "Nov 27 10:00:13 sys-log " + drop, "Fri 2026-11-27 10:00:04 XYZ sys-log sshd[7]: x"}, otherLines...) {
		if err := kernellog.CheckForm(line); err != nil {
			t.Errorf("CheckForm(%q) = %v", line, err)
		}
	}
}

// TestFile_unreadable reports a file of a form that no format reads once, whatever its
// format is.
func TestFile_unreadable(t *testing.T) {
	t.Parallel()
	for _, tt := range unreadable {
		path := filepath.Join(t.TempDir(), "log")
		var got []error
		f, err := kernellog.OpenFile(kernellog.FileConfig{Path: path, OnLine: func(string) {}, OnError: func(err error) { got = append(got, err) }})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(tt.text+"\n"+tt.text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		f.Poll()
		if len(got) != 1 || !strings.Contains(errors.Join(got...).Error(), tt.want) || !strings.Contains(got[0].Error(), path) {
			t.Errorf("%s: errors %v; want one with %q", tt.name, got, tt.want)
		}
	}
}
