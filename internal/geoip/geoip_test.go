package geoip_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qubesbeat/qubesbeat/internal/geoip"
	"github.com/qubesbeat/qubesbeat/internal/testbed/mmdbfile"
)

// open returns a DB of files with these contents.
func open(t testing.TB, contents ...string) *geoip.DB {
	t.Helper()
	var paths []string
	for _, c := range contents {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(c), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	db, err := geoip.Open(paths...)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// The same in all forms. 8.8.8.0/24 and the others are public, for no other address is
// looked up.
var forms = map[string][]string{
	"mmdb, nested": {string(mmdbfile.Make(mmdbfile.Map{
		"8.8.8.0/24", mmdbfile.Map{"country", mmdbfile.Map{"iso_code", "US"}, "autonomous_system_number", uint32(15169), "autonomous_system_organization", "Example, Inc."},
		"2a00:1450::/32", mmdbfile.Map{"country", mmdbfile.Map{"iso_code", "IE"}}, "10.0.0.0/8", mmdbfile.Map{"country", mmdbfile.Map{"iso_code", "AU"}}}))},
	"mmdb, flat": {string(mmdbfile.Make(mmdbfile.Map{
		"8.8.8.0/24", mmdbfile.Map{"country_code", "US", "autonomous_system_number", uint32(15169), "autonomous_system_organization", "Example, Inc."},
		"2a00:1450::/32", mmdbfile.Map{"country_code", "IE"}}))},
	"mmdb, texts": {string(mmdbfile.Make(mmdbfile.Map{"8.8.8.0/24", mmdbfile.Map{"country", "US", "asn", "AS15169", "as_name", "Example, Inc."}, "2a00:1450::/32", mmdbfile.Map{"country", "IE"}}))},
	"tor":         {"# a comment\n134744064,134744319,US\n1,2,??\n", "2a00:1450::,2a00:1450:ffff:ffff:ffff:ffff:ffff:ffff,IE\n", "8.8.8.0,8.8.8.255,15169,\"Example, Inc.\"\n"},
	"csv":         {"start,end,country\n8.8.8.0,8.8.8.255,US\n2a00:1450::,2a00:1450:ffff::,IE\n10.0.0.0,10.255.255.255,AU\n", "134744064,134744319,15169,\"Example, Inc.\"\n"},
}

func TestDB_Find(t *testing.T) {
	t.Parallel()
	for name, contents := range forms {
		db := open(t, contents...)
		for addr, want := range map[string]geoip.Place{
			"8.8.8.0": {"US", 15169, "Example, Inc."}, "8.8.8.8": {"US", 15169, "Example, Inc."}, "8.8.8.255": {"US", 15169, "Example, Inc."}, "::ffff:8.8.8.8": {"US", 15169, "Example, Inc."},
			"8.8.7.255": {}, "8.8.9.0": {}, "2a00:1450::1": {Country: "IE"}, "2a00:1451::1": {}, "10.1.2.3": {},
		} {
			if diff := cmp.Diff(want, db.Find(netip.MustParseAddr(addr))); diff != "" {
				t.Errorf("%s: Find(%s) mismatch (-want +got):\n%s", name, addr, diff)
			}
		}
		if db.Find(netip.Addr{}) != (geoip.Place{}) {
			t.Errorf("%s: an invalid address has a place", name)
		}
	}
}

// Each address is found in the range that has it, wherever ranges begin and end.
func TestDB_Find_ranges(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 1))
	var text strings.Builder
	owner := map[uint32]string{} // of the ends of ranges, and of their neighbours
	for n, i := uint32(11<<24), 0; n < 90<<24; i++ {
		size := uint32(1) << random.IntN(22)
		code := [...]string{"US", "CH", "IE"}[i%3]
		fmt.Fprintf(&text, "%d,%d,%s\n", n, n+size-1, code)
		owner[n], owner[n+size/2], owner[n+size-1] = code, code, code
		n += size
		if gap := uint32(random.IntN(3)) * 70_000; gap > 0 {
			owner[n], owner[n+gap-1] = "", ""
			n += gap
		}
	}
	db := open(t, text.String())
	for n, want := range owner {
		a := netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		if got := db.Find(a).Country; got != want {
			t.Fatalf("Find(%s) = %q; want %q", a, got, want)
		}
	}
	if len(owner) < 1000 {
		t.Errorf("%d addresses", len(owner))
	}
}

