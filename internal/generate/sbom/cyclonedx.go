package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
)

// bom is a CycloneDX 1.5 document, as far as it is used here. It has no serial
// number and no time: the same program gives the same document.
type bom struct {
	Format      string      `json:"bomFormat"`
	SpecVersion string      `json:"specVersion"`
	Version     int         `json:"version"`
	Metadata    metadata    `json:"metadata"`
	Components  []component `json:"components"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Ref     string `json:"bom-ref"`
	Type    string `json:"type"`
	Name    string `json:"name"`
	Version string `json:"version"`
	PURL    string `json:"purl"`
	Hashes  []hash `json:"hashes,omitempty"`
}

// hash is the h1 checksum of go.sum, which is a SHA-256 over the module's file list.
type hash struct {
	Alg     string `json:"alg"`
	Content string `json:"content"`
}

// encode returns the document of a program whose own version is given. A replaced
// module appears as what replaces it.
func encode(info *debug.BuildInfo, version string) ([]byte, error) {
	main, err := describe("application", &debug.Module{Path: info.Main.Path, Version: "v" + version})
	if err != nil {
		return nil, err
	}
	std, err := describe("library", &debug.Module{Path: "std", Version: info.GoVersion})
	if err != nil {
		return nil, err
	}
	doc := bom{Format: "CycloneDX", SpecVersion: "1.5", Version: 1, Metadata: metadata{main}, Components: []component{std}}
	for _, m := range info.Deps {
		for m.Replace != nil {
			m = m.Replace
		}
		c, err := describe("library", m)
		if err != nil {
			return nil, err
		}
		doc.Components = append(doc.Components, c)
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	return append(text, '\n'), err
}

// describe returns the component of a module. It returns an error for a checksum
// that is not one of go.sum.
func describe(kind string, m *debug.Module) (component, error) {
	purl := "pkg:golang/" + m.Path + "@" + m.Version
	c := component{Ref: purl, Type: kind, Name: m.Path, Version: m.Version, PURL: purl}
	if m.Sum == "" {
		return c, nil
	}
	sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:"))
	if err != nil || len(sum) != 32 {
		return c, fmt.Errorf("checksum %q of %s is not one of go.sum", m.Sum, m.Path)
	}
	c.Hashes = []hash{{"SHA-256", hex.EncodeToString(sum)}}
	return c, nil
}
