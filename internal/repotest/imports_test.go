package repotest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
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
	for prefix, level := range map[string]int{
		"": 0, "internal/version": 0, "internal/task": 1, "internal/metrics": 1, "internal/spell": 0, "internal/qube": 0, "internal/packet": 0, "internal/flow": 0, "internal/event": 0,
		"internal/reassembly": 0, "internal/firewall": 0, "internal/clienthello": 0, "internal/dnsmsg": 0,
		"internal/pcapfilter": 1, "internal/capture": 1, "internal/inventory": 1, "internal/blocklist": 1, "internal/lists": 1, "internal/dnspolicy": 1, "internal/upstream": 1, "internal/qubesdb": 1, "internal/kernellog": 1, "internal/nflog": 1, "internal/chains": 1, "internal/adminapi": 1, "internal/dnsserver": 1, "internal/localdata": 1, "internal/resolver": 2, "module/dns": 3, "internal/dnscache": 0, "internal/dnsevent": 0,
		"internal/enrich": 2, "internal/pipeline": 2, "internal/report": 2, "internal/querylog": 2, "internal/control": 2, "internal/dnsview": 2, "module/finding": 3, "internal/blocky": 2, "internal/tap": 2, "internal/defrag": 0, "internal/greeting": 2,
		"module/ecs": 3, "module/firewall": 3, "module/transaction": 3, "module/flow": 3, "module/inventory": 3, "module/stats": 3, "config": 3,
		"beater": 4, "cmd": 5, "cmd/qubesbeat": 6,
	} {
		if rel == prefix {
			return level, true
		}
	}
	return 0, false
}

// outside are folders whose packages are no part of the program.
var outside = []string{"internal/dnstest", "internal/generate", "internal/golden", "internal/repotest", "internal/testbed", "test/"}

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

// analyzers is the one package below the beater that knows libbeat, for it runs
// packetbeat's analyzers.
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
			case level < 4 && strings.HasPrefix(path, "github.com/elastic/") && p.ImportPath != analyzers:
				t.Errorf("%s imports %s; only beater, cmd and %s may", p.ImportPath, path, analyzers)
			case level == 0 && strings.Contains(path, ".") && !strings.HasPrefix(path, module):
				t.Errorf("%s imports %s; a domain package may import the standard library only", p.ImportPath, path)
			case level == 0 && (path == "net" || path == "os" || path == "log/slog"):
				t.Errorf("%s imports %s; a domain package does no I/O", p.ImportPath, path)
			}
		}
	}
}
