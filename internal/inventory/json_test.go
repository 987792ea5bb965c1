package inventory_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// jsonCases are also the seeds of FuzzParseJSON.
func jsonCases() []parseCase {
	tagged := workQube()
	tagged.Tags = []string{"client-acme", "created-by-dom0"}
	tagged.ProvidesNetwork = true

	return []parseCase{
		{
			name: "every key",
			in: ` {"version": 1, "qubes": [{"name": "work", "class": "AppVM", "state": "Running", "label": "blue",
				"netvm": "sys-log", "ip": "10.137.0.6", "ip6": "fd09:24ef:4179:0::a89:6",
				"template": "debian-12-minimal", "provides_network": true, "xid": 4,
				"uuid": "2a0d7e73-f517-519e-9535-35d779a1a0be", "tags": ["created-by-dom0", "client-acme"]}]}`,
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
		{name: "deep", in: strings.Repeat(`{"a":`, 20000), errs: []string{"exceeded max depth"}},
	}
}

func TestParse_json(t *testing.T) {
	t.Parallel()

	checkParse(t, jsonCases())
}

// TestParse_exit takes the words that dom0 sends, and no other.
func TestParse_exit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"tor": true, "anon": true, "-": true, "vpn": false, "tor\u0000": false} {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		s, err := inventory.Parse(strings.NewReader(`{"version": 1, "qubes": [{"name": "work", "exit": `+string(quoted)+`}]}`), inventory.Config{})
		if (err == nil) != want || want && text != "-" && s.Qubes[0].Exit != text {
			t.Errorf("exit %q: %v", text, err)
		}
	}
}
