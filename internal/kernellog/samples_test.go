package kernellog_test

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/qubesbeat/qubesbeat/internal/firewall"
	"github.com/qubesbeat/qubesbeat/internal/kernellog"
)

// TestParse_samples parses logs of a real kernel, and compares each field with what a
// regular expression finds.
func TestParse_samples(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(cmp.Or(os.Getenv("QUBESBEAT_SHARED"), "../../../shared"), "fixtures", "kernel-log")
	for name, least := range map[string]int{"kernel-log-samples.txt": 54, "kmsg-sample.txt": 3, "others/ipta/iptables-syslog-example.log": 190} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Skipf("no samples: %v; QUBESBEAT_SHARED names the folder", err)
		}
		read := 0
		r := kernellog.Reader{Now: time.Now}
		for line := range strings.Lines(string(data)) {
			if !strings.Contains(line, " DST=") {
				continue
			}
			read++
			m, origin := r.Line(strings.TrimRight(line, "\n"))
			o, parsed := kernellog.Parse(m.Text)
			if origin != kernellog.Kernel || !parsed {
				t.Errorf("%s: cannot read %s", name, line)
				continue
			}
			compare(t, line, &o)
		}
		if read < least {
			t.Errorf("%s: %d lines; want at least %d", name, read, least)
		}
		t.Logf("%s: %d lines read", name, read)
	}
}

// first returns the first value of a key.
func first(text, key string) string {
	m := regexp.MustCompile(`(?:^|[^A-Z])` + key + `=([^ ]*)`).FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	return m[1]
}

func compare(t *testing.T, line string, o *firewall.Observation) {
	t.Helper()
	outer, inner, isError := strings.Cut(line, "[SRC")
	tuple(t, line, outer, &o.Tuple)
	if in := regexp.MustCompile(`IN=([^ ]*) OUT=([^ ]*) `).FindStringSubmatch(outer); o.In != in[1] || o.Out != in[2] {
		t.Errorf("interfaces %q, %q of %s", o.In, o.Out, line)
	}
	if !strings.HasSuffix(strings.SplitN(line, "IN=", 2)[0], o.Prefix) || strconv.Itoa(int(o.Length)) != first(outer, "LEN") {
		t.Errorf("prefix %q, length %d of %s", o.Prefix, o.Length, line)
	}
	if o.HasInner != isError {
		t.Errorf("inner packet %v of %s", o.HasInner, line)
	}
	if isError {
		tuple(t, line, " SRC"+inner, &o.Inner)
	}
}

func tuple(t *testing.T, line, text string, got *firewall.Tuple) {
	t.Helper()
	proto := map[string]uint8{"TCP": 6, "UDP": 17, "ICMP": 1, "ICMPv6": 58, "2": 2, "132": 132, "ESP": 50}[first(text, "PROTO")]
	number := func(n uint16) string { return strconv.Itoa(int(n)) }
	switch {
	case got.Src != addr(first(text, "SRC")) || got.Dst != addr(first(text, "DST")) || got.Proto != proto:
		t.Errorf("%+v of %s", got, line)
	case first(text, "SPT") != "" && (number(got.SrcPort) != first(text, "SPT") || number(got.DstPort) != first(text, "DPT")):
		t.Errorf("ports %d, %d of %s", got.SrcPort, got.DstPort, line)
	case first(text, "TYPE") != "" && (number(uint16(got.ICMPType)) != first(text, "TYPE") || number(uint16(got.ICMPCode)) != first(text, "CODE")):
		t.Errorf("ICMP %d, %d of %s", got.ICMPType, got.ICMPCode, line)
	}
}
