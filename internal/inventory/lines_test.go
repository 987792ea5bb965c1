package inventory_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// A parseCase is an inventory with either what it holds or, for each problem in order, a part of its text.
type parseCase struct {
	name string
	in   string
	cfg  inventory.Config
	want []qube.Qube
	errs []string
}

// compareAddrs lets go-cmp compare addresses, whose fields are not exported.
func compareAddrs() cmp.Option {
	return cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
}

// checkParse parses every case.
func checkParse(t *testing.T, cases []parseCase) {
	t.Helper()

	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got, err := inventory.Parse(strings.NewReader(tt.in), tt.cfg)
			checkProblems(t, err, tt.errs)

			if err != nil {
				return
			}

			if diff := cmp.Diff(tt.want, got.Qubes, compareAddrs()); diff != "" {
				t.Errorf("Parse mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// checkProblems compares the problems in err with a part of the text of each.
func checkProblems(t *testing.T, err error, want []string) {
	t.Helper()

	got := inventory.Problems(err)
	if len(got) != len(want) || (err == nil) != (len(want) == 0) {
		t.Fatalf("Parse = %v; want %d problems %q", err, len(want), want)
	}

	for i, problem := range got {
		if !strings.Contains(problem.Error(), want[i]) {
			t.Errorf("problem %d = %v; want %q", i, problem, want[i])
		}
	}
}

// addr is short for netip.MustParseAddr.
func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

// workLine is a line with the 11 default columns.
const workLine = "work|AppVM|Running|blue|sys-log|10.137.0.6|fd09:24ef:4179::a89:6|debian-12-minimal|False|4|" +
	"2A0D7E73-f517-519e-9535-35d779a1a0be\n"

// workQube is what workLine says.
func workQube() qube.Qube {
	return qube.Qube{
		Name: "work", Class: "AppVM", State: "Running", Label: "blue", NetVM: "sys-log", Template: "debian-12-minimal",
		UUID: "2a0d7e73-f517-519e-9535-35d779a1a0be", XID: 4,
		IP: addr("10.137.0.6"), IP6: addr("fd09:24ef:4179::a89:6"),
	}
}

// lineCases are also the seeds of FuzzParseLines.
func lineCases() []parseCase {
	return []parseCase{
		{name: "default columns", in: workLine, want: []qube.Qube{workQube()}},
		{
			name: "dom0, no end of line",
			in:   "dom0|AdminVM|Running|black|-|-|-|-|-|-|00000000-0000-0000-0000-000000000000",
			want: []qube.Qube{{
				Name: "dom0", Class: "AdminVM", State: "Running", Label: "black", XID: -1,
				UUID: "00000000-0000-0000-0000-000000000000",
			}},
		},
		{
			name: "two columns",
			in:   "work|10.137.0.6\nvault|-\n",
			want: []qube.Qube{{Name: "work", IP: addr("10.137.0.6"), XID: -1}, {Name: "vault", XID: -1}},
		},
		{
			name: "header, any order and case, comments, blank lines, CR LF, spaces",
			in: "# made by hand\r\n\r\n#Fields xid, name,Provides_Network , ip6,TAGS,FEATURES\r\n" +
				"7 | sys-fw2 |True| fd09::7 |b,a,b|x=1\r\n#work|off\r\n",
			want: []qube.Qube{{Name: "sys-fw2", XID: 7, ProvidesNetwork: true, IP6: addr("fd09::7"), Tags: []string{"a", "b"}}},
		},
		{
			name: "fields from the options",
			in:   "10.137.0.6|work\n",
			cfg:  inventory.Config{Fields: []string{"ip", " NAME"}},
			want: []qube.Qube{{Name: "work", IP: addr("10.137.0.6"), XID: -1}},
		},
		{
			name: "header outranks the options",
			in:   "#fields NAME|IP\nwork|10.137.0.6\n",
			cfg:  inventory.Config{Fields: []string{"IP", "NAME"}},
			want: []qube.Qube{{Name: "work", IP: addr("10.137.0.6"), XID: -1}},
		},
		{
			name: "comment that begins like a header",
			in:   "#fieldset 1\nwork|10.137.0.6\n",
			want: []qube.Qube{{Name: "work", IP: addr("10.137.0.6"), XID: -1}},
		},
		{name: "empty", errs: []string{"the inventory has no qubes"}},
		{name: "comments only", in: "# nothing\n\n", errs: []string{"the inventory has no qubes"}},
		{name: "no address in two columns", in: "work|-\nvault|-\n", errs: []string{"is the second column IP?"}},
		{name: "table", in: "NAME   STATE  IP\nwork   -      -\n", errs: []string{"line 1: this is a table for people"}},
		{name: "header without mark", in: "NAME|IP\nwork|10.137.0.6\n", errs: []string{`begin it with "#fields "`}},
		{name: "three columns", in: "work|10.137.0.6|blue\n", errs: []string{"line 1: the line has 3 columns, which are not named"}},
		{
			name: "column missing in a line",
			in:   "#fields NAME|IP|LABEL\nwork|10.137.0.6|blue\nvault|-\n",
			errs: []string{"line 3: the line has 2 columns instead of 3"},
		},
		{
			name: "dash in the name of a column",
			in:   "#fields NAME|IP|PROVIDES-NETWORK\nwork|10.137.0.6|-\n",
			errs: []string{"line 1: unknown column \"PROVIDES-NETWORK\": did you mean PROVIDES_NETWORK?"},
		},
		{
			name: "several wrong columns",
			in:   "#fields NAME|IPP|LABL|NAME\nwork|10.137.0.6|blue|work\n",
			errs: []string{"did you mean IP?", "did you mean LABEL?", "NAME is named twice"},
		},
		{name: "no name", in: "#fields IP|LABEL\n", errs: []string{"column NAME is missing"}},
		{name: "empty header", in: "#fields\n", errs: []string{"column NAME is missing"}},
		{name: "no key", in: "#fields NAME|LABEL\nwork|blue\n", errs: []string{"columns IP, IP6 and XID are all missing"}},
		{
			name: "late header",
			in:   "work|10.137.0.6\n#fields IP|NAME\n",
			errs: []string{"line 2: a second #fields line"},
		},
		{
			name: "every value wrong",
			in: "1work|Running|AppVM|12|sys log|::1|10.137.0.6|tem|maybe|40000|x\n" +
				"-|AppVM|Running|blue|-|10.137.0.300|fe80::1%eth0|default|-|-2|-\n",
			errs: []string{
				"line 1: name \"1work\" does not begin", "line 1: class \"Running\"", "line 1: state \"AppVM\"",
				"line 1: label \"12\" is a number", "line 1: netvm: name \"sys log\"", "line 1: ip is the IPv6 address ::1",
				"line 1: ip6 is the IPv4 address 10.137.0.6", "line 1: provides_network is \"maybe\"",
				"line 1: xid is \"40000\"", "line 1: uuid is \"x\"",
				"line 2: the qube has no name", "line 2: template: name \"default\" is reserved",
				"line 2: ip is \"10.137.0.300\"", "line 2: ip6 is \"fe80::1%eth0\"", "line 2: xid is \"-2\"",
			},
		},
		{
			name: "addresses that no qube has",
			in:   "#fields NAME,IP,IP6\na|0.0.0.0|ff02::1\nb|-|::ffff:10.137.0.6\nc|10.137.0.0/16|-\n",
			errs: []string{
				"qube a: ip is 0.0.0.0, which no qube", "qube a: ip6 is ff02::1, which no qube",
				"qube b: ip6 is the IPv4 address 10.137.0.6", "qube c: ip is \"10.137.0.0/16\"",
			},
		},
		{
			name: "exits",
			in:   "#fields NAME|EXIT|IP\na|tor|10.137.0.6\nb|-|10.137.0.7\n",
			want: []qube.Qube{{Name: "a", IP: addr("10.137.0.6"), XID: -1, Exit: qube.ExitTor}, {Name: "b", IP: addr("10.137.0.7"), XID: -1}},
		},
		{
			name: "an exit of another kind",
			in:   "#fields NAME|EXIT|IP\na|Tor|10.137.0.6\n",
			errs: []string{`line 2: qube a: exit "Tor" is not clear, vpn, tor or anon`},
		},
		{
			name: "tags of 4.1",
			in:   "#fields NAME,IP,TAGS\na|10.137.0.6|<qubesadmin.tags.Tags object at 0x7f>\nb|10.137.0.7|x,,y\n",
			errs: []string{"qvm-ls before 4.2.11", "one of the tags is empty"},
		},
		{
			name: "duplicates",
			in: workLine + "\nwork|AppVM|Running|blue|-|10.137.0.6|fd09:24ef:4179:0:0:0:a89:6|-|False|4|" +
				"2a0d7e73-f517-519e-9535-35d779a1a0be\n",
			errs: []string{
				"line 3: qube work: the same name as work (line 1)",
				"line 3: qube work: the same address 10.137.0.6 as work (line 1)",
				"line 3: qube work: the same address fd09:24ef:4179::a89:6 as work (line 1)",
				"line 3: qube work: the same xid 4 as work (line 1)",
				"line 3: qube work: the same uuid 2a0d7e73-f517-519e-9535-35d779a1a0be as work (line 1)",
			},
		},
		{
			name: "what may repeat",
			in: "#fields NAME,IP,XID,UUID\na|10.137.0.6|-1|00000000-0000-0000-0000-000000000000\n" +
				"b|-|-1|00000000-0000-0000-0000-000000000000\nc|-|-|-\nd|-|-|-\n",
			want: []qube.Qube{
				{Name: "a", IP: addr("10.137.0.6"), XID: -1, UUID: "00000000-0000-0000-0000-000000000000"},
				{Name: "b", XID: -1, UUID: "00000000-0000-0000-0000-000000000000"},
				{Name: "c", XID: -1}, {Name: "d", XID: -1},
			},
		},
		{
			name: "too many columns",
			in:   "#fields NAME" + strings.Repeat(",x", 100) + "\n",
			errs: []string{"line 1: more than 100 columns"},
		},
		{
			name: "too many qubes",
			in:   "a|10.137.0.1\nb|10.137.0.2\nc|10.137.0.3\nd|10.137.0.4\n",
			cfg:  inventory.Config{MaxQubes: 2},
			errs: []string{"line 3: more than 2 qubes"},
		},
		{
			name: "long line",
			in:   "a|10.137.0.1\n# " + strings.Repeat("x", 30) + "\n",
			cfg:  inventory.Config{MaxLine: 20},
			errs: []string{"line 2: the line is longer than 20 bytes"},
		},
	}
}

func TestParse_lines(t *testing.T) {
	t.Parallel()

	checkParse(t, lineCases())
}

func TestParse_size(t *testing.T) {
	t.Parallel()

	const want = "more than 9 bytes"
	_, err := inventory.Parse(strings.NewReader("a|10.0.0.1\n"), inventory.Config{MaxSize: 9})
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Parse = %v; want %q", err, want)
	}

	if _, err := inventory.Parse(strings.NewReader("a|1.1.1.1"), inventory.Config{MaxSize: 9}); err != nil {
		t.Errorf("Parse at the limit = %v; want nil", err)
	}
}

func TestParse_readError(t *testing.T) {
	t.Parallel()

	want := errors.New("broken pipe")
	if _, err := inventory.Parse(iotest.ErrReader(want), inventory.Config{}); !errors.Is(err, want) {
		t.Errorf("Parse = %v; want %v", err, want)
	}
}

func TestParse_manyProblems(t *testing.T) {
	t.Parallel()

	var in strings.Builder
	for i := range 30 {
		fmt.Fprintf(&in, "%d|10.137.0.%d\n", i, i+1)
	}

	_, err := inventory.Parse(strings.NewReader(in.String()), inventory.Config{})
	got := inventory.Problems(err)

	if want := "and 10 more"; len(got) != 20 || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("Parse = %d problems, %v; want 20 and %q", len(got), err, want)
	}

	if !slices.IsSortedFunc(got, func(a, b inventory.Problem) int { return a.Line - b.Line }) {
		t.Errorf("problems = %v; want them by line", got)
	}
}

func TestProblems_none(t *testing.T) {
	t.Parallel()

	if got := inventory.Problems(errors.New("other")); got != nil {
		t.Errorf("Problems = %v; want nil", got)
	}
}