// Addresses without a public host have no place, whatever the file says.
func TestDB_Find_reserved(t *testing.T) {
	t.Parallel()
	db := open(t, "0.0.0.0,255.255.255.255,JP\n::,ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,JP\n")
	for _, addr := range []string{"10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "169.254.1.1", "127.0.0.1", "192.0.2.1", "198.51.100.7", "203.0.113.9", "198.18.0.1",
		"224.0.0.1", "255.255.255.255", "0.0.0.0", "::", "::1", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1", "2001:db8::7", "3fff::1", "64:ff9b::10.0.0.1"} {
		if p := db.Find(netip.MustParseAddr(addr)); p != (geoip.Place{}) {
			t.Errorf("Find(%s) = %v", addr, p)
		}
	}
	if p := db.Find(netip.MustParseAddr("9.9.9.9")); p.Country != "JP" {
		t.Errorf("Find(9.9.9.9) = %v", p)
	}
}

// Countries that are none are left out.
func TestDB_Find_country(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"??", "ZZ", "EU", "AP", "us", "<b", "\u00fc"} {
		if p := open(t, "8.0.0.0,8.255.255.255,"+code+"\n").Find(netip.MustParseAddr("8.8.8.8")); p.Country != "" {
			t.Errorf("%q is taken for a country", code)
		}
	}
}

func TestDB_Files(t *testing.T) {
	t.Parallel()
	f := open(t, "# Generated: Thu, 25 Jun 2026 04:33:59 GMT\n8.0.0.0,8.255.255.255,US\n", forms["mmdb, flat"][0]).Files()
	if f[0].Kind != "tor" || f[0].Ranges != 1 || f[0].Dated.Format("2006-01-02") != "2026-06-25" || f[1].Kind != "mmdb" || f[1].Dated.Year() != 2023 {
		t.Errorf("Files = %+v", f)
	}
}

func TestOpen_faults(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"empty": {"", "no range"}, "comments": {"# x\n", "no range"}, "text": {"hello\n", "not of the form"}, "backwards": {"8.8.8.8,8.8.8.0,US\n", "line 1"},
		"mixed": {"8.8.8.8,::1,US\n", "line 1"}, "country": {"8.8.8.0,8.8.8.8,USA\n", "line 1"}, "cut": {forms["mmdb, flat"][0][:200], "not of the form"},
		"mmdb": {"\xab\xcd\xefMaxMind.com", "MaxMind DB"}, "long": {strings.Repeat("x", 100_000), "too long"},
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := geoip.Open(path); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", name, err, tt.want)
		}
	}
	if _, err := geoip.Open("/nowhere"); err == nil {
		t.Error("no error for a file that is not there")
	}
}

// FuzzOpen reads any file, and looks addresses up in it.
func FuzzOpen(f *testing.F) {
	for _, contents := range forms {
		for _, c := range contents {
			f.Add([]byte(c))
		}
	}
	path := filepath.Join(f.TempDir(), "file")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := geoip.Open(path)
		if err != nil {
			return
		}
		for _, addr := range []string{"8.8.8.8", "9.9.9.9", "2a00:1450::1", "1.1.1.1"} {
			if p := db.Find(netip.MustParseAddr(addr)); len(p.Name) > geoip.MaxName || len(p.Country) != 0 && len(p.Country) != 2 {
				t.Errorf("Find(%s) = %v", addr, p)
			}
		}
	})
}

// BenchmarkDB_Find looks up an address as for each flow.
func BenchmarkDB_Find(b *testing.B) {
	var text strings.Builder
	for i := range 400_000 { // as many ranges as Tor's file has
		n := 16777216 + i*9000
		fmt.Fprintf(&text, "%d,%d,%s\n", n, n+8999, [...]string{"US", "CH", "IE"}[i%3])
	}
	db := open(b, text.String())
	addr := netip.MustParseAddr("93.184.216.34")
	b.ReportAllocs()
	for b.Loop() {
		db.Find(addr)
	}
}

// Each of many records of a MaxMind DB is found, by several goroutines at once.
func TestDB_Find_records(t *testing.T) {
	t.Parallel()
	const networks = 20_000 // more than are kept
	var file mmdbfile.Map
	addr := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{11, byte(n >> 16), byte(n >> 8), byte(n)}) }
	for n := range networks {
		file = append(file, addr(n).String()+"/32", mmdbfile.Map{"autonomous_system_number", uint32(n + 1)})
	}
	db := open(t, string(mmdbfile.Make(file)))
	var all sync.WaitGroup
	for start := range 4 {
		all.Go(func() {
			for i := range 2 * networks {
				n := (i*(2*start+1) + start) % networks
				if p := db.Find(addr(n)); p.Number != uint32(n+1) {
					t.Errorf("Find(%s) = %v; want %d", addr(n), p, n+1)
					return
				}
			}
		})
	}
	all.Wait()
}
