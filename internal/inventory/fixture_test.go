package inventory_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/inventory"
	"github.com/qubesbeat/qubesbeat/internal/qube"
)

// fixtureCases are outputs of the real qvm-ls. want is the number of qubes per release, or the one problem.
func fixtureCases() []struct {
	file, header, problem string
	want                  map[string]int
} {
	both := map[string]int{"r4.2": 27, "r4.3": 29}

	return []struct {
		file, header, problem string
		want                  map[string]int
	}{
		{file: "qvm-ls--fields-inventory.txt", want: both},
		{file: "qvm-ls--fields-lower-spaces.txt", problem: "has 3 columns, which are not named"},
		{file: "qvm-ls--fields-lower-spaces.txt", header: "#fields name, ip, ip6\n", want: both},
		{file: "qvm-ls--fields-name-ip-label.txt", problem: "has 3 columns, which are not named"},
		{file: "qvm-ls--fields-name-ip-label.txt", header: "#fields NAME,IP,LABEL\n", want: both},
		{
			file:   "qvm-ls--fields-visible.txt",
			header: "#fields NAME,IP,VISIBLE_IP,VISIBLE_GATEWAY,DNS,MAC,QID,DISPID\n", want: both,
		},
		{
			file: "qvm-ls--fields-visible.txt", problem: `unknown column "VISIBLE-IP": did you mean VISIBLE_IP?`,
			header: "#fields NAME,IP,VISIBLE-IP,VISIBLE_GATEWAY,DNS,MAC,QID,DISPID\n",
		},
		{
			file: "qvm-ls--fields-dash-vs-underscore.txt", header: "#fields NAME,PROVIDES-NETWORK\n",
			problem: `unknown column "PROVIDES-NETWORK": did you mean PROVIDES_NETWORK?`,
		},
		// Without the names of its columns the file looks like the recipe NAME|IP without an address.
		{file: "qvm-ls--fields-dash-vs-underscore.txt", problem: "is the second column IP?"},
		{file: "qvm-ls--fields-missing-property.txt", problem: "has 4 columns, which are not named"},
		{
			file: "qvm-ls--fields-missing-property.txt", header: "#fields NAME,NOSUCHPROP,GATEWAY,IPBACK\n",
			problem: `unknown column "NOSUCHPROP"`,
		},
		{
			file: "qvm-ls--fields-missing-property.txt", header: "#fields NAME,IPBACK,GATEWAY,QID\n",
			problem: "columns IP, IP6 and XID are all missing",
		},
		{file: "qvm-ls--fields-iterables.txt", header: "#fields NAME,TAGS,FEATURES\n", problem: "columns IP, IP6 and XID are all missing"},
		{file: "qvm-ls--fields-flags.txt", problem: `qube a-b_c.d-b_c.d-b_c.d-b_c.d-e_f.0: ip is "ar------"`},
		{file: "qvm-ls--fields-inventory-table.txt", problem: "add --raw-data to qvm-ls"},
		{file: "qvm-ls--network.txt", problem: "add --raw-data to qvm-ls"},
		{file: "qvm-ls--tree.txt", problem: "add --raw-data to qvm-ls"},
		{file: "qvm-ls.txt", problem: "add --raw-data to qvm-ls"},
		{file: "qvm-ls--raw-list.txt", problem: "has 1 columns, which are not named"},
		{file: "qvm-ls--raw-data.txt", problem: "has 6 columns, which are not named"},
		{file: "qvm-ls--raw-data--network.txt", header: "#fields NAME,STATE,NETVM,IP,IPBACK,GATEWAY\n", want: both},
		{file: "qvm-ls--running-raw.txt", want: map[string]int{"r4.2": 23, "r4.3": 24}},
		{file: "qvm-ls--one.txt", want: map[string]int{"r4.2": 1, "r4.3": 1}},
		{file: "qvm-ls.txt.err", problem: "has 1 columns, which are not named"},
	}
}

func TestParse_fixtures(t *testing.T) {
	t.Parallel()

	for _, tt := range fixtureCases() {
		for _, release := range []string{"r4.2", "r4.3"} {
			t.Run(release+"/"+tt.file, func(t *testing.T) {
				t.Parallel()

				s, err := inventory.Parse(strings.NewReader(tt.header+fixture(t, release, tt.file)), inventory.Config{})
				if tt.problem != "" {
					if err == nil || !strings.Contains(err.Error(), tt.problem) {
						t.Errorf("Parse = %v; want %q", err, tt.problem)
					}

					return
				}

				if err != nil || len(s.Qubes) != tt.want[release] {
					t.Errorf("Parse = %v, %v; want %d qubes", s, err, tt.want[release])
				}
			})
		}
	}
}

// TestParse_fixtureValues looks into the recommended output of 4.3, of which 4.2 is a part.
func TestParse_fixtureValues(t *testing.T) {
	t.Parallel()

	s, err := inventory.Parse(strings.NewReader(fixture(t, "r4.3", "qvm-ls--fields-inventory.txt")), inventory.Config{})
	if err != nil {
		t.Fatal(err)
	}

	want := map[string]qube.Qube{
		"work": workQube(),
		"sys-net": {
			Name: "sys-net", Class: qube.ClassApp, State: "Running", Label: "red", Template: "debian-12-minimal", XID: 1,
			UUID: "e497dce8-bb31-5737-bb55-b5c72000ff5b", ProvidesNetwork: true,
			IP: addr("10.137.0.3"), IP6: addr("fd09:24ef:4179::a89:3"),
		},
		"disp555": {
			Name: "disp555", Class: qube.ClassDisposable, State: "Paused", Label: "red", NetVM: "sys-log",
			Template: "default-dvm", XID: 23, UUID: "ec572aee-7a06-5e27-92d0-7f3b7eaac07a",
			IP: addr("10.138.2.47"), IP6: addr("fd09:24ef:4179::a8a:22b"),
		},
		"remote-box": {
			Name: "remote-box", Class: qube.ClassRemote, State: "Running", Label: "gray", XID: -1,
			UUID: "cd336300-688b-54d5-90e3-fd79a3a33bc0",
		},
	}

	got := map[string]qube.Qube{}
	for _, q := range s.Qubes {
		if _, ok := want[q.Name]; ok {
			got[q.Name] = q
		}
	}

	if diff := cmp.Diff(want, got, compareAddrs()); diff != "" {
		t.Errorf("Parse mismatch (-want +got):\n%s", diff)
	}
}

// fixture returns the text of a fixture and skips the test where there are none.
func fixture(t *testing.T, release, file string) string {
	t.Helper()

	path := filepath.Join(sharedDir(t), "fixtures", "qvm-ls", release, file)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no fixture %s: run with QUBESBEAT_SHARED=<the shared folder of the project>", path)
	}

	if err != nil {
		t.Fatal(err)
	}

	return string(data)
}

// sharedDir returns the folder beside the module, or the one that the environment names.
func sharedDir(t *testing.T) string {
	t.Helper()

	if dir := os.Getenv("QUBESBEAT_SHARED"); dir != "" {
		return dir
	}

	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}

	for !exists(filepath.Join(dir, "go.mod")) {
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Skip("the module root was not found: run with QUBESBEAT_SHARED=<the shared folder of the project>")
		}

		dir = parent
	}

	return filepath.Join(dir, "..", "shared")
}

// exists reports whether there is something at path.
func exists(path string) bool {
	_, err := os.Stat(path)

	return err == nil
}
