package repotest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/qubesbeat/qubesbeat"

// pkg is what `go list` says of a package.
type pkg struct {
	ImportPath, Doc, Dir string
	GoFiles              []string
	Imports              []string
	Standard             bool
}

// packages lists our packages.
var packages = sync.OnceValues(func() ([]pkg, error) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,Dir,GoFiles,Imports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
})

func list(t *testing.T) []pkg {
	t.Helper()
	all, err := packages()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return all
}

// ring is the level of a package in docs/architecture.md: imports point to the
// same level or a lower one. Tools and tests stand outside.
func ring(path string) (level int, ok bool) {
	rel := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
	for level, names := range rings {
		if slices.Contains(strings.Fields(names), rel) {
			return level, true
		}
	}
	return 0, rel == ""
}

// rings lists the packages of each level, innermost first.
var rings = []string{
	0: `internal/version internal/spell internal/qube internal/packet internal/flow internal/event internal/reassembly
		internal/defrag internal/firewall internal/clienthello internal/servercert internal/dnsmsg internal/dnscache internal/share internal/nftpath internal/safetext internal/addrscope
		internal/textmark internal/outputhint internal/topology internal/worldmap internal/qvmfirewall internal/probe internal/stun internal/tunnelmark internal/verify internal/behaviour/codec internal/behaviour/periodic internal/behaviour/names
		internal/behaviour/walk internal/behaviour/baseline internal/behaviour`,
	1: `config internal/atomicfile internal/filelock internal/quota internal/preflight internal/task internal/metrics internal/ring internal/dnsevent internal/hold internal/guard internal/netstate internal/auxqueue internal/eventfile internal/pcapfilter internal/capture internal/shunt
		internal/inventory internal/filewatch internal/blocklist internal/lists internal/dnspolicy internal/dnsserver internal/localdata internal/upstream internal/qubesdb internal/qrexec
		internal/kernellog internal/nflog internal/nftrules internal/adminapi internal/pcapng internal/packetstore internal/geoip`,
	2: `internal/enrich internal/pipeline internal/report internal/querylog internal/archive internal/bundle internal/control internal/dnsview
		internal/blocky internal/detect internal/detect/evaluate internal/eventimport internal/feed internal/hello internal/resolver internal/ecs internal/topview internal/topview/terminal 		internal/analysis internal/htmlreport internal/timesketch`,
	3: `module/dns module/finding module/firewall module/flow module/inventory module/packets module/summary module/stats module/top module/verify
		module/transaction module/transaction/analyzer module/transaction/wire module/transaction/wire/wiretest module/transaction/supervisor
		module/transaction/procs module/transaction/mapping internal/source`,
	4: `beater beater/settings beater/publish beater/importer`,
	5: `cmd cmd/outputcheck`,
	6: `cmd/qubesbeat`,
}

// outside are folders whose packages are no part of the program.
var outside = []string{"internal/generate", "internal/dashboard", "internal/golden", "internal/dnstest", "internal/repotest", "internal/testbed", "test/"}

// TestImports_direction holds that imports point one way.
func TestImports_direction(t *testing.T) {
	for _, p := range list(t) {
		from, ok := ring(p.ImportPath)
		if !ok {
			if !isOutside(p.ImportPath) {
				t.Errorf("%s has no place in the rings; add it here and to docs/architecture.md", p.ImportPath)
			}
			continue
		}
		for _, path := range p.Imports {
			if !strings.HasPrefix(path, module) {
				continue
			}
			if to, ok := ring(path); !ok || to > from {
				t.Errorf("%s imports %s, which is further out", p.ImportPath, path)
			}
		}
	}
}

func isOutside(path string) bool {
	for _, o := range outside {
		if strings.HasPrefix(strings.TrimPrefix(path, module+"/"), o) {
			return true
		}
	}
	return false
}

// analyzers is the folder with the only packages below the beater that import
// Elastic's code, for packetbeat's analyzers use its types.
const analyzers = module + "/module/transaction"

// TestImports_libbeat holds that only cmd and beater know libbeat, and that the
// domain knows the standard library only.
func TestImports_libbeat(t *testing.T) {
	for _, p := range list(t) {
		level, ok := ring(p.ImportPath)
		if !ok {
			continue
		}
		for _, path := range p.Imports {
			switch {
			case level < 4 && strings.HasPrefix(path, "github.com/elastic/") && !strings.HasPrefix(p.ImportPath+"/", analyzers+"/"):
				t.Errorf("%s imports %s; only beater, cmd and %s may", p.ImportPath, path, analyzers)
			case level == 0 && strings.Contains(path, ".") && !strings.HasPrefix(path, module):
				t.Errorf("%s imports %s; a domain package may import the standard library only", p.ImportPath, path)
			case level == 0 && (path == "net" || path == "os" || path == "log/slog"):
				t.Errorf("%s imports %s; a domain package does no I/O", p.ImportPath, path)
			}
		}
	}
}

// TestImports_config holds that the settings know nothing of what works with them.
func TestImports_config(t *testing.T) {
	for _, p := range list(t) {
		for _, path := range p.Imports {
			if p.ImportPath == module+"/config" && strings.HasPrefix(path, module) && path != module+"/internal/spell" {
				t.Errorf("%s imports %s; translate the settings where they are used", p.ImportPath, path)
			}
		}
	}
}
