package inventory_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// jsonCases are also the seeds of FuzzParseJSON.
func jsonCases() []parseCase {
	tagged := workQube()
	tagged.Tags = []string{"client-acme", "created-by-dom0"}
	tagged.ProvidesNetwork = true
	tagged.Exit = qube.ExitVPN

	return []parseCase{
		{
			name: "every key",
			in: ` {"version": 1, "qubes": [{"name": "work", "class": "AppVM", "state": "Running", "label": "blue",
				"netvm": "sys-log", "ip": "10.137.0.6", "ip6": "fd09:24ef:4179:0::a89:6",
				"template": "debian-12-minimal", "provides_network": true, "xid": 4,
				"uuid": "2a0d7e73-f517-519e-9535-35d779a1a0be", "tags": ["created-by-dom0", "client-acme"],
				"exit": "vpn"}], "upstream": [{"name": "sys-net"}]}`,
			want: []qube.Qube{tagged},
		},
		{
			name: "optional keys",
			in:   `{"qubes":[{"name":"a"},{"name":"b","ip":null,"label":"-","xid":-1,"tags":[]}],"version":1}`,
			want: []qube.Qube{{Name: "a", XID: -1}, {Name: "b", XID: -1}},
		},
		{name: "no qubes on purpose", in: `{"version":1,"qubes":[]}`},
		{name: "no version", in: `{"qubes":[]}`, errs: []string{`there is no "version"`}},
		{name: "other version", in: `{"version":2,"qubes":{"a":1}}`, errs: []string{"version 2 of the format is not"}},
		{name: "version of another type", in: `{"version":"1","qubes":[]}`, errs: []string{`"version" must be a number`}},
		{name: "qubes left out", in: `{"version":1}`, errs: []string{`there is no "qubes"`}},
		{name: "qubes null", in: `{"version":1,"qubes":null}`, errs: []string{"line 1: qubes: this must be a list"}},
		{name: "qubes of another type", in: "{\"version\":1,\n\"qubes\":{}}", errs: []string{"line 2: qubes: this must be a list"}},
		{
			name: "cut off",
			in:   "{\"version\":1,\n \"qubes\":[{\"name\":\"wo",
			errs: []string{"line 2: column 21: unexpected end of JSON input: push the inventory again"},
		},
		{
			name: "syntax",
			in:   "{\"version\":1,\n \"qubes\":[{\"name\":work}]}",
			errs: []string{"line 2: column 19: invalid character 'w'"},
		},
		{name: "syntax in the first line", in: "{version", errs: []string{"line 1: column 2: invalid character 'v'"}},
		{name: "more behind", in: `{"version":1,"qubes":[]}{}`, errs: []string{"line 1: column 25: invalid character '{'"}},
		{
			name: "keys that are not known",
			in:   "{\"version\":1,\"Qubes\":[],\n\"qubes\":[{\"name\":\"a\"},\n{\"name\":\"b\",\n\"IP\":\"10.0.0.1\",\"netwm\":\"c\"}]}",
			errs: []string{
				`line 1: unknown key "Qubes": did you mean "qubes"?`,
				`line 4: qubes[1]: qube b: unknown key "IP": did you mean "ip"?`,
				`line 4: qubes[1]: qube b: unknown key "netwm": did you mean "netvm"?`,
			},
		},
		{
			name: "key twice",
			in:   `{"version":1,"qubes":[{"name":"a","ip":"10.0.0.1","ip":"10.0.0.2"}]}`,
			errs: []string{`qube a: key "ip" is given twice`},
		},
		{
			name: "types",
			in: `{"version":1,"qubes":[{"name":"a","xid":"4","provides_network":"True","tags":"x"},
				7,{"name":"b","xid":1.5,"tags":["a,b"]}]}`,
			errs: []string{
				`qubes[0]: qube a: "xid" must be a whole number`, `"provides_network" must be true or false`,
				`"tags" must be a list of strings`, "line 2: qubes[1]: this must be an object",
				`qubes[2]: qube b: "xid" must be a whole number`, `qubes[2]: qube b: tag "a,b" has an invalid character`,
			},
		},
		{
			name: "values",
			in:   `{"version":1,"qubes":[{"name":"no name","ip":"10.0.0","xid":99999999999}]}`,
			errs: []string{`qubes[0]: name "no name" has the character ' '`, `ip is "10.0.0"`, `xid is "99999999999"`},
		},
		{
			name: "duplicates",
			in:   "{\"version\":1,\"qubes\":[\n{\"name\":\"a\",\"ip\":\"10.0.0.1\"},\n{\"name\":\"b\",\"ip\":\"10.0.0.1\"}]}",
			errs: []string{"line 3: qubes[1]: qube b: the same address 10.0.0.1 as a (qubes[0], line 2)"},
		},
		{
			name: "too many qubes",
			in:   `{"version":1,"qubes":[{"name":"a"},{"name":"b"},{"name":"c"}]}`,
			cfg:  inventory.Config{MaxQubes: 1},
			errs: []string{"qubes[1]: more than 1 qubes"},
		},
		{
			name: "too many that are no qubes",
			in:   `{"version":1,"qubes":[1,2,3]}`,
			cfg:  inventory.Config{MaxQubes: 1},
			errs: []string{"qubes[0]: this must be an object", "qubes[1]: more than 1 qubes"},
		},
		{
			name: "many keys that are not known",
			in:   `{"version":1,"qubes":[{"name":"a"` + strings.Repeat(`,"namf":1`, 30) + `}]}`,
			errs: slices.Repeat([]string{`qube a: unknown key "namf"`}, 20),
		},
		{
			name: "exits",
			in: `{"version":1,"qubes":[{"name":"a","exit":"-"},{"name":"b","exit":null},{"name":"c","exit":"anon"},{"name":"d","exit":"Tor"},
				{"name":"e","exit":["tor"]},{"name":"f","exit":"tor\u001b[2J"},{"name":"g","exit":"tor","exit":"clear"}]}`,
			errs: []string{`qube d: exit "Tor" is not clear, vpn, tor or anon`, `qube e: "exit" must be a string`,
				`qube f: exit "tor\x1b[2J" is not`, `qube g: key "exit" is given twice`},
		},
		{
			name: "upstream of another type",
			in:   "{\"version\":1,\"qubes\":[],\n\"upstream\":{}}",
			errs: []string{"line 2: upstream: this must be a list"},
		},
		{
			name: "upstream of the wrong things",
			in: `{"upstream":["sys-net",{"name":"no name"},{"name":"a","ip":"10.0.0.1"},{"class":"AppVM"},{"name":"b","class":7},
				{"name":"c","class":"App"}],"version":1,"qubes":[]}`,
			errs: []string{"upstream[0]: this must be an object", `upstream[1]: name "no name" has the character`, `upstream[2]: unknown key "ip"`,
				"upstream[3]: name is empty", `line 1: upstream[4]: "class" must be a string`, `line 2: upstream[5]: class "App" is not a class`},
		},
		{
			name: "on both sides, and twice",
			in:   `{"version":1,"upstream":[{"name":"a"},{"name":"b"},{"name":"b"}],"qubes":[{"name":"a"}]}`,
			errs: []string{"upstream[0]: a is one of the qubes, too", "upstream[2]: b is in the chain twice"},
		},
		{
			name: "too long a chain",
			in:   `{"version":1,"qubes":[],"upstream":[` + strings.Repeat("0,", 99) + `0]}`,
			errs: slices.Repeat([]string{"this must be an object"}, 20),
		},
		{name: "deep", in: strings.Repeat(`{"a":`, 20000), errs: []string{"exceeded max depth"}},
	}
}

