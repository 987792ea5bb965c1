//go:build mage

package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/magefile/mage/sh"
)

// SBOM writes build/qubesbeat.cdx.json: every module in the binary, as CycloneDX.
func SBOM() error {
	if err := Build(); err != nil {
		return err
	}
	return sh.RunWithV(static, "go", "run", "./internal/generate/sbom", "-o", binary+".cdx.json", binary)
}

// Release builds what a release consists of into build/: the binary, its SBOM, the
// packages, and SHA256SUMS of them all.
func Release() error {
	if err := SBOM(); err != nil {
		return err
	}
	if err := Packages(); err != nil {
		return err
	}
	return checksums()
}

// checksums writes build/SHA256SUMS in the format of sha256sum(1).
func checksums() error {
	files := []string{binary, binary + ".cdx.json"}
	for _, pattern := range []string{"build/*.deb", "build/*.rpm"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		files = append(files, found...)
	}
	var sums strings.Builder
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(data), filepath.Base(file))
	}
	return os.WriteFile("build/SHA256SUMS", []byte(sums.String()), 0o644)
}
