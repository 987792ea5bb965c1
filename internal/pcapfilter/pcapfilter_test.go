package pcapfilter_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/bpf"

	"github.com/qubesbeat/qubesbeat/internal/packet"
	"github.com/qubesbeat/qubesbeat/internal/pcapfilter"
)

// lines reads the expressions of a file in testdata.
func lines(tb testing.TB, name string) []string {
	tb.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	var res []string
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			res = append(res, line)
		}
	}
	return res
}

func machine(tb testing.TB, prog []bpf.Instruction) *bpf.VM {
	tb.Helper()
	vm, err := bpf.NewVM(prog)
	if err != nil {
		tb.Fatalf("NewVM: %v", err)
	}
	return vm
}

func TestCompile_refused(t *testing.T) {
	t.Parallel()
	for _, line := range lines(t, "refused.txt") {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			before, rest, _ := strings.Cut(line, "«")
			part, after, ok := strings.Cut(rest, "»")
			if !ok {
				t.Fatal("no part between « and »")
			}
			_, err := pcapfilter.Compile(before+part+after, packet.LinkEthernet, 0)
			var e *pcapfilter.Error
			if !errors.As(err, &e) {
				t.Fatalf("Compile = %v; want an *Error", err)
			}
			if e.Offset != len(before) || e.Expr != before+part+after || e.What == "" {
				t.Errorf("Compile = %v; want byte %d, %q", e, len(before), part)
			}
		})
	}
}

func TestCompile_limits(t *testing.T) {
	t.Parallel()
	list := func(n int, format string) string {
		var ids []string
		for i := range n {
			ids = append(ids, fmt.Sprintf(format, i/250, i%250+1))
		}
		return strings.Join(ids, " or ")
	}
	tests := []struct {
		name, expr string
		ok         bool
	}{
		{"depth allowed", strings.Repeat("(", 199) + "tcp" + strings.Repeat(")", 199), true},
		{"parentheses", strings.Repeat("(", 300) + "tcp" + strings.Repeat(")", 300), false},
		{"not", strings.Repeat("not ", 300) + "tcp", false},
		{"minus", "len = " + strings.Repeat("- ", 300) + "1", false},
		{"arithmetic parentheses", strings.Repeat("(", 300) + "len" + strings.Repeat(")", 300) + "=1", false},
		{"index", strings.Repeat("ip[", 300) + "0" + strings.Repeat("]", 300) + "=1", false},
		{"list", "port " + strings.Repeat("(", 300) + "1" + strings.Repeat(")", 300), false},
		{"many hosts", "host " + list(250, "10.0.%d.%d"), true},
		{"too many hosts", "host " + list(1000, "10.0.%d.%d"), false},
		{"many ports", "port " + list(120, "1%d%03d"), true},
		{"too many ports", "port " + list(1000, "1%d%03d"), false},
		{"too many tests", "port " + strings.Repeat("1 or ", 13000) + "2", false},
		{"too long", strings.Repeat(" ", 70000), false},
		{"scratch", "0 = " + strings.Repeat("ip[0] - (", 17) + "len" + strings.Repeat(")", 17), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			prog, err := pcapfilter.Compile(tt.expr, packet.LinkEthernet, 0)
			if (err == nil) != tt.ok {
				t.Fatalf("Compile = %v; want success %t", err, tt.ok)
			}
			if err == nil {
				t.Logf("%d instructions", len(prog))
				machine(t, prog)
			}
		})
	}
}

// TestCompile_far moves the targets of the first jumps through the 255
// instructions that a jump reaches.
func TestCompile_far(t *testing.T) {
	t.Parallel()
	ones := bytes.Repeat([]byte{1}, 400)
	ip, arp := bytes.Clone(ones), make([]byte, 400)
	copy(ip[12:], "\x08\x00")
	copy(arp[12:], "\x08\x06")
	for n := 100; n < 280; n++ {
		var tests []string
		for i := range n {
			tests = append(tests, fmt.Sprintf("ether[%d] = 1", 20+i))
		}
		for _, odd := range []string{"", "ether[20] & 3 = 1 or "} {
			for _, tt := range []struct {
				expr  string
				frame []byte
				want  bool
			}{
				{"ip and (" + odd + strings.Join(tests, " or ") + ")", ones, false},
				{"ip and (" + odd + strings.Join(tests, " or ") + ")", ip, true},
				{"arp or (" + odd + strings.Join(tests, " and ") + ")", arp, true},
				{"arp or (" + odd + strings.Join(tests, " and ") + ")", ones, true},
				{"not (arp or (" + odd + strings.Join(tests, " and ") + "))", arp, false},
			} {
				prog, err := pcapfilter.Compile(tt.expr, packet.LinkEthernet, 0)
				if err != nil {
					t.Fatal(err)
				}
				got, err := machine(t, prog).Run(tt.frame)
				if err != nil || got > 0 != tt.want {
					t.Errorf("%d tests, %.30s: accepted %t, %v; want %t", n, tt.expr, got > 0, err, tt.want)
				}
			}
		}
	}
}

func TestError(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ expr, want string }{
		{"host sundown", `compiling filter "host sundown": byte 5: host name "sundown" is not resolved: write the address`},
		{"len = 1/0", `compiling filter "len = 1/0": byte 7: division by zero`},
		{"len = 1/0 or " + strings.Repeat("x", 300), `compiling filter "len = 1/0 or ` + strings.Repeat("x", 187) + `...": byte 7: division by zero`},
	} {
		_, err := pcapfilter.Compile(tt.expr, packet.LinkEthernet, 0)
		if diff := cmp.Diff(tt.want, fmt.Sprint(err)); diff != "" {
			t.Errorf("Compile(%.20q) mismatch (-want +got):\n%s", tt.expr, diff)
		}
	}
}

func TestCompile_snap(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ snap, want uint32 }{{96, 96}, {0, 262144}} {
		for _, expr := range []string{"", " ", "len >= 0", "tcp or not tcp"} {
			prog, err := pcapfilter.Compile(expr, packet.LinkEthernet, tt.snap)
			if err != nil {
				t.Fatalf("Compile(%q): %v", expr, err)
			}
			// The VM caps the answer at the frame's length.
			got, err := machine(t, prog).Run(make([]byte, 300000))
			if err != nil || uint32(got) != tt.want {
				t.Errorf("Compile(%q, %d) keeps %d, %v; want %d", expr, tt.snap, got, err, tt.want)
			}
		}
	}
}

func TestCompile_link(t *testing.T) {
	t.Parallel()
	for _, link := range []packet.Link{packet.LinkNull, packet.LinkEthernet, packet.LinkRaw12, packet.LinkRaw14, packet.LinkRaw,
		packet.LinkLoop, packet.LinkSLL, packet.LinkIPv4, packet.LinkIPv6, packet.LinkSLL2} {
		if _, err := pcapfilter.Compile("tcp", link, 0); err != nil {
			t.Errorf("Compile(tcp, %d): %v", link, err)
		}
	}
	if _, err := pcapfilter.Compile("tcp", 147, 0); err == nil {
		t.Error("Compile of link type 147 succeeds; want an error")
	}
}