func TestParse_json(t *testing.T) {
	t.Parallel()

	checkParse(t, jsonCases())
}

func TestParse_upstream(t *testing.T) {
	t.Parallel()

	long, names := []inventory.Upstream{}, []string{}
	for i := range 64 {
		long = append(long, inventory.Upstream{Name: fmt.Sprint("n", i)})
		names = append(names, fmt.Sprintf(`{"name":"n%d"}`, i))
	}
	tests := []struct {
		name, in string
		want     []inventory.Upstream
	}{
		{"not given", "", nil},
		{"none", `,"upstream":[]`, nil},
		{"two", `,"upstream":[{"name":"sys-net","class":"AppVM"},{"class":"-","name":"sys-firewall"}]`,
			[]inventory.Upstream{{Name: "sys-net", Class: "AppVM"}, {Name: "sys-firewall"}}},
		{"64", `,"upstream":[` + strings.Join(names, ",") + "]", long},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			s, err := inventory.Parse(strings.NewReader(`{"version":1,"qubes":[{"name":"work"}]`+tt.in+"}"), inventory.Config{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, s.Upstream); diff != "" || len(s.Qubes) != 1 {
				t.Errorf("Upstream mismatch (-want +got):\n%s%d qubes; want work alone", diff, len(s.Qubes))
			}
		})
	}

	in := `{"version":1,"qubes":[],"upstream":[` + strings.Join(append(names, `{"name":"n64"}`), ",") + "]}"
	_, err := inventory.Parse(strings.NewReader(in), inventory.Config{})
	checkProblems(t, err, []string{"upstream[64]: more than 64 netvms"})
}
