package main

import (
	"encoding/json"
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEncode names the program, the standard library and each module, replaced ones
// as what was linked.
func TestEncode(t *testing.T) {
	t.Parallel()
	info := &debug.BuildInfo{GoVersion: "go1.25.1", Main: debug.Module{Path: "example.org/program", Version: "(devel)"}, Deps: []*debug.Module{
		{Path: "example.org/a", Version: "v1.2.3", Sum: "h1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="},
		{Path: "example.org/b", Version: "v1.0.0", Replace: &debug.Module{Path: "example.net/fork", Version: "v1.0.1"}},
	}}
	text, err := encode(info, "0.1.0")
	if err != nil {
		t.Fatal(err)
	}
	var got bom
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := bom{Format: "CycloneDX", SpecVersion: "1.5", Version: 1,
		Metadata: metadata{library("application", "example.org/program", "v0.1.0")},
		Components: []component{library("library", "std", "go1.25.1"), library("library", "example.org/a", "v1.2.3"),
			library("library", "example.net/fork", "v1.0.1")}}
	want.Components[1].Hashes = []hash{{"SHA-256", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("encode mismatch (-want +got):\n%s", diff)
	}
}

func library(kind, name, version string) component {
	purl := "pkg:golang/" + name + "@" + version
	return component{Ref: purl, Type: kind, Name: name, Version: version, PURL: purl}
}

func TestEncode_badSum(t *testing.T) {
	t.Parallel()
	for _, sum := range []string{"h1:", "h1:AAEC", "h1:not base64", "h2:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="} {
		info := &debug.BuildInfo{Deps: []*debug.Module{{Path: "example.org/a", Version: "v1.2.3", Sum: sum}}}
		if _, err := encode(info, "0.1.0"); err == nil {
			t.Errorf("encode with the checksum %q returns no error", sum)
		}
	}
}
